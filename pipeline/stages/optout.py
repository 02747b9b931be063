"""The opt-out stage: what follows from a reply, once the webhook's transaction is committed.

By then a wish to leave is in force. `settle` is the first transaction here: what waits for the
person ends, and the confirmation is made. `complete` is the second: the ledger. A worker may be
killed at any point; whoever takes the reply up again does what is left, and nothing twice.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InterfaceError, OperationalError

from pipeline.policy.replies.meaning import Intent
from pipeline.stages import notice_texts, optout_ledger
from pipeline.stages.notice_texts import NoticeBooks
from pipeline.stages.optout_ledger import LEAVING
from pipeline.store import consents, lane, received, waiting
from pipeline.store.lane import OpenReply
from pipeline.store.notices import NoticeKind
from pipeline.store.opt_outs import HOLD_LOOK

log = structlog.get_logger(__name__)

BATCH = 100
"""Replies in one transaction."""

QUEUE_LEASE = timedelta(seconds=5)
"""How long a reply that waits in the queue is left to it."""

LEASE = timedelta(seconds=15)
"""How long a reply or a notice belongs to the worker that has taken it up; then it comes back."""


@dataclass(slots=True)
class Settled:
    """What is left to do after `settle`.

    Attributes:
        notices: that were made, and are to be sent.
        unfinished: replies that the ledger does not know of yet, for `complete`.
    """

    notices: list[int] = field(default_factory=list)
    unfinished: list[int] = field(default_factory=list)

    def add(self, other: "Settled") -> None:
        """Take over what another part left."""
        self.notices += other.notices
        self.unfinished += other.unfinished


def take_up(
    connection: Connection, ids: Collection[int], *, machine_now: datetime
) -> list[OpenReply]:
    """Take the open replies among `ids`, and as many others that wait as make up a batch.

    So one task drains a burst: the tasks of the others find nothing to do. A reply that a worker
    has taken up already has a longer lease than one that waits, and is left to that worker.
    """
    taken = lane.take_up(
        connection,
        ids,
        waiting_until=machine_now + QUEUE_LEASE,
        lease=machine_now + LEASE,
        others=max(0, BATCH - len(ids)),
    )
    return lane.load(connection, taken)


def settle(
    connection: Connection,
    replies: Sequence[OpenReply],
    *,
    known: NoticeBooks,
    now: datetime,
    machine_now: datetime,
) -> Settled:
    """Do at once what must not wait; twice changes nothing.

    A reply that cannot be worked on takes no other with it: it is left open and logged.
    """
    settled = Settled()

    def work(some: Sequence[OpenReply]) -> None:
        settled.add(_settle(connection, some, known=known, now=now, machine_now=machine_now))

    _each_safely(connection, replies, work)
    return settled


def _settle(
    connection: Connection,
    replies: Sequence[OpenReply],
    *,
    known: NoticeBooks,
    now: datetime,
    machine_now: datetime,
) -> Settled:
    lease = machine_now + LEASE
    leaving = [one for one in replies if one.intent in LEAVING and one.contact_id is not None]
    asking = [one for one in replies if one.intent == Intent.HELP and one.contact_id is not None]
    unclear = [one.id for one in replies if one.intent == Intent.REVIEW]
    back = [one.id for one in replies if one.intent == Intent.OPT_IN and one.contact_id is not None]
    due = [one for one in leaving if one.confirmation == "due"]
    # People are locked before their messages, as the webhook locks them.
    made = notice_texts.write(
        connection, asking, NoticeKind.HELP, known=known, now=now, lease=lease
    )
    made += notice_texts.write(
        connection, due, NoticeKind.CONFIRMATION, known=known, now=now, lease=lease
    )
    waiting.stop_waiting(connection, [one.id for one in leaving], now=now)
    waiting.hold_waiting(connection, unclear, now=now, look_again=now + HOLD_LOOK)
    unfinished = [*(one.id for one in leaving), *back]
    lane.finish(connection, {one.id for one in replies} - set(unfinished), now=now)
    return Settled(made, unfinished)


def complete(
    connection: Connection,
    ids: Collection[int],
    *,
    known: NoticeBooks,
    now: datetime,
    machine_now: datetime,
) -> list[int]:
    """Write opt-outs and opt-ins into the ledger, and close them; the notices that follow.

    It waits for the ledger, and for nobody else while it holds anything. One whose person still
    has messages in a stage's hands stays open, and comes back.
    """
    consents.lock(connection)
    replies = lane.load(connection, lane.lock(connection, ids))
    received.people(connection, {one.contact_id for one in replies if one.contact_id is not None})
    made: list[int] = []

    def work(some: Sequence[OpenReply]) -> None:
        leaving = [one.id for one in some if one.intent in LEAVING]
        welcomes = optout_ledger.write(
            connection, some, known=known, now=now, lease=machine_now + LEASE
        )
        left = waiting.stop_waiting(connection, leaving, now=now)
        lane.finish(connection, {one.id for one in some} - left, now=now)
        made.extend(welcomes)

    _each_safely(connection, replies, work)
    return made


def _each_safely(
    connection: Connection,
    replies: Sequence[OpenReply],
    work: Callable[[Sequence[OpenReply]], None],
) -> None:
    """Work on all at once; where that fails, on one after the other, leaving out the bad ones.

    Raises:
        OperationalError, InterfaceError: it was the database, and none of the replies.
    """
    if not replies:
        return
    try:
        with connection.begin_nested():
            work(replies)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        if len(replies) == 1:
            log.exception("reply_unsettled", inbound_id=replies[0].id)
            return
        for reply in replies:
            _each_safely(connection, [reply], work)
