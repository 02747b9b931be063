"""`recado dispatch`: releases what is due, gives each sender its next messages, recovers.

A loop that any number of hosts may run: every step claims its rows with SKIP LOCKED, leases
them, and there is no leader. What one dispatcher leaves undone, the next round of any other does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

import structlog
from kombu.exceptions import OperationalError
from redis import RedisError
from sqlalchemy.exc import DBAPIError

from pipeline.limits.pace import Pace
from pipeline.policy.decision import Defer
from pipeline.policy.quota import decide_quotas
from pipeline.policy.vocabulary import Stage
from pipeline.stages.caps import LONGEST_PERIOD, quotas_on
from pipeline.store import account_rests, due, endings, quotas, recovery, senders
from pipeline.store.senders import Sender
from workers.clock import machine_now
from workers.doubt_watch import DoubtWatch
from workers.faultpoints import FaultPoint, reach
from workers.lane.recovery import LaneRecovery
from workers.pressure_watch import PressureWatch
from workers.queues import CHUNK, enqueue, queue_lengths
from workers.rest_watch import RestWatch, allow, at_present
from workers.retention import RetentionKeeper
from workers.runtime import Runtime
from workers.sender_watch import EVERY_SECONDS, SenderWatch

log = structlog.get_logger(__name__)

BATCH = 5000
"""Rows that one step takes at most: a second's work, and locks that nobody waits for long."""

HAND_OUT_CHUNK = 500
"""Messages in one throttle chunk: small enough for several delivery processes to share."""

SHORT_QUEUE = 2
"""Chunks in the first queues that a working pool takes up within a moment."""

NAMED = 20
"""Ids that one line of the log names."""

LATE_LEASE = timedelta(seconds=600)
"""After this long a chunk is lost even when its queue is long: the queues' own visibility time."""


@dataclass(slots=True)
class _Due:
    """When a step that need not run every round runs again (monotonic seconds)."""

    every: float
    at: float = 0.0

    def now(self) -> bool:
        if time.monotonic() < self.at:
            return False
        self.at = time.monotonic() + self.every
        return True


class Dispatcher:
    """See the module.

    Args:
        runtime: the means of this process.
        running: asked before every round; False ends `run`.
    """

    def __init__(self, runtime: Runtime, running: Callable[[], bool] = lambda: True) -> None:
        self._runtime = runtime
        self._running = running
        self._settings = runtime.settings.dispatch
        self._lease = runtime.settings.leases.queue
        self._recovery = _Due(1.0)
        self._endings = _Due(0.5)
        self._thresholds = _Due(EVERY_SECONDS)
        self._senders = SenderWatch(runtime)
        self._rests = RestWatch(runtime)
        self._pace = Pace(runtime.redis)
        self._lane = LaneRecovery(runtime)
        self._doubts = DoubtWatch(runtime)
        self._pressure = PressureWatch(runtime)
        self._retention = RetentionKeeper(runtime)
        self._swept_to: dict[int, str] = {}

    def run(self) -> None:
        """Work until told to stop, through any absence of Redis or PostgreSQL."""
        pause = self._settings.round_seconds
        while self._running():
            began = time.monotonic()
            try:
                self.round()
                pause = self._settings.round_seconds
            except (RedisError, DBAPIError, OperationalError) as error:
                log.warning("dispatch_waits", error=type(error).__name__, seconds=pause)
                pause = min(5.0, pause * 2)
            time.sleep(max(0.0, pause - (time.monotonic() - began)))

    def round(self) -> None:
        """Everything that is due now."""
        # First: neither a suspension nor the alarm over late confirmations may wait for Redis.
        self._lane.watch()
        self._doubts.watch()
        if self._thresholds.now():
            self._senders.look()
        lengths = queue_lengths(self._runtime.redis)
        self._lane.remind(lengths[Stage.OPTOUT])
        if self._endings.now():
            self._end_campaigns()
        self._close_windows()
        self._release(lengths)
        self._rests.look()
        self._hand_out(lengths)
        if self._recovery.now():
            self._recover(lengths)
        self._pressure.look()
        self._retention.look(lengths)

    def _end_campaigns(self) -> None:
        with self._runtime.transaction() as connection:
            ended = endings.sweep_ended(
                connection,
                now=self._runtime.clock.now(),
                most=4 * BATCH,
                reached=self._swept_to,
            )
        if ended:
            log.info("campaigns_swept", messages=ended)

    def _close_windows(self) -> None:
        with self._runtime.transaction() as connection:
            closed = due.close_windows(connection, now=self._runtime.clock.now(), most=BATCH)
        if closed:
            log.info("windows_closed", messages=closed)

    def _release(self, lengths: dict[Stage, int]) -> None:
        room = self._settings.stage_queue_chunks - lengths[Stage.CONSENT] - lengths[Stage.WINDOW]
        if room <= 0:
            return
        with self._runtime.transaction() as connection:
            released = due.release(
                connection,
                now=self._runtime.clock.now(),
                lease=machine_now() + self._lease,
                most=min(BATCH, room * CHUNK),
            )
        if released:
            log.info("released", messages=len(released))
            reach(FaultPoint.HANDED_OUT)
            enqueue(Stage.CONSENT, released)

    def _hand_out(self, lengths: dict[Stage, int]) -> None:
        """Give every sender what it may send until well after the next round."""
        with self._runtime.transaction() as connection:
            pairs = due.ready_pairs(connection)
            if not pairs:
                return
            handed = due.handed_out(connection)
            active = senders.select_senders(connection, ids={sender for sender, _ in pairs})
            rests = account_rests.read(connection)
        room = self._settings.outstanding - sum(handed.values())
        if lengths[Stage.THROTTLE] + lengths[Stage.DELIVERY] > self._settings.stage_queue_chunks:
            room = 0  # the workers are behind: more in the queues would only age there
        usable = [sender for sender in active if not self._postpone_exhausted(sender)]
        usable = at_present(usable, self._pace.slowed())
        amounts = _amounts(usable, handed, self._settings.horizon_seconds, room)
        amounts = allow(amounts, usable, rests, machine_now=machine_now())
        with self._runtime.transaction() as connection:
            handed_now = due.hand_out(connection, pairs, amounts, lease=machine_now() + self._lease)
        if handed_now:
            reach(FaultPoint.HANDED_OUT)
        for tries, chunk in recovery.in_chunks(handed_now, most=HAND_OUT_CHUNK):
            enqueue(Stage.THROTTLE, chunk, watched=tries > 0)

    def _postpone_exhausted(self, sender: Sender) -> bool:
        """Defer a sender's messages until its quota has room again; say whether it has none."""
        runtime = self._runtime
        now = runtime.clock.now()
        binding = quotas_on(sender, books=runtime.books, now=now)
        if not binding:
            return False
        with runtime.transaction() as connection:
            used = quotas.used(connection, [sender.id], since=now - LONGEST_PERIOD)[sender.id]
            decision = decide_quotas(binding, used, now=now)
            if not isinstance(decision, Defer) or decision.until is None:
                return False
            moved = due.postpone(
                connection,
                sender.id,
                until=decision.until,
                reason=decision.reason.value,
                rule=decision.rule,
                now=now,
                most=BATCH,
            )
        log.info("quota_exhausted", sender=sender.code, postponed=moved)
        return True

    def _recover(self, lengths: dict[Stage, int]) -> None:
        """Take up what a lost chunk or a dead worker left behind."""
        now = machine_now()
        # While a queue is long its rows are late, not lost: enqueueing them again would only
        # make it longer.
        busy = lengths[Stage.CONSENT] + lengths[Stage.WINDOW] > SHORT_QUEUE
        with self._runtime.transaction() as connection:
            lapsed = recovery.recover(
                connection,
                now=self._runtime.clock.now(),
                machine_now=now,
                unstaged_before=now - LATE_LEASE if busy else now,
                lease=now + self._lease,
                most=BATCH,
            )
        if lapsed.any():
            log.warning(
                "recovered",
                accepted=sum(map(len, lapsed.accepted)),
                consented=sum(map(len, lapsed.consented)),
                ready=len(lapsed.ready),
                in_doubt=len(lapsed.sending),
            )
        if lapsed.set_aside:
            log.error("messages_set_aside", messages=lapsed.set_aside[:NAMED])
        if lapsed.accepted or lapsed.consented:
            reach(FaultPoint.HANDED_OUT)
        for chunk in lapsed.accepted:
            enqueue(Stage.CONSENT, chunk, watched=True)
        for chunk in lapsed.consented:
            enqueue(Stage.WINDOW, chunk, watched=True)


def _amounts(
    active: list[Sender], handed: dict[int, int], horizon: float, room: int
) -> dict[int, int]:
    """How many messages each sender gets.

    That is what it can send in `horizon` seconds, less what it holds; over all no more than
    `room`, the slowest senders first, who need the least.
    """
    amounts: dict[int, int] = {}
    for sender in sorted(active, key=lambda one: one.rate_per_second):
        wanted = ceil(sender.rate_per_second * horizon) - handed.get(sender.id, 0)
        amount = max(0, min(wanted, room))
        if amount:
            amounts[sender.id] = amount
            room -= amount
    return amounts
