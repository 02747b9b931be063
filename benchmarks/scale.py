"""`recado bench scale`: does a message cost the same when there are ten times as many?"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks import world
from benchmarks.lab import Lab, laboratory
from benchmarks.pipeline import Passage, pass_through, stage_roles

NIGHT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""A Monday, hours before the windows of the United States and Brazil open."""

SLEEPING = {"US": 50, "BR": 50}


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """What Redis holds of ours while the messages wait for their windows.

    Attributes:
        redis_bytes: while they wait, beyond what an empty server uses.
        redis_peak_bytes: the most it held while they came in.
    """

    deferred: int
    redis_bytes: int
    redis_peak_bytes: int


def measure(small: int, large: int) -> tuple[Passage, Passage, Waiting]:
    """The same people's messages, few and many, in the night: all of them end up waiting."""
    with laboratory(stage_roles(), clock_start=NIGHT) as lab:
        few = pass_through(lab, world.people(small, countries=SLEEPING))
    with laboratory(stage_roles(), clock_start=NIGHT) as lab:
        empty = lab.redis_bytes()
        with _peak_memory(lab) as peak:
            many = pass_through(lab, world.people(large, countries=SLEEPING))
        waiting = Waiting(
            deferred=many.states.get("deferred", 0),
            redis_bytes=lab.redis_bytes() - empty,
            redis_peak_bytes=max(peak) - empty,
        )
    return few, many, waiting


@contextmanager
def _peak_memory(lab: Lab) -> Iterator[list[int]]:
    seen = [lab.redis_bytes()]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            seen[0] = max(seen[0], lab.redis_bytes())

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()
