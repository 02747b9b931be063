"""The lane's recorder: answers about notices."""

from collections.abc import Sequence

from pipeline.stages import notices
from pipeline.stages.notices import NoticeAnswer
from workers.clock import machine_now
from workers.lane.means import LaneMeans
from workers.recorder import Recorder

PAUSE = 0.02
"""Seconds; see `Recorder`. Shorter than the courier's: a person waits for each of these."""


def open_recorder(means: LaneMeans) -> Recorder[NoticeAnswer]:
    """A recorder over the means of the lane; call it inside the event loop."""

    def write(batch: Sequence[NoticeAnswer]) -> None:
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

    return Recorder(write, name=lambda answer: {"notice_id": answer.notice.id}, pause=PAUSE)
