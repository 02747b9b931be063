"""A sender that its provider finds too fast goes slower for everybody, and comes back by itself."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from pipeline.limits import pace as pacing
from pipeline.limits.pace import KEEPS, KEY_PREFIX, LEAST, RECOVERY, SLOWED_KEY, Pace, interval_of
from workers.servers import Servers

RATE = 100.0
LEAD, HORIZON = 0.01, 0.2
SENDER = 1


@pytest.fixture
def client(servers: Servers) -> Iterator["Redis"]:
    with Redis.from_url(servers.redis_url) as opened:
        yield opened


@pytest.fixture
def pace(client: "Redis") -> Pace:
    return Pace(client)


def _interval(pace: Pace, *, taken: int = 0, sender: int = SENDER) -> float:
    grants = pace.take({sender: (RATE, 1)}, lead=LEAD, horizon=HORIZON, taken={sender: taken})
    return grants[sender].interval


def _later(client: "Redis", seconds: float) -> None:
    """As if the last lowering were so long ago."""
    value: Any = client.hget(SLOWED_KEY, str(SENDER))
    share, lowered = value.split(b":")
    client.hset(SLOWED_KEY, str(SENDER), f"{share.decode()}:{int(lowered) - int(seconds * 1e6)}")


def test_a_refusal_halves_the_rate_and_a_burst_of_them_is_one(pace: Pace) -> None:
    assert pace.slow(SENDER, retry_after=None) == KEEPS
    assert [pace.slow(SENDER, retry_after=None) for _ in range(20)] == [None] * 20

    assert _interval(pace) == pytest.approx(interval_of(RATE) / KEEPS, rel=1e-3)
    assert _interval(pace, sender=2) == pytest.approx(interval_of(RATE), rel=1e-3)
    assert pace.slowed() == {SENDER: KEEPS}


def test_it_never_falls_to_nothing(pace: Pace, client: "Redis") -> None:
    for _ in range(12):
        assert pace.slow(SENDER, retry_after=None) is not None
        _later(client, pacing.ONE_EVENT + 0.1)

    assert pace.slowed() == {SENDER: LEAST}


def test_what_is_taken_brings_the_rate_back_and_never_above_its_own(
    pace: Pace, client: "Redis"
) -> None:
    pace.slow(SENDER, retry_after=None)
    a_second = round(RATE * KEEPS)
    before = _interval(pace)
    after = _interval(pace, taken=a_second)
    assert after < before
    gained = interval_of(RATE) / after - KEEPS
    assert gained == pytest.approx(KEEPS / RECOVERY, rel=0.1)

    shortest = min(_interval(pace, taken=a_second) for _ in range(100))

    assert shortest == pytest.approx(interval_of(RATE), rel=1e-3)
    assert shortest >= interval_of(RATE)
    assert pace.slowed() == {}
    assert client.exists(SLOWED_KEY) == 0


def test_a_provider_that_asks_for_a_pause_gets_it(pace: Pace, client: "Redis") -> None:
    pace.slow(SENDER, retry_after=30.0)

    grant = pace.take({SENDER: (RATE, 5)}, lead=LEAD, horizon=HORIZON)[SENDER]

    assert grant.count == 0
    assert 29.0 < grant.delay <= 30.0
    seconds, _ = client.time()
    free: Any = client.get(f"{KEY_PREFIX}{SENDER}")
    assert int(free) / 1e6 >= float(seconds) + 29.0


def test_a_redis_that_lost_everything_gives_the_own_rate_again(pace: Pace, client: "Redis") -> None:
    pace.slow(SENDER, retry_after=None)
    client.flushdb()
    assert _interval(pace) == pytest.approx(interval_of(RATE), rel=1e-3)


def test_a_slowing_that_nothing_has_ended_is_forgotten(pace: Pace, client: "Redis") -> None:
    pace.slow(SENDER, retry_after=None)
    _later(client, pacing.MEMORY + 1)

    assert pace.slowed() == {}
    assert _interval(pace) == pytest.approx(interval_of(RATE), rel=1e-3)
