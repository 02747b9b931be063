"""The alarm over what is in doubt and what was set aside; figures tell the same."""

import time

import structlog

from pipeline.store import doubts, set_aside
from workers.runtime import Runtime

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
"""Machine time between two looks."""


class DoubtWatch:
    """A part of every dispatcher's round; it asks PostgreSQL alone, once a minute."""

    def __init__(self, runtime: Runtime, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._runtime = runtime
        self._every_seconds = every_seconds
        self._at = 0.0
        self._doubts = 0
        self._aside = 0

    def watch(self) -> None:
        """Raise the alarm when there are more than a minute ago; at the start, if there are any."""
        if time.monotonic() < self._at:
            return
        self._at = time.monotonic() + self._every_seconds
        with self._runtime.transaction() as connection:
            found = doubts.totals(connection)
            aside = set_aside.count(connection)
        if found.amount > self._doubts:
            # A worker of an older version does not write since when.
            now = self._runtime.clock.now()
            age = (now - (found.oldest_at or now)).total_seconds()
            log.error(
                "doubts_grow",
                messages=found.amount,
                new=found.amount - self._doubts,
                oldest_seconds=round(age, 1),
            )
        if aside > self._aside:
            log.error("set_aside_grows", messages=aside, new=aside - self._aside)
        self._doubts, self._aside = found.amount, aside
