"""Group commit: whatever requests have handed over meanwhile is committed in one transaction.

A commit costs a write to the disk, whether it holds one event or five hundred. A lane's writer
takes all that waits, so the busier it is the less each event costs, and a single event waits for
nothing. A request is answered when the transaction that holds its events has been committed.

An event that meets somebody's lock is found by halving the batch, and set aside: it is tried again
by itself, between the others' batches.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from pipeline.stages.receive import Arrival, Taken
from workers.web.aside import Aside
from workers.web.parcels import (
    BusyError,
    Outcome,
    Parcel,
    UnavailableError,
    resolve,
    shares,
)
from workers.web.writer import Writer

log = structlog.get_logger(__name__)

STUCK_SECONDS = 4.5
"""A transaction that has not ended by then is waited for no longer: the database is frozen."""

ANSWER_SECONDS = 12.0
"""So long a request waits while others are being served; Twilio gives up after 15 seconds."""

PAUSE_SECONDS = 0.5
"""Between two attempts while the database is away; requests meanwhile are refused at once."""

LOOK_SECONDS = 0.25


class Lane:
    """One writer, and the events that wait for it. `put` belongs to one event loop.

    Args:
        name: of its thread; it labels metrics.
        commit: stores events in one transaction, and returns when it is committed. The second
            argument is when each event's request arrived, as `Parcel.began`.
        bound: events that may wait.
        keeps: events of requests that were answered with "try again" are stored nevertheless,
            as soon as it is possible: not every provider does try again.
        patience: seconds, as `STUCK_SECONDS`.
    """

    def __init__(
        self,
        name: str,
        commit: Callable[[Sequence[Arrival], Sequence[float]], list[Taken]],
        *,
        bound: int,
        keeps: bool,
        patience: float = STUCK_SECONDS,
    ) -> None:
        self.name = name
        self._writer = Writer(name, commit, keeps=keeps)
        self._bound = bound
        self._keeps = keeps
        self._patience = patience
        self._parcels: deque[Parcel] = deque()
        self._aside = Aside()
        self._aside_turn = False
        self._waiting = 0
        self._condition = threading.Condition()
        self._stopping = False
        self._away_until = 0.0
        self._left = 0
        self._pending: dict[asyncio.Future[list[Taken]], float] = {}
        self._watching = False
        self._thread = threading.Thread(target=self._run, name=f"lane-{name}", daemon=True)

    @property
    def waiting(self) -> int:
        """Events that wait to be stored: for their turn, or for somebody's lock."""
        return self._waiting + len(self._aside)

    @property
    def alive(self) -> bool:
        """Whether the writer runs. One that waits for a frozen database does."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the writer."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Let the writer finish what waits, for so long; call it when no `put` is under way."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(seconds)
        if left := self.waiting + self._left:
            log.warning("inbox_left", lane=self.name, events=left)

    async def put(self, arrivals: Sequence[Arrival], began: float) -> list[Taken]:
        """Hand events over, and wait until they are committed; one result each, in their order.

        Raises:
            UnavailableError: the database is away or busy, or too many events wait.
            UnstorableError: one of them cannot be stored. The others of them are.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Taken]] = loop.create_future()
        self._accept(Parcel(arrivals, began, future))
        self._pending[future] = time.monotonic()
        if not self._watching:
            self._watching = True
            loop.call_later(LOOK_SECONDS, self._look, loop)
        try:
            return await future
        finally:
            self._pending.pop(future, None)

    def _accept(self, parcel: Parcel) -> None:
        with self._condition:
            if self._stopping:
                raise UnavailableError("The service is stopping.")
            if self.waiting + len(parcel.arrivals) > self._bound:
                raise UnavailableError("Too many events wait to be stored.")
            away = time.monotonic() < self._away_until or self._is_stuck()
            if away:
                parcel.future = None
            if not away or self._keeps:
                self._parcels.append(parcel)
                self._waiting += len(parcel.arrivals)
                self._condition.notify()
        if away:
            raise UnavailableError("The database does not answer.")

    def _is_stuck(self) -> bool:
        began = self._writer.busy_since
        return began is not None and time.monotonic() - began > self._patience

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let nobody wait for a frozen database, or longer than a provider does."""
        stuck, now = self._is_stuck(), time.monotonic()
        for future, since in list(self._pending.items()):
            if not stuck and now - since < ANSWER_SECONDS:
                break  # the others came later
            if not future.done():
                future.set_exception(UnavailableError("The database does not answer in time."))
        self._watching = bool(self._pending)
        if self._watching:
            loop.call_later(LOOK_SECONDS, self._look, loop)

    def _run(self) -> None:
        while batch := self._next_batch():
            self._settle(batch)

    def _next_batch(self) -> list[Parcel]:
        """What is to be stored next, waited for; nothing: the lane is stopped and empty."""
        with self._condition:
            while True:
                self._wait()
                # In turn: neither holds up the other.
                if self._aside_turn and (batch := self._take_aside()):
                    return batch
                if batch := self._take_waiting():
                    self._aside_turn = True
                    return batch
                if batch := self._take_aside():
                    return batch
                if self._stopping and not self.waiting:
                    return []

    def _wait(self) -> None:
        while not self._stopping:
            now = time.monotonic()
            ready_at = max(now if self._parcels else self._aside.next_at, self._away_until)
            if now >= ready_at:
                return
            self._condition.wait(None if ready_at == math.inf else ready_at - now)

    def _take_aside(self) -> list[Parcel]:
        self._aside_turn = False
        parcel = self._aside.take(math.inf if self._stopping else time.monotonic())
        return [] if parcel is None else [parcel]

    def _take_waiting(self) -> list[Parcel]:
        batch: list[Parcel] = []
        events = 0
        while self._parcels and (
            not batch or events + len(self._parcels[0].arrivals) <= self._writer.batch
        ):
            parcel = self._parcels.popleft()
            self._waiting -= len(parcel.arrivals)
            if self._keeps or not parcel.given_up:
                batch.append(parcel)
                events += len(parcel.arrivals)
        return batch

    def _settle(self, batch: list[Parcel]) -> None:
        arrivals = [arrival for parcel in batch for arrival in parcel.arrivals]
        began = [parcel.began for parcel in batch for _ in parcel.arrivals]
        try:
            outcomes = self._writer.store(arrivals, began)
        except UnavailableError as error:
            if not self._away_until:  # said once, until it works again
                log.warning("inbox_waits", lane=self.name, error=type(error.__cause__).__name__)
            self._put_off(batch)
            resolve([(parcel, [error]) for parcel in batch])
            return
        self._away_until = 0.0
        resolve(
            [
                (parcel, part)
                for parcel, part in shares(batch, outcomes)
                if not (self._keeps and self._set_aside(parcel, part))
            ]
        )

    def _set_aside(self, parcel: Parcel, outcomes: Sequence[Outcome]) -> bool:
        """Set aside those of its events that met a lock; says whether its request waits on."""
        busy = [outcome for outcome in outcomes if isinstance(outcome, BusyError)]
        if not busy:
            return False
        with self._condition:
            if self._stopping:
                self._left += len(busy)
                return False
            first = not self._aside and parcel.aside_since is None
            waits, lost = self._aside.add(parcel, outcomes)
        if first:  # said once, until it is empty again
            log.warning("inbox_waits", lane=self.name, error=type(busy[0].error).__name__)
        for arrival, error in lost:
            self._writer.tell_lost(arrival, error.error)
        return waits

    def _put_off(self, batch: list[Parcel]) -> None:
        with self._condition:
            self._away_until = time.monotonic() + PAUSE_SECONDS
            if self._stopping:
                self._left += sum(len(parcel.arrivals) for parcel in batch)
            elif self._keeps:
                kept = [replace(parcel, future=None) for parcel in batch]
                self._parcels.extendleft(reversed(kept))
                self._waiting += sum(len(parcel.arrivals) for parcel in kept)
