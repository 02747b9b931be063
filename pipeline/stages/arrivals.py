"""What a webhook brought, and what became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, TypeVar

from pipeline.policy.replies.lexicon import Lexicon
from pipeline.policy.replies.meaning import Intent
from pipeline.providers.events import ProviderEvent
from pipeline.stages.books import Books

LONGEST_DELAY = timedelta(days=7)
"""Providers repeat an event for up to a week. An older time of its own is not believed: a STOP
from 1970 would be undone by every consent since."""


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


EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True)
class Brought(Generic[EventT]):
    """An arrival of one kind.

    Attributes:
        place: among all the arrivals.
        received_at: in UTC, and not in the future.
    """

    place: int
    account: str
    event: EventT
    received_at: datetime

    def happened_at(self, occurred_at: datetime | None) -> datetime:
        """The event's own time, as far as it can be believed."""
        if occurred_at is None:
            return self.received_at
        return min(max(occurred_at, self.received_at - LONGEST_DELAY), self.received_at)

    def happened_by(self, occurred_at: datetime | None) -> datetime:
        """The latest that it can have been: a time in whole seconds is the second's beginning."""
        happened_at = self.happened_at(occurred_at)
        if happened_at.microsecond:
            return happened_at
        return min(happened_at + timedelta(seconds=1), self.received_at)


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
    NEWS = "news"
    """Of a template or an account of ours: something may be sent now, or no more."""
    NEWS_OLD = "news_old"
    """We know better, or it is about nothing of ours."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What taking arrivals needs to know.

    Attributes:
        lease: machine instant until which stored rows are left to whoever the queue gives them to.
    """

    books: Books
    lexicon: Lexicon
    now: datetime
    lease: datetime
