"""The dispatcher's part in the lane: what a killed worker or an absent Redis left behind.

While chunks wait in the lane's queue nothing is enqueued again: every task takes up, beside its
own, whatever has no one, so a busy lane needs no reminding.
"""

import time

import structlog

from pipeline.policy.vocabulary import Stage
from pipeline.stages.optout import QUEUE_LEASE
from pipeline.store import lane, notice_evidence
from workers.clock import machine_now
from workers.queues import enqueue
from workers.runtime import Runtime

log = structlog.get_logger(__name__)

MOST = 1000
"""Ids in one round, of replies and of notices each."""

SHORT_QUEUE = 2
"""Chunks that a living lane takes up within a moment."""

ALARM_SECONDS = 60.0


class LaneRecovery:
    """Both parts belong in every round of a dispatcher; any number may run side by side."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._alarm_at = 0.0

    def watch(self) -> None:
        """Find the notices in doubt, and raise the alarm over late confirmations.

        It asks PostgreSQL alone: while Redis is away confirmations are late, and it must be told.
        """
        with self._runtime.transaction() as connection:
            in_doubt = notice_evidence.doubt_lapsed(
                connection, machine_now=machine_now(), most=MOST
            )
        if in_doubt:
            log.warning("notices_in_doubt", notices=in_doubt)
        if time.monotonic() >= self._alarm_at:
            self._alarm_at = time.monotonic() + ALARM_SECONDS
            self._raise_alarm()

    def remind(self, waiting_chunks: int) -> None:
        """Enqueue what nobody has in hand.

        Args:
            waiting_chunks: in the lane's queue.
        """
        if waiting_chunks > SHORT_QUEUE:
            return
        machine = machine_now()
        lease = machine + QUEUE_LEASE
        with self._runtime.transaction() as connection:
            replies = lane.renew_lapsed(connection, machine_now=machine, lease=lease, most=MOST)
            notices = notice_evidence.renew_lapsed(
                connection, machine_now=machine, lease=lease, most=MOST
            )
        if replies or notices:
            log.info("lane_reminded", replies=len(replies), notices=len(notices))
        enqueue(Stage.OPTOUT, replies)
        enqueue(Stage.OPTOUT, notices)

    def _raise_alarm(self) -> None:
        """Half of the deadline is gone and the confirmation is not out: somebody must look."""
        now = self._runtime.clock.now()
        with self._runtime.transaction() as connection:
            late = lane.late_clocks(connection, now=now)
        if late.amount and late.oldest_received_at is not None:
            age = (now - late.oldest_received_at).total_seconds()
            log.error("opt_out_late", opt_outs=late.amount, oldest_seconds=round(age, 1))
