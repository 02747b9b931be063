"""The two clocks. Nothing else in Recado reads the time, SQL included.

*Business time* is what a person would read: windows, caps, deadlines, expiry. It can be shifted
and sped up for a demo or a test. *Machine time* is the real one, always: leases, timeouts, rates
and back-off live on it, or a time-lapse would break every lease.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.engine import Engine

from pipeline.store import clock as clock_store


def machine_now() -> datetime:
    """The real instant, aware, in UTC."""
    return datetime.now(UTC)


def machine_seconds() -> float:
    """The real instant in seconds since 1970."""
    return time.time()


@dataclass(frozen=True, slots=True)
class BusinessClock:
    """Business time: ``start + (machine time - origin) * speed``; the real time with no start.

    Every process of a stack must share `origin` (a machine instant), or their days would drift
    apart; see `shared_clock`.
    """

    start: datetime | None = None
    speed: float = 1.0
    origin: datetime | None = None

    def now(self) -> datetime:
        """The business instant, aware, in UTC."""
        real = machine_now()
        if self.start is None or self.origin is None:
            return real
        return self.start + (real - self.origin) * self.speed

    def span(self, machine_seconds: float) -> timedelta:
        """How much business time passes in so many seconds of machine time."""
        return timedelta(seconds=machine_seconds * (1.0 if self.start is None else self.speed))

    def wait_until(self, instant: datetime) -> float:
        """Seconds of machine time until the business clock shows `instant`; 0 when it is past."""
        return max(0.0, (instant - self.now()).total_seconds() / self.speed)


Now = Callable[[], datetime]


def shared_clock(engine: Engine, *, start: datetime | None, speed: float) -> BusinessClock:
    """The business clock of the stack that uses this database.

    The first process to ask fixes the origin in the database; the others read it, so all show
    the same instant, and a restart goes on where the time-lapse stood.
    """
    if start is None:
        return BusinessClock()
    start = start.astimezone(UTC)
    with engine.begin() as connection:
        origin = clock_store.fix_origin(connection, start=start, speed=speed, now=machine_now())
    return BusinessClock(start=start, speed=speed, origin=origin)
