"""Events that met somebody's lock: tried again one by one, and in nobody's way."""

import heapq
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from pipeline.stages.receive import Arrival
from workers.web.parcels import BusyError, Outcome, Parcel

LONGEST_PAUSE_SECONDS = 5.0
"""Each time that an event meets the lock again its pause doubles, up to this."""

ANSWER_SECONDS = 2.0
"""Most locks are gone by then, and the answer is 200; otherwise it is 503, and the event kept."""

KEPT_SECONDS = 600.0
"""So long an event is tried; then it is lost, and a log says so."""


class Aside:
    """The events that a lane has set aside; guarded by the lane's lock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Parcel]] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_at(self) -> float:
        """When the next is to be tried, of the monotonic clock."""
        return self._heap[0][0] if self._heap else math.inf

    def take(self, by: float) -> Parcel | None:
        """The next whose pause ends by then."""
        if not self._heap or self.next_at > by:
            return None
        return heapq.heappop(self._heap)[2]

    def add(
        self, parcel: Parcel, outcomes: Sequence[Outcome]
    ) -> tuple[bool, list[tuple[Arrival, BusyError]]]:
        """Set aside the parcel's events that met a lock, each by itself.

        Args:
            outcomes: of the parcel's events.

        Returns:
            Whether its request goes on waiting, and the events that have been tried too long.
        """
        now = time.monotonic()
        since = now if parcel.aside_since is None else parcel.aside_since
        # The other events of a request with several are answered for already.
        waits = len(parcel.arrivals) == 1 and now - since < ANSWER_SECONDS
        lost: list[tuple[Arrival, BusyError]] = []
        for arrival, outcome in zip(parcel.arrivals, outcomes, strict=True):
            if not isinstance(outcome, BusyError):
                continue
            one = replace(
                parcel,
                arrivals=[arrival],
                future=parcel.future if waits else None,
                aside_since=since,
                pause=min(LONGEST_PAUSE_SECONDS, parcel.pause * 2),
            )
            if now - since > KEPT_SECONDS:
                lost.append((arrival, outcome))
            else:
                heapq.heappush(self._heap, (now + parcel.pause, next(self._numbers), one))
        return waits, lost
