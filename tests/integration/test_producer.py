import json
import threading
from typing import Any

import pytest
from redis import Redis

from pipeline.producer import STREAM, Producer, ProducerError
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
