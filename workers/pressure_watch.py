"""The dispatcher's part in back-pressure: looks at Redis and PostgreSQL, and tells of danger."""

import time

import structlog

from pipeline.limits.belt import Belt, read_belt
from pipeline.policy.pressure import DANGERS, Load, Pressure, strains
from pipeline.producer import BACKLOG_ENTRIES, STREAM
from pipeline.store.load import StoreLoad, read_load
from workers.runtime import Runtime

log = structlog.get_logger(__name__)

EVERY_SECONDS = 10.0
"""Machine time between two looks."""


def load_of(belt: Belt | None, store: StoreLoad | None, *, most_undecided: int) -> Load:
    """What was seen, as the policy judges it; None: it was not seen."""
    return Load(
        memory=None if belt is None else belt.memory,
        memory_limit=None if belt is None else belt.memory_limit,
        stream=None if belt is None else belt.stream,
        stream_limit=BACKLOG_ENTRIES,
        undecided=None if store is None else store.undecided,
        undecided_limit=most_undecided,
        connections=None if store is None else store.connections,
        connections_limit=None if store is None else store.connections_limit,
    )


class PressureWatch:
    """Each dispatcher tells what it sees once, and once that it is over."""

    def __init__(self, runtime: Runtime, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._runtime = runtime
        self._every_seconds = every_seconds
        self._at = 0.0
        self._told: dict[Pressure, bool] = {}

    def look(self) -> None:
        """Look when it is time to, and log what is new."""
        if time.monotonic() < self._at:
            return
        self._at = time.monotonic() + self._every_seconds
        most = self._runtime.settings.intake.undecided
        belt = read_belt(self._runtime.redis, STREAM)
        with self._runtime.transaction() as connection:
            store = read_load(connection, most_undecided=most)
        found = strains(load_of(belt, store, most_undecided=most))
        seen = {one.pressure: one for one in found if one.pressure in DANGERS}
        for pressure, one in seen.items():
            if self._told.get(pressure) != one.producers_wait:
                log.warning(
                    "pressure",
                    of=pressure.value,
                    share=round(one.share, 3),
                    producers_wait=one.producers_wait,
                )
        for pressure in self._told.keys() - seen.keys():
            log.info("pressure_over", of=pressure.value)
        self._told = {pressure: one.producers_wait for pressure, one in seen.items()}
