import json
import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from sqlalchemy.engine import make_url

from pipeline.producer import STREAM, Producer, ProducerError, Receipt
from pipeline.stages.intake import MAX_BYTES, Chunk, read_entry
from workers.runtime import Runtime


def entries(client: "Redis") -> list[tuple[bytes, Chunk]]:
    found: Any = client.xrange(STREAM)
    read = [(entry_id, read_entry(fields)) for entry_id, fields in found]
    assert all(isinstance(chunk, Chunk) for _, chunk in read)
    return [(entry_id, chunk) for entry_id, chunk in read if isinstance(chunk, Chunk)]


def test_every_row_arrives_in_order_in_chunks_that_intake_takes(runtime: Runtime) -> None:
    rows = [{"to": f"+{n}", "variables": {"name": "Zoë"}} for n in range(2500)]
    told: list[int] = []
    receipt = Producer(runtime.redis).send("news", iter(rows), progress=told.append)
    found = entries(runtime.redis)
    assert [len(chunk.rows) for _, chunk in found] == [1000, 1000, 500]
    assert [row for _, chunk in found for row in chunk.rows] == rows
    assert receipt.messages == 2500
    assert list(receipt.entry_ids) == [entry_id.decode() for entry_id, _ in found]
    assert told == [1000, 2000, 2500]


def test_large_rows_make_smaller_chunks(runtime: Runtime) -> None:
    rows = [{"to": "+1", "variables": {"x": "y" * 300_000}} for _ in range(7)]
    Producer(runtime.redis).send("news", rows)
    found: Any = runtime.redis.xrange(STREAM)
    assert all(len(fields[b"messages"]) <= MAX_BYTES for _, fields in found)
    assert [len(json.loads(fields[b"messages"])) for _, fields in found] == [3, 3, 1]


def test_a_row_beyond_every_chunk_is_named(runtime: Runtime) -> None:
    rows: list[dict[str, Any]] = [{"to": "+1"}, {"to": "+2", "variables": {"x": "y" * MAX_BYTES}}]
    with pytest.raises(ProducerError, match="row 2 has"):
        Producer(runtime.redis).send("news", rows)


def test_half_a_character_reaches_intake(runtime: Runtime) -> None:
    Producer(runtime.redis).send("news", [{"to": "\ud800"}, {"to": "+1"}])
    ((_, chunk),) = entries(runtime.redis)
    assert chunk.rows == [{"to": "\ud800"}, {"to": "+1"}]


def test_a_client_that_decodes_its_answers_will_do(runtime: Runtime) -> None:
    with Redis.from_url(runtime.servers.redis_url, decode_responses=True) as client:
        receipt = Producer(client).send("news", [{"to": "+1"}])
    assert [entry_id.decode() for entry_id, _ in entries(runtime.redis)] == list(receipt.entry_ids)


def test_no_rows_make_no_entry(runtime: Runtime) -> None:
    receipt = Producer(runtime.redis).send("news", [])
    assert (receipt.entry_ids, receipt.messages) == ((), 0)


def test_a_durable_receipt_says_that_redis_has_it_on_disk(runtime: Runtime) -> None:
    version: str = runtime.redis.info("server")["redis_version"]
    if tuple(map(int, version.split(".")[:2])) < (7, 2):
        pytest.skip(f"Redis {version} has no WAITAOF")
    receipt = Producer(runtime.redis).send("news", [{"to": "+1"}], durable_within=5)
    assert receipt.on_disk is True


def test_a_full_stream_makes_the_producer_wait_until_it_is_read(
    runtime: Runtime,
) -> None:
    client = runtime.redis
    producer = Producer(client, backlog_entries=3)
    rows = [{"to": f"+{n}"} for n in range(6000)]
    thread = threading.Thread(target=producer.send, args=("news", rows))
    thread.start()
    longest = taken = 0
    while thread.is_alive() or client.xlen(STREAM):
        length = client.xlen(STREAM)
        longest = max(longest, length)
        if length == 3 or not thread.is_alive():
            found: Any = client.xrange(STREAM, count=1)
            taken += client.xdel(STREAM, found[0][0])
    thread.join()
    assert (longest, taken) == (3, 6)


def test_a_stream_that_nobody_reads_ends_the_wait_with_what_was_enqueued(
    runtime: Runtime,
) -> None:
    producer = Producer(runtime.redis, backlog_entries=2, patience=0.2)
    with pytest.raises(ProducerError, match="start recado intake") as raised:
        producer.send("news", [{"to": f"+{n}"} for n in range(5000)])
    assert raised.value.receipt.messages == 2000


def test_a_lost_connection_is_mended_and_every_row_arrives(runtime: Runtime) -> None:
    client = runtime.redis

    def rows() -> Any:
        for n in range(3000):
            if n == 1500:
                client.client_kill_filter(_type="normal", skipme=True)
            yield {"to": f"+{n}"}

    receipt = Producer(client).send("news", rows(), durable_within=5)
    numbers = {row["to"] for _, chunk in entries(client) for row in chunk.rows}  # type: ignore[index]
    assert numbers == {f"+{n}" for n in range(3000)}
    assert receipt.messages == 3000
    assert receipt.on_disk is False


@pytest.fixture
def refusing(runtime: Runtime) -> Iterator[Callable[[], object]]:
    """Redis takes no writes, as when its disk is full, until what is given is called."""
    client = runtime.redis

    def mend() -> object:
        return client.config_set("min-replicas-to-write", 0)

    client.config_set("min-replicas-to-write", 1)
    yield mend
    mend()


def test_what_redis_refuses_for_a_while_arrives_afterwards(
    runtime: Runtime, refusing: Callable[[], object], wait_for: Callable[..., None]
) -> None:
    before = refusals(runtime.redis)
    receipts: list[Receipt] = []
    thread = threading.Thread(
        target=lambda: receipts.append(Producer(runtime.redis).send("news", [{"to": "+1"}]))
    )
    thread.start()
    wait_for(lambda: refusals(runtime.redis) > before, what="the first refusal")
    refusing()
    thread.join()
    assert [receipt.messages for receipt in receipts] == [1]
    assert [len(chunk.rows) for _, chunk in entries(runtime.redis)] == [1]


@pytest.mark.usefixtures("refusing")
def test_whoever_cannot_wait_is_told_what_redis_refuses(runtime: Runtime) -> None:
    with pytest.raises(ProducerError, match=r"no writes for 0 s: NOREPLICAS.*0 messages were"):
        Producer(runtime.redis, patience=0).send("news", [{"to": "+1"}])


def test_a_user_who_may_not_add_is_told_at_once(runtime: Runtime) -> None:
    client = runtime.redis
    password = secrets.token_hex(8)
    client.acl_setuser(
        "reader", enabled=True, passwords=[f"+{password}"], keys=["*"], commands=["+@all", "-xadd"]
    )
    try:
        url = make_url(runtime.servers.redis_url).set(username="reader", password=password)
        with (
            Redis.from_url(url.render_as_string(hide_password=False)) as reader,
            pytest.raises(ProducerError, match=r"Redis refuses us.*xadd"),
        ):
            Producer(reader).send("news", [{"to": "+1"}])
    finally:
        client.acl_deluser("reader")


def refusals(client: "Redis") -> int:
    stats: Any = client.info("errorstats")
    return int(stats.get("errorstat_NOREPLICAS", {}).get("count", 0))
