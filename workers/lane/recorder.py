"""The lane's recorder: answers about notices."""

from collections.abc import Sequence

from pipeline.stages import notices, receipt_ids
from pipeline.stages.notices import NoticeAnswer
from workers.accounts import AccountWatch
from workers.clock import machine_now
from workers.faultpoints import FaultPoint, reach
from workers.lane.means import LaneMeans
from workers.recorder import Recorder

PAUSE = 0.02
"""Seconds; see `Recorder`. Shorter than the courier's: a person waits for each of these."""


def open_recorder(means: LaneMeans, accounts: AccountWatch) -> Recorder[NoticeAnswer]:
    """A recorder over the means of the lane; call it inside the event loop.

    Args:
        accounts: what it has found is told in the same transaction.
    """

    def write(batch: Sequence[NoticeAnswer]) -> None:
        reach(FaultPoint.NOTICE_ANSWERED)
        now, machine = means.clock.now(), machine_now()
        with means.transaction() as connection:
            notices.record(
                connection,
                batch,
                accounts=means.known.accounts,
                books=means.known.books,
                now=now,
                machine_now=machine,
            )
            receipt_ids.note_notices(connection, batch, now=now)
            told = accounts.tell(connection, now=now, machine_now=machine)
        accounts.told(told)

    return Recorder(write, name=lambda answer: {"notice_id": answer.notice.id}, pause=PAUSE)
