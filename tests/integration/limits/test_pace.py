"""The slots of senders in a real Redis: never closer than the sender's interval."""

import multiprocessing
import queue
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from redis import Redis

from pipeline.limits.pace import KEY_PREFIX, LONGEST_HORIZON, Pace, interval_of
from workers.servers import Servers

SPAWN = multiprocessing.get_context("spawn")

RATE = 200.0
LEAD, HORIZON = 0.01, 0.2


@pytest.fixture
def client(servers: Servers) -> Iterator["Redis"]:
    with Redis.from_url(servers.redis_url) as opened:
        yield opened


def _now(client: "Redis") -> float:
    """The server's clock, from which the slots are counted."""
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6


def _take(client: "Redis", rate: float, wanted: int, *, sender: int = 1) -> list[float]:
    """Ask once; the slots in seconds of the server's clock, exact to the microsecond.

    The answer counts from the call's moment, which it does not tell: the key tells the end.
    """
    grant = Pace(client).take({sender: (rate, wanted)}, lead=LEAD, horizon=HORIZON)[sender]
    value: Any = client.get(f"{KEY_PREFIX}{sender}")
    first = int(value) / 1e6 - grant.count * grant.interval
    return [first + i * grant.interval for i in range(grant.count)]


def _ask(redis_url: str, seconds: float, start: Any, slots: Any) -> None:
    """One of many callers: ask again and again, and tell which slots came.

    Each caller has the clock of one machine, so that slots of several can be compared.
    """
    granted: list[tuple[float, float]] = []
    with Redis.from_url(redis_url) as client:
        pace = Pace(client)
        start.wait()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            before = time.monotonic()
            grant = pace.take({1: (RATE, 3)}, lead=LEAD, horizon=HORIZON)[1]
            after = time.monotonic()
            granted += [
                (before + grant.delay + i * grant.interval, after - before)
                for i in range(grant.count)
            ]
    slots.put(granted)


def test_many_callers_together_get_the_rate_and_no_more(servers: Servers, client: "Redis") -> None:
    start, slots = SPAWN.Barrier(8), SPAWN.Queue()
    processes = [
        SPAWN.Process(target=_ask, args=(servers.redis_url, 1.5, start, slots)) for _ in range(8)
    ]
    for process in processes:
        process.start()
    granted = sorted(pair for _ in processes for pair in slots.get(timeout=60))
    for process in processes:
        process.join(10)

    # The k-th slot after another lies k intervals later, but for what a call itself took.
    interval = interval_of(RATE)
    span = granted[-1][0] - granted[0][0]
    doubt = max(pair[1] for pair in granted)
    assert len(granted) <= (span + doubt) / interval + 1
    assert len(granted) >= 0.95 * span / interval
    first: Any = client.get(f"{KEY_PREFIX}1")
    assert int(first) / 1e6 <= _now(client) + HORIZON + interval
    with pytest.raises(queue.Empty):
        slots.get_nowait()


def test_slots_of_successive_calls_are_never_closer_than_the_interval(client: "Redis") -> None:
    slots: list[float] = []
    while len(slots) < 60:
        slots += _take(client, RATE, 7)

    gaps = [later - earlier for earlier, later in pairwise(slots)]
    assert min(gaps) >= interval_of(RATE) - 2e-6


def test_no_slot_lies_before_the_lead_nor_beyond_the_horizon(client: "Redis") -> None:
    _take(client, RATE, 1)
    for _ in range(20):
        before = _now(client)
        slots = _take(client, RATE, 1000)
        after = _now(client)
        assert all(before + LEAD <= slot <= after + HORIZON + 1e-6 for slot in slots)
        time.sleep(0.01)  # time itself is what is tested: slots come as it passes


def test_a_lost_key_grants_no_slot_again(client: "Redis") -> None:
    for _ in range(20):
        granted = _take(client, RATE, 1000)
        client.flushdb()
        again: list[float] = []
        while not again:
            again = _take(client, RATE, 5)
        if granted:
            assert again[0] - granted[-1] >= interval_of(RATE) - 2e-6


def test_an_unknown_sender_begins_behind_every_slot_that_could_be_granted(
    client: "Redis",
) -> None:
    before = _now(client)
    assert _take(client, RATE, 5) == []
    slots: list[float] = []
    while not slots:
        slots = _take(client, RATE, 5)

    assert slots[0] >= before + LONGEST_HORIZON + interval_of(RATE) - 2e-6
    assert slots[0] <= _now(client) + HORIZON


def test_a_horizon_beyond_the_longest_is_refused(client: "Redis") -> None:
    with pytest.raises(ValueError, match="horizon"):
        Pace(client).take({1: (RATE, 1)}, lead=LEAD, horizon=LONGEST_HORIZON + 0.01)


def test_a_slow_sender_does_not_delay_a_fast_one(client: "Redis") -> None:
    pace = Pace(client)
    fast = 0
    slow = 0
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        grants = pace.take({1: (0.5, 50), 2: (500.0, 50)}, lead=LEAD, horizon=HORIZON)
        slow += grants[1].count
        fast += grants[2].count

    assert slow <= 1
    assert fast >= 0.9 * 500


def test_a_sender_whose_rate_is_lowered_keeps_the_new_interval(client: "Redis") -> None:
    while not _take(client, RATE, 5):
        pass
    slots: list[float] = []
    while len(slots) < 6:
        slots += _take(client, 20.0, 4)

    assert all(b - a >= interval_of(20.0) - 2e-6 for a, b in pairwise(slots))
