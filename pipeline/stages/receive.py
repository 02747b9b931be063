"""The webhook's transaction: what providers tell us takes effect here, all of it or none.

A wish to leave is in force when the transaction is committed. What follows from it (ending what
waits, the ledger, the confirmation) is the lane's, in ``pipeline/stages/optout.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.engine import Connection

from pipeline.policy.replies.lexicon import Lexicon
from pipeline.policy.replies.meaning import Intent
from pipeline.providers.events import ProviderEvent
from pipeline.stages.books import Books


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """An event as a webhook brought it.

    Attributes:
        account: the provider account whose signature it carried.
        received_at: business instant at which we received it; the opt-out clock starts there.
    """

    account: str
    event: ProviderEvent
    received_at: datetime


class Effect(StrEnum):
    """What an arrival changed; it labels a metric."""

    REPLY = "reply"
    REPEATED = "repeated"
    """The source has brought it before; nothing was changed."""
    STATUS = "status"
    STATUS_OLD = "status_old"
    """A status that we were past already."""
    STATUS_UNKNOWN = "status_unknown"
    """A status of no message of ours, or of another account's."""
    NUMBER_CHANGE = "number_change"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What became of one arrival.

    Attributes:
        inbound_id: the row that the lane has work with; None: nothing is left to do.
        intent: of a reply.
        left: whether it put an opt-out in force.
    """

    effect: Effect
    inbound_id: int | None = None
    intent: Intent | None = None
    left: bool = False


def take(
    connection: Connection,
    arrivals: Sequence[Arrival],
    *,
    books: Books,
    lexicon: Lexicon,
    now: datetime,
    lease: datetime,
) -> list[Taken]:
    """Store what arrived and put what it means in force; one result for each, in their order.

    Args:
        lease: machine instant until which the rows are left to whoever the queue gives them to.

    Raises:
        ValueError: an instant is naive.
    """
    raise NotImplementedError


def confirm_in_force(connection: Connection, inbound_ids: Sequence[int], *, at: datetime) -> None:
    """Note that these opt-outs' transaction was committed by the business instant `at`."""
    raise NotImplementedError
