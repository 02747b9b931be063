"""Under pressure: producers wait or are told, intake pauses, nothing is lost, all goes on.

The servers are this file's own: Redis is given too little memory.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError
from structlog.testing import capture_logs

from pipeline.policy.pressure import Pressure, retry_after_seconds
from pipeline.policy.vocabulary import MessageState, Stage
from pipeline.producer import STREAM, BusyError, Producer
from tests.integration.workers.conftest import Belt
from tests.integration.world import World, numbers
from tests.own_servers import own, servers  # noqa: F401 - fixtures
from workers.clock import machine_now
from workers.dispatch import Dispatcher
from workers.intake import IntakeReader
from workers.pressure_watch import PressureWatch
from workers.runtime import Runtime

pytestmark = pytest.mark.usefixtures("still")


@pytest.fixture
def memory(runtime: Runtime) -> Iterator[Callable[[float], None]]:
    """Give Redis so much memory that it has used a share of it (1: all)."""

    def use(share: float) -> None:
        used: int = runtime.redis.info("memory")["used_memory"]
        runtime.redis.config_set("maxmemory", int(used / share))

    yield use
    runtime.redis.config_set("maxmemory", 0)


def ballast(client: "Redis") -> None:
    """What Redis itself needs from moment to moment is then little of what it has."""
    client.setrange("ballast", 64 * 1024 * 1024, b"x")


def rows(count: int) -> list[dict[str, Any]]:
    return [{"to": number, "id": number} for number in numbers(count)]


def test_a_producer_waits_while_redis_is_short_of_memory(
    world: World, memory: Callable[[float], None]
) -> None:
    client = world.runtime.redis
    ballast(client)
    memory(0.85)
    asleep, receipts = threading.Event(), []
    producer = Producer(client)
    assert [(one.pressure, one.producers_wait) for one in producer.strains()] == [
        (Pressure.REDIS_MEMORY, True)
    ]

    def send() -> None:
        asleep.set()
        receipts.append(producer.send("us", rows(10)))

    thread = threading.Thread(target=send)
    thread.start()
    asleep.wait(10)
    thread.join(0.3)
    assert (thread.is_alive(), client.xlen(STREAM)) == (True, 0)
    client.config_set("maxmemory", 0)
    thread.join(10)
    assert [receipt.messages for receipt in receipts] == [10]


def test_who_cannot_wait_is_told_at_once_and_nothing_was_enqueued(
    world: World, memory: Callable[[float], None]
) -> None:
    ballast(world.runtime.redis)
    memory(0.85)
    with pytest.raises(BusyError, match="of its memory") as raised:
        Producer(world.runtime.redis, patience=0).send("us", rows(10))
    assert raised.value.receipt.messages == 0
    assert retry_after_seconds(raised.value.strains) == 15
    assert world.runtime.redis.xlen(STREAM) == 0


def test_who_may_not_ask_for_the_memory_may_enqueue_all_the_same(world: World) -> None:
    client = world.runtime.redis
    client.acl_setuser(
        "producer", enabled=True, nopass=True, keys=[STREAM], commands=["+xadd", "+xlen", "+client"]
    )
    url = world.runtime.servers.redis_url.replace("redis://", "redis://producer:any@")
    with Redis.from_url(url) as limited:
        assert Producer(limited).send("us", rows(3)).messages == 3


def test_redis_out_of_memory_loses_nothing_and_all_goes_on(
    world: World, belt: Belt, memory: Callable[[float], None]
) -> None:
    client, runtime = world.runtime.redis, world.runtime
    world.campaign()
    reader, dispatcher = IntakeReader(runtime), Dispatcher(runtime)
    reader.step(block_ms=1)  # it makes its group
    Producer(client).send("us", rows(1500))
    ballast(client)
    memory(1.02)
    with pytest.raises(OutOfMemoryError):
        client.set("more", "x")

    # A producer is refused, and told how far it came.
    with pytest.raises(BusyError) as raised:
        Producer(client, patience=0.2).send("us", rows(1500))
    assert raised.value.receipt.messages == 0
    # What stands in the stream is taken in; the queue does not take the ids, and the rows stay.
    reader.step(block_ms=1)
    assert len(world.states()) == 1500
    assert client.xlen(STREAM) == 0
    dispatcher.round()
    assert belt.ids(Stage.CONSENT) == []

    client.config_set("maxmemory", 0)
    world.execute("UPDATE messages SET lease_until = :now", now=machine_now())
    again = Dispatcher(runtime)
    again.round()
    assert belt.ids(Stage.CONSENT) == sorted(world.states())


@pytest.mark.usefixtures("belt")
def test_a_reader_that_starts_while_redis_is_full_empties_the_stream(
    world: World, memory: Callable[[float], None]
) -> None:
    client, runtime = world.runtime.redis, world.runtime
    world.campaign()
    IntakeReader(runtime).step(block_ms=1)  # the group is there
    client.xadd(STREAM, {"schema": "of another time"})
    Producer(client).send("unknown", rows(10))
    Producer(client).send("us", rows(1500))
    ballast(client)
    memory(1.02)
    with capture_logs() as logs:
        IntakeReader(runtime, iter([True] * 3 + [False] * 2).__next__).run()
    assert len(world.states()) == 1500
    # What is to be kept as a dead letter stays where it is until there is room.
    assert client.xlen(STREAM) == 2
    assert [line["event"] for line in logs if line["event"] == "intake_waits"] == ["intake_waits"]


@pytest.mark.usefixtures("belt")
def test_intake_pauses_while_the_stages_are_behind(world: World) -> None:
    runtime = world.runtime
    runtime.settings.intake.undecided = 3
    campaign, lease = world.campaign(), machine_now() + timedelta(minutes=1)
    ids = world.messages(
        campaign, world.contacts(numbers(3)), MessageState.ACCEPTED, lease_until=lease
    )
    reader = IntakeReader(runtime, iter([True] * 4 + [False] * 2).__next__)
    Producer(runtime.redis).send("us", [{"to": "+12125550199"}])
    with capture_logs() as logs:
        reader.run()
    assert runtime.redis.xlen(STREAM) == 1
    assert [(line["event"], line["undecided"]) for line in logs] == [("intake_holds", 3)]

    world.execute(
        "UPDATE messages SET state = 'blocked', lease_until = NULL WHERE id = :id", id=ids[0]
    )
    reader = IntakeReader(runtime, iter([True] * 4 + [False] * 2).__next__)
    reader.run()
    assert runtime.redis.xlen(STREAM) == 0


def test_the_dispatcher_tells_of_danger_once_and_when_it_is_over(
    world: World, memory: Callable[[float], None]
) -> None:
    client = world.runtime.redis
    ballast(client)
    watch = PressureWatch(world.runtime, every_seconds=0)
    with capture_logs() as logs:
        watch.look()
        for share in (0.7, 0.7, 0.9):
            memory(share)
            watch.look()
        client.config_set("maxmemory", 0)
        watch.look()
    told = [(line["event"], line["of"], line.get("producers_wait")) for line in logs]
    assert told == [
        ("pressure", "redis_memory", False),
        ("pressure", "redis_memory", True),
        ("pressure_over", "redis_memory", None),
    ]
