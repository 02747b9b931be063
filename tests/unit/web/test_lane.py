"""The lane: what is handed over together is committed together, and fails alone."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import psycopg
from sqlalchemy.exc import DBAPIError, OperationalError

from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import InboundReply, Person
from pipeline.stages.receive import Arrival, Effect, Taken
from workers.web.lane import Lane
from workers.web.parcels import UnavailableError, UnstorableError

NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
T = TypeVar("T")


def arrival(name: str) -> Arrival:
    person = Person(phone="+1")
    event = InboundReply(
        provider_id=name, channel=Channel.SMS, person=person, addresses=("us",), body="x"
    )
    return Arrival(account="tw", event=event, received_at=NOW)


def names(arrivals: Sequence[Arrival]) -> list[str]:
    return [one.event.provider_id for one in arrivals if isinstance(one.event, InboundReply)]


class Store:
    """In the place of the database: remembers what it committed, and fails as it is told."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.poison: set[str] = set()
        self.failure: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def commit(self, arrivals: Sequence[Arrival], began: Sequence[float]) -> list[Taken]:
        assert len(arrivals) == len(began)
        self.entered.set()
        self.open.wait(20)
        if self.failure is not None:
            raise self.failure
        if self.poison & {*names(arrivals)}:
            raise ValueError("what it was stays here")
        self.batches.append(names(arrivals))
        return [Taken(effect=Effect.REPLY, inbound_id=int(name)) for name in names(arrivals)]

    @property
    def stored(self) -> list[str]:
        return [name for batch in self.batches for name in batch]


@contextmanager
def running(
    store: Store, *, bound: int = 1000, keeps: bool = True, patience: float = 4.5
) -> Iterator[Lane]:
    lane = Lane("test", store.commit, bound=bound, keeps=keeps, patience=patience)
    lane.start()
    try:
        yield lane
    finally:
        store.open.set()
        lane.stop(10)


def away() -> Exception:
    return OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused"))


async def soon(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


async def answer(handed: Awaitable[T]) -> T | Exception:
    try:
        return await handed
    except (UnavailableError, UnstorableError) as error:
        return error


async def put_many(lane: Lane, store: Store, wanted: Sequence[str]) -> list[object]:
    """The first is in the writer's hands when the others come."""
    store.open.clear()
    store.entered.clear()
    first = asyncio.create_task(answer(lane.put([arrival(wanted[0])], 0.0)))
    await soon(store.entered.is_set, "the first transaction")
    others = [asyncio.create_task(answer(lane.put([arrival(n)], 0.0))) for n in wanted[1:]]
    await soon(lambda: lane.waiting == len(others), "the others in the queue")
    store.open.set()
    return [await task for task in (first, *others)]


def test_what_waits_is_committed_in_one_transaction() -> None:
    store = Store()
    wanted = [str(number) for number in range(50)]

    async def run() -> None:
        with running(store) as lane:
            answers = await put_many(lane, store, wanted)
            assert answers == [[Taken(effect=Effect.REPLY, inbound_id=n)] for n in range(50)]

    asyncio.run(run())
    assert store.batches == [["0"], wanted[1:]]


def test_a_poisoned_event_fails_alone() -> None:
    store = Store()
    store.poison = {"13", "37"}
    wanted = [str(number) for number in range(50)]

    async def run() -> None:
        with running(store) as lane:
            answers = await put_many(lane, store, wanted)
            failed = [n for n, one in enumerate(answers) if isinstance(one, UnstorableError)]
            assert failed == [13, 37]
            assert "what it was" not in str(answers[13])

    asyncio.run(run())
    assert sorted(store.stored, key=int) == [n for n in wanted if n not in store.poison]


def test_nobody_waits_while_the_database_is_away_and_all_is_stored_afterwards() -> None:
    store = Store()
    store.failure = away()

    async def run() -> None:
        with running(store) as lane:
            began = time.monotonic()
            answers = await put_many(lane, store, ["1", "2", "3"])
            late = await answer(lane.put([arrival("4")], 0.0))
            assert all(isinstance(one, UnavailableError) for one in (*answers, late))
            assert time.monotonic() - began < 5
            store.failure = None
            await soon(lambda: len(store.stored) == 4, "what was put off")

    asyncio.run(run())
    assert store.stored == ["1", "2", "3", "4"]


def test_a_lane_that_keeps_nothing_refuses_and_recovers() -> None:
    store = Store()
    store.failure = away()

    async def run() -> None:
        with running(store, keeps=False) as lane:
            assert isinstance(await answer(lane.put([arrival("1")], 0.0)), UnavailableError)
            store.failure = None

            async def taken() -> bool:
                return isinstance(await answer(lane.put([arrival("2")], 0.0)), list)

            deadline = time.monotonic() + 10
            while not await taken():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.02)

    asyncio.run(run())
    assert store.stored == ["2"]


def test_a_frozen_database_is_waited_for_no_longer_than_it_takes_to_notice() -> None:
    store = Store()
    store.open.clear()

    async def run() -> None:
        with running(store, patience=0.2) as lane:
            first = asyncio.create_task(answer(lane.put([arrival("1")], 0.0)))
            await soon(store.entered.is_set, "the transaction")
            second = asyncio.create_task(answer(lane.put([arrival("2")], 0.0)))
            assert isinstance(await asyncio.wait_for(first, 5), UnavailableError)
            assert isinstance(await asyncio.wait_for(second, 5), UnavailableError)
            # While it is frozen nobody waits at all.
            third = answer(lane.put([arrival("3")], 0.0))
            assert isinstance(await asyncio.wait_for(third, 0.1), UnavailableError)
            store.open.set()
            await soon(lambda: len(store.stored) == 3, "what was put off")

    asyncio.run(run())
    assert store.stored == ["1", "2", "3"]


def test_more_than_the_bound_is_refused() -> None:
    store = Store()

    async def run() -> None:
        with running(store, bound=2) as lane:
            store.open.clear()
            held = [asyncio.create_task(answer(lane.put([arrival("0")], 0.0)))]
            await soon(store.entered.is_set, "the first transaction")
            held += [asyncio.create_task(answer(lane.put([arrival(n)], 0.0))) for n in "12"]
            await soon(lambda: lane.waiting == 2, "a full queue")
            assert isinstance(await answer(lane.put([arrival("3")], 0.0)), UnavailableError)
            store.open.set()
            assert all(isinstance(one, list) for one in await asyncio.gather(*held))

    asyncio.run(run())
    assert sorted(store.stored) == ["0", "1", "2"]


BUSY = [
    psycopg.errors.DeadlockDetected,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.QueryCanceled,
]


def test_a_busy_database_is_not_the_events_fault() -> None:
    async def run(kind: type[psycopg.Error]) -> None:
        store = Store()
        store.failure = DBAPIError("x", {}, kind("busy"))
        with running(store) as lane:
            assert isinstance(await answer(lane.put([arrival("1")], 0.0)), UnavailableError), kind
            assert lane.waiting == 1, kind
            store.failure = None
            await soon(lambda: store.stored == ["1"], f"what was kept after {kind.__name__}")
            assert lane.waiting == 0, kind

    async def every_kind() -> None:
        # Side by side: each waits for seconds until the lane tries again.
        await asyncio.gather(*map(run, BUSY))

    asyncio.run(every_kind())


def test_a_lane_that_keeps_nothing_forgets_what_was_busy() -> None:
    store = Store()
    store.failure = DBAPIError("x", {}, psycopg.errors.LockNotAvailable("busy"))

    async def run() -> None:
        with running(store, keeps=False) as lane:
            assert isinstance(await answer(lane.put([arrival("1")], 0.0)), UnavailableError)
            assert lane.waiting == 0

    asyncio.run(run())


def test_thousands_who_have_given_up_do_not_end_the_writer() -> None:
    store = Store()

    async def run() -> None:
        with running(store, keeps=False, bound=200_000) as lane:
            store.open.clear()
            first = asyncio.create_task(answer(lane.put([arrival("0")], 0.0)))
            await soon(store.entered.is_set, "the first transaction")
            wakened = asyncio.create_task(lane.put([arrival("1")], 0.0))
            others = [asyncio.create_task(lane.put([arrival("2")] * 400, 0.0)) for _ in range(300)]
            await soon(lambda: lane.waiting > 300 * 400, "the others in the queue")
            for task in (wakened, *others):
                task.cancel()
            await asyncio.gather(wakened, *others, return_exceptions=True)
            store.open.set()
            await first
            assert isinstance(await answer(lane.put([arrival("3")], 0.0)), list)
            assert lane.alive

    asyncio.run(run())
    assert store.stored == ["0", "3"]


def test_stopping_finishes_what_waits() -> None:
    store = Store()

    async def run() -> None:
        lane = Lane("test", store.commit, bound=10, keeps=True)
        store.open.clear()
        lane.start()
        held = [asyncio.create_task(answer(lane.put([arrival(str(n))], 0.0))) for n in range(5)]
        await soon(store.entered.is_set, "the first transaction")
        store.open.set()
        await asyncio.to_thread(lane.stop, 10)
        assert all(isinstance(one, list) for one in await asyncio.gather(*held))
        assert isinstance(await answer(lane.put([arrival("9")], 0.0)), UnavailableError)
        assert not lane.alive

    asyncio.run(run())
    assert sorted(store.stored) == ["0", "1", "2", "3", "4"]
