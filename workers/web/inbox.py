"""From a webhook's events to a commit, and from the commit to the lane that does the rest.

Replies and everything that may be a wish to leave go through a lane of their own, with its own
connection: a flood of statuses never holds up a STOP.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import structlog
from sqlalchemy import text
from sqlalchemy.engine import Engine

from pipeline.policy.replies.lexicon import Lexicon
from pipeline.policy.vocabulary import Stage
from pipeline.providers.events import ProviderEvent, StatusReport
from pipeline.stages import receive
from pipeline.stages.books import Books
from pipeline.stages.receive import Arrival, Taken
from pipeline.store import opt_outs
from pipeline.store.engine import create_prompt_engine
from workers.clock import BusinessClock, machine_now
from workers.faultpoints import FaultPoint, reach
from workers.queues import enqueue
from workers.web.drain import Drain
from workers.web.lane import Lane
from workers.web.metrics import WebMetrics
from workers.web.outage import Trouble, trouble_of
from workers.web.problems import whereabouts
from workers.web.writer import LARGEST_BATCH

log = structlog.get_logger(__name__)

BRIEFLY = text("SET LOCAL lock_timeout = '50ms'")
"""A batch is halved some nine times until the event that meets a lock is found, and nobody else's
opt-out is in force meanwhile; that event is tried again later."""

LEASE = timedelta(seconds=5)
"""Stored replies are left so long to whoever the queue gives them to; then the dispatcher, or any
worker of the lane, takes them up: Redis may have been away."""

URGENT_BOUND = 50_000
STATUS_BOUND = 20_000
"""Events that may wait. A status that is refused is brought again by most providers."""

AFTERWARDS_SECONDS = 0.1
"""What follows a commit is done so often at most. A task for each reply of a stream costs the lane
and PostgreSQL twice what a task for ten does; who writes alone is answered at once all the same."""

STOP_SECONDS = 10.0
"""How long all the threads together may take to finish what waits."""


@dataclass(frozen=True, slots=True)
class InForce:
    """Opt-outs whose transaction was committed by a business instant."""

    inbound_ids: Sequence[int]
    at: datetime


class Inbox:
    """Where the webhooks put what providers tell us; use it as a context around the server.

    Args:
        books: the rules.
        lexicon: the words by which people leave.
        tell: gives ids to the lane's queue; says whether the queue took them.
    """

    def __init__(
        self,
        database_url: str,
        *,
        books: Books,
        lexicon: Lexicon,
        clock: BusinessClock,
        metrics: WebMetrics,
        tell: Callable[[Sequence[int]], bool] = lambda ids: enqueue(Stage.OPTOUT, ids),
    ) -> None:
        self._books = books
        self._lexicon = lexicon
        self._clock = clock
        self._metrics = metrics
        self._engines = {
            name: create_prompt_engine(database_url, pool_size=1, application=f"recado-web-{name}")
            for name in ("urgent", "statuses", "afterwards")
        }
        self.urgent = self._lane("urgent", bound=URGENT_BOUND, keeps=True)
        self.statuses = self._lane("statuses", bound=STATUS_BOUND, keeps=False)
        # Two threads: a frozen Redis must not hold up what goes into the database.
        self._telling: Drain[int] = Drain(
            "tell-lane", tell, bound=100_000, keeps=False, spacing=AFTERWARDS_SECONDS
        )
        self._confirming: Drain[InForce] = Drain(
            "confirm-in-force",
            self._confirm,
            bound=20_000,
            keeps=True,
            spacing=AFTERWARDS_SECONDS,
        )

    def _lane(self, name: str, *, bound: int, keeps: bool) -> Lane:
        engine = self._engines[name]

        def commit(arrivals: Sequence[Arrival], began: Sequence[float]) -> list[Taken]:
            # A status alone may wait: it is not kept, and not every source brings it again.
            briefly = keeps or len(arrivals) > 1
            return self._commit(engine, arrivals, began, briefly=briefly)

        lane = Lane(name, commit, bound=bound, keeps=keeps)
        self._metrics.watch_waiting(name, lambda: lane.waiting)
        return lane

    @property
    def alive(self) -> bool:
        """Whether every thread runs; one that waits for a server does."""
        threads = (self.urgent, self.statuses, self._telling, self._confirming)
        return all(thread.alive for thread in threads)

    def __enter__(self) -> Self:
        for thread in (self._telling, self._confirming, self.urgent, self.statuses):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        for thread in (self.urgent, self.statuses, self._telling, self._confirming):
            thread.stop(max(0.1, deadline - time.monotonic()))
        for engine in self._engines.values():
            engine.dispose()

    async def put(
        self, account: str, events: Sequence[ProviderEvent], received_at: datetime, began: float
    ) -> None:
        """Store events; when this returns they are committed.

        Args:
            account: whose webhook brought them.
            received_at: business instant.
            began: `time.perf_counter` at that moment.

        Raises:
            UnavailableError: not now; bringing them again may help.
            UnstorableError: one of them cannot be stored. The others of them are.
        """
        urgent: list[Arrival] = []
        statuses: list[Arrival] = []
        for event in events:
            arrival = Arrival(account=account, event=event, received_at=received_at)
            is_urgent = not isinstance(event, StatusReport) or event.opted_out
            (urgent if is_urgent else statuses).append(arrival)
        handed = [
            lane.put(arrivals[start : start + LARGEST_BATCH], began)
            for lane, arrivals in ((self.urgent, urgent), (self.statuses, statuses))
            for start in range(0, len(arrivals), LARGEST_BATCH)
        ]
        if len(handed) == 1:
            await handed[0]
            return
        # Each is waited for, whatever becomes of the others.
        for outcome in await asyncio.gather(*handed, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def _commit(
        self,
        engine: Engine,
        arrivals: Sequence[Arrival],
        began: Sequence[float],
        *,
        briefly: bool,
    ) -> list[Taken]:
        with engine.begin() as connection:
            if briefly:
                connection.execute(BRIEFLY)
            taken = receive.take(
                connection,
                arrivals,
                books=self._books,
                lexicon=self._lexicon,
                now=self._clock.now(),
                lease=machine_now() + LEASE,
            )
        committed, at = time.perf_counter(), self._clock.now()
        reach(FaultPoint.STORED)
        self._telling.put([one.inbound_id for one in taken if one.inbound_id is not None])
        left = [one.inbound_id for one in taken if one.left and one.inbound_id is not None]
        if left:
            self._confirming.put([InForce(left, at)])
        for arrival, one, start in zip(arrivals, taken, began, strict=True):
            self._metrics.count_event(arrival.account, one)
            if one.left:
                self._metrics.in_force.observe(committed - start)
        return taken

    def _confirm(self, batch: Sequence[InForce]) -> bool:
        try:
            with self._engines["afterwards"].begin() as connection:
                opt_outs.lock(connection, [id_ for one in batch for id_ in one.inbound_ids])
                for one in batch:
                    receive.confirm_in_force(connection, one.inbound_ids, at=one.at)
        except Exception as error:  # noqa: BLE001 - the thread must live on, whatever this was
            if trouble_of(error) is not Trouble.EVENT:
                return False
            log.error(  # noqa: TRY400 - an error's text may hold what a person wrote
                "in_force_not_noted", error=type(error).__name__, where=whereabouts(error)
            )
        return True
