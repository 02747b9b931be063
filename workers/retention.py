"""Removing what has had its time, batch by batch: `recado retention run`, and the dispatcher.

What is removed and what never is: `pipeline/policy/retention.py`.
"""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import DBAPIError

from pipeline.policy.retention import Ends, ends, month_of, months_from
from pipeline.policy.vocabulary import Stage
from pipeline.store import chores, partitions, retention
from workers.clock import machine_now
from workers.runtime import Runtime

log = structlog.get_logger(__name__)

KINDS = tuple(dict.fromkeys(("messages", "decisions", "frequency_use", *retention.ROW_KINDS)))
"""What is removed, by its public names, in the order in which it is told."""

BATCH = 5000
"""Rows a transaction: about a tenth of a second's work."""

MONTHS_AHEAD = 2
"""Months of decisions that are made before they begin."""

CHORE = "retention"
LEASE = timedelta(minutes=5)
AGAIN = timedelta(days=1)
MONTHS_EVERY_SECONDS = 3600.0
ASK_EVERY_SECONDS = 600.0
STEP_EVERY_SECONDS = 1.0
"""Machine time: one dispatcher removes at most `BATCH` rows in this, beside its other work."""


def ends_now(runtime: Runtime) -> Ends:
    """What has had its time, by this process's settings, and by business and by real time.

    A clock that is shifted into another year makes nothing old: what is removed is gone.
    """
    settings = runtime.settings.retention
    return ends(
        now=min(runtime.clock.now(), machine_now()),
        message_months=settings.messages,
        decision_months=settings.decisions,
    )


def make_months(runtime: Runtime) -> list[str]:
    """Give this month and the next ones their partitions of ``decisions``; name the new ones.

    One that cannot be made now is logged: until it can, its decisions go where the rest goes.
    """
    month = month_of(runtime.clock.now())
    made = []
    for count in range(MONTHS_AHEAD + 1):
        start, end = months_from(month, count), months_from(month, count + 1)
        try:
            with runtime.transaction() as connection:
                name = partitions.make(connection, start, end)
        except DBAPIError as error:
            log.warning("month_not_made", month=f"{start:%Y-%m}", error=type(error.orig).__name__)
            continue
        if name is not None:
            made.append(name)
    return made


class Removal:
    """One run over everything, in steps of one transaction each.

    Attributes:
        removed: rows so far, by kind; of ``decisions`` in whole months about so many.
    """

    def __init__(self, runtime: Runtime, *, batch: int = BATCH) -> None:
        self._runtime = runtime
        self._batch = batch
        self._ends = ends_now(runtime)
        self._steps = self._walk()
        self.removed = Counter(dict.fromkeys(KINDS, 0))

    def step(self) -> bool:
        """Do the next batch; False when there was none left."""
        return next(self._steps, False)

    def _walk(self) -> Iterator[bool]:
        yield from self._months()
        yield from self._messages()
        yield from self._use()
        for kind in retention.ROW_KINDS:
            yield from self._rows(kind)

    def _months(self) -> Iterator[bool]:
        runtime = self._runtime
        with runtime.transaction() as connection:
            parts = partitions.listed(connection)
        for part in partitions.old(parts, self._ends.decisions):
            try:
                with runtime.transaction() as connection:
                    partitions.drop(connection, part)
            except DBAPIError as error:  # somebody reads it for long: the next run has it
                log.warning("month_not_dropped", partition=part.name, error=type(error).__name__)
            else:
                self.removed["decisions"] += part.rows
            yield True

    def _messages(self) -> Iterator[bool]:
        runtime = self._runtime
        with runtime.transaction() as connection:
            found = retention.old_campaigns(connection, before=self._ends.messages)
        for campaign_id in found:
            after: str | None = ""
            while after is not None:
                with runtime.transaction() as connection:
                    removed, after = retention.remove_messages(
                        connection, campaign_id, after=after, most=self._batch
                    )
                self.removed["messages"] += removed
                yield True

    def _use(self) -> Iterator[bool]:
        after: int | None = 0
        while after is not None:
            with self._runtime.transaction() as connection:
                removed, after = retention.remove_use(
                    connection, before=self._ends.use, after=after, most=self._batch
                )
            self.removed["frequency_use"] += removed
            yield True

    def _rows(self, kind: str) -> Iterator[bool]:
        removed = self._batch
        while removed >= self._batch:
            with self._runtime.transaction() as connection:
                removed = retention.remove_rows(
                    connection, kind, before=before(self._ends, kind), most=self._batch
                )
            self.removed[kind] += removed
            yield True


def before(limits: Ends, kind: str) -> datetime:
    """The instant before which rows of this kind have had their time."""
    if kind == "decisions":
        return limits.decisions
    if kind == "receipt_ids":
        return limits.receipt_ids
    return limits.use if kind == "quota_use" else limits.messages


def to_remove(runtime: Runtime) -> dict[str, int]:
    """How many rows a run would remove now, by kind; removes nothing.

    Of ``decisions`` in whole months about so many, by the planner's statistics.
    """
    limits = ends_now(runtime)
    with runtime.transaction() as connection:
        old = partitions.old(partitions.listed(connection), limits.decisions)
        campaigns = retention.old_campaigns(connection, before=limits.messages)
        found = Counter(
            messages=sum(retention.count_messages(connection, one) for one in campaigns),
            decisions=sum(part.rows for part in old),
            frequency_use=retention.count_use(connection, before=limits.use),
        )
        for kind in retention.ROW_KINDS:
            found[kind] += retention.count_rows(connection, kind, before=before(limits, kind))
    return dict(found)


class RetentionKeeper:
    """The dispatcher's part: one of them removes, a batch a second, while the queues are short."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._busy_chunks = max(1, runtime.settings.dispatch.stage_queue_chunks // 2)
        self._months_at = 0.0
        self._at = 0.0
        self._removal: Removal | None = None

    def look(self, lengths: dict[Stage, int]) -> None:
        """Do what is due, which takes a tenth of a second at most."""
        now = time.monotonic()
        if now >= self._months_at:
            self._months_at = now + MONTHS_EVERY_SECONDS
            make_months(self._runtime)
        if now < self._at:
            return
        self._at = now + STEP_EVERY_SECONDS
        if sum(lengths.values()) > self._busy_chunks:
            return
        if self._removal is None and not self._take():
            self._at = now + ASK_EVERY_SECONDS
            return
        self._step()

    def _take(self) -> bool:
        now = machine_now()
        with self._runtime.transaction() as connection:
            if not chores.take(connection, CHORE, machine_now=now, until=now + LEASE):
                return False
        self._removal = Removal(self._runtime)
        return True

    def _step(self) -> None:
        removal = self._removal
        if removal is None:
            return
        try:
            more = removal.step()
        except DBAPIError:
            self._removal = None  # the chore is taken up again when its lease has run out
            raise
        with self._runtime.transaction() as connection:
            chores.keep(connection, CHORE, until=machine_now() + (LEASE if more else AGAIN))
        if not more:
            self._removal = None
            log.info("retention_done", removed={k: n for k, n in removal.removed.items() if n})
