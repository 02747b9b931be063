"""What a task of the lane does, and the two that go on after it; see the package."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.stages import optout
from pipeline.stages.optout import BATCH, LEASE
from pipeline.store import notice_evidence, notices
from workers.clock import machine_now
from workers.faultpoints import FaultPoint, reach
from workers.lane.ledger import LedgerWriter
from workers.lane.means import LaneMeans
from workers.lane.sending import NoticeSender

MOST_ROUNDS = 20
"""Batches that one task works through; the next task goes on."""


@dataclass(frozen=True, slots=True)
class Work:
    """How much a task has done.

    Attributes:
        replies: that were taken up.
        notices: that were given to the sending loop.
    """

    replies: int
    notices: int


class Lane:
    """One process's lane: made once, closed with the process."""

    def __init__(self, means: LaneMeans) -> None:
        self._means = means
        self._sender = NoticeSender(means)
        self._ledger = LedgerWriter(self._complete)

    @property
    def alive(self) -> bool:
        """Whether it can still send; one that cannot must be replaced."""
        return self._sender.alive

    def work(self, ids: Sequence[int]) -> Work:
        """Do what must not wait for these replies (above 0) and notices (below), and for others.

        Returns when that is committed; the notices leave, and the ledger is written, afterwards.
        A reply in another worker's hands is left to it.

        Raises:
            RuntimeError: it can send no more; what was settled is committed all the same.
        """
        replies = [id_ for id_ in ids if id_ > 0]
        notice_ids = [id_ for id_ in ids if id_ < 0]
        taken = given = 0
        for start in range(0, MOST_ROUNDS * BATCH, BATCH):
            amount, sent = self._round(replies[start : start + BATCH], notice_ids)
            taken, given, notice_ids = taken + amount, given + sent, []
            if amount < BATCH and start + BATCH >= len(replies):
                break
        return Work(taken, given)

    def close(self) -> None:
        """Finish what is begun: the ledger first, since welcomes follow from it."""
        self._ledger.close()
        self._sender.close()

    def _round(self, ids: Sequence[int], notice_ids: Sequence[int]) -> tuple[int, int]:
        """One transaction: settle replies, and take notices up, these and any that have no one."""
        means = self._means
        now, machine = means.clock.now(), machine_now()
        with means.transaction() as connection:
            replies = optout.take_up(connection, ids, machine_now=machine)
            settled = optout.settle(
                connection, replies, known=means.known, now=now, machine_now=machine
            )
            left = notice_evidence.renew_lapsed(
                connection, machine_now=machine, lease=machine + LEASE, most=BATCH
            )
            found = notices.take_up(
                connection, {*settled.notices, *notice_ids, *left}, lease=machine + LEASE
            )
        reach(FaultPoint.SETTLED)
        self._sender.submit(found)
        self._ledger.submit(settled.unfinished)
        return len(replies), len(found)

    def _complete(self, ids: Sequence[int]) -> None:
        means = self._means
        machine = machine_now()
        with means.transaction() as connection:
            made = optout.complete(
                connection, ids, known=means.known, now=means.clock.now(), machine_now=machine
            )
            found = notices.take_up(connection, made, lease=machine + LEASE)
        self._sender.submit(found)
