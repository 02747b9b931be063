"""What providers tell us of their own accord: replies, settings, and what became of messages.

Each provider's dialect turns a webhook's body into these; nothing behind them knows a dialect.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.policy.vocabulary import Channel, RegistrationStatus
from pipeline.providers.base import Rejected


class MalformedEventError(ValueError):
    """A body that its provider cannot have meant; the text names the field, and no number."""


class PlatformVerdict(StrEnum):
    """What the provider itself has made of a reply or a setting."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    RESUME = "resume"
    """The platform's switch is on again: a permission to the platform, no consent to anybody."""


class DeliveryStatus(StrEnum):
    """How far a message has come, by the provider's account; the order is the order of life."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who an event is about; at least one of the two is known.

    Attributes:
        phone: as the provider writes it, with or without ``+``.
        user_id: the provider's id of the person, which it gives instead of a number or beside
            it; valid within one account, e.g. ``BR.9000000000000000001``.
    """

    phone: str | None
    user_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundReply:
    """A person has written, pressed a button, or changed a setting.

    Attributes:
        provider_id: unique within the account; the same event brought again has the same id.
        channel: None: the source cannot tell; any sender with the address is meant.
        addresses: every name under which the provider knows our sender that received it: a
            number, the provider's id of the number, a messaging service.
        body: the text; empty for media and for a setting. Quoted text is not part of it.
        payload: what we put into the button that was pressed.
        verdict: what the platform itself has made of it.
        answered: the platform answers the person itself (and would refuse our confirmation).
        setting: it is a setting of the person's app, not something said to one sender.
        occurred_at: the provider's time of it; None: it gives none. Aware.
    """

    provider_id: str
    channel: Channel | None
    person: Person
    addresses: tuple[str, ...]
    body: str
    payload: str | None = None
    verdict: PlatformVerdict | None = None
    answered: bool = False
    setting: bool = False
    occurred_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberChange:
    """A person has another number now.

    Attributes:
        person: with the number that is theirs no more.
        new: with the one that they have now.
    """

    provider_id: str
    channel: Channel
    person: Person
    new: Person
    addresses: tuple[str, ...]
    occurred_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusReport:
    """What became of a message of ours.

    Attributes:
        provider_id: the provider's id of the message.
        message_id: ours, where the provider gave it back; below 0: an answer of the opt-out lane.
        code: the provider's error code as it stands in its table.
        detail: its words, without phone numbers.
        opted_out: the code says that the person has left: it is an opt-out too.
        violation: the code says that the message broke a rule of its carriers.
        halts: what the code halts beyond this message: a sender, an account, a template.
        known: False when the code is in no table.
        person: to whom it went, where the provider says so.
    """

    provider_id: str
    message_id: int | None
    channel: Channel
    status: DeliveryStatus
    code: str | None = None
    detail: str | None = None
    opted_out: bool = False
    violation: bool = False
    halts: Rejected | None = None
    known: bool = True
    person: Person | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateChange:
    """The provider has judged a template anew.

    Attributes:
        name: the provider's, which is our template's id.
        language: as the provider spells it, e.g. ``pt_BR``.
        status: what it is to us from now on.
        word: the provider's word for it, e.g. ``PAUSED``.
    """

    name: str
    language: str
    status: RegistrationStatus
    word: str
    occurred_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountHalt:
    """The provider lets the account send no more, or less than before.

    Attributes:
        word: its word for it, e.g. ``ACCOUNT_RESTRICTION``.
        detail: its words, cleaned.
    """

    word: str
    detail: str
    occurred_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitChange:
    """The provider's own limit on what the account may send has changed.

    Attributes:
        daily_limit: people in any 24 hours, all senders of the account together; None: no limit.
    """

    daily_limit: int | None
    occurred_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherEvent:
    """Something true and of no use here: it is counted by its kind, and answered with success.

    Attributes:
        kind: a short name from a fixed list, never the sender's own text.
    """

    kind: str


AccountNews = TemplateChange | AccountHalt | LimitChange
"""What concerns no person and no message."""

ProviderEvent = InboundReply | NumberChange | StatusReport | AccountNews | OtherEvent
