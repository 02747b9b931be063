"""The courier's recorder: answers about messages."""

from collections.abc import Sequence

from pipeline.stages import answers
from pipeline.stages.attempts import Answer
from workers.accounts import AccountWatch
from workers.clock import machine_now
from workers.courier.means import CourierMeans
from workers.faultpoints import FaultPoint, reach
from workers.recorder import Recorder

PAUSE = 0.04
"""Seconds; see `Recorder`."""


def open_recorder(means: CourierMeans, accounts: AccountWatch) -> Recorder[Answer]:
    """A recorder over the means of a courier; call it inside the event loop.

    Args:
        accounts: what it has found is told in the same transaction.
    """

    def write(batch: Sequence[Answer]) -> None:
        reach(FaultPoint.ANSWERED)
        now, machine = means.clock.now(), machine_now()
        with means.transaction() as connection:
            answers.record(connection, batch, books=means.books, now=now, machine_now=machine)
            told = accounts.tell(connection, now=now, machine_now=machine)
        accounts.told(told)
        reach(FaultPoint.RECORDED)

    return Recorder(
        write, name=lambda answer: {"message_id": answer.claimed.parcel.id}, pause=PAUSE
    )
