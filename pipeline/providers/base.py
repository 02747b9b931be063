"""The narrow interface between the pipeline and everybody who carries messages.

A provider takes one message and says one of three things: it took it, it did not take it (and
what that calls for), or nobody can tell. The third is the one that matters most: a message whose
answer was lost may already be on somebody's phone, so it is never sent again without evidence.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pipeline.policy.vocabulary import Category, Channel


class Action(StrEnum):
    """What a provider's refusal calls for. The values stand in the database and in logs."""

    RETRY_LATER = "retry_later"
    """This message was not sent; it may be tried again."""
    SLOW_SENDER = "slow_sender"
    """Not sent: the sender is over its rate. Lower it, then try again."""
    SLOW_RECIPIENT = "slow_recipient"
    """Not sent: this person got too much, or cannot be reached now. Try again later."""
    SLOW_ACCOUNT = "slow_account"
    """Not sent: the whole account is over its rate. Pause all its senders, then try again."""
    SUPPRESS = "suppress"
    """Final: the person left. Record it as an opt-out that came through the provider."""
    SUPPRESS_MARKETING = "suppress_marketing"
    """Final: the person left marketing only; transactional messages may go on."""
    FAIL = "fail"
    """Final for this message; says nothing about any other."""
    FAIL_FILTERED = "fail_filtered"
    """Final: refused for what it says. Count it in the sender's rate of violations."""
    HALT_SENDER = "halt_sender"
    """Nothing more from this sender until an operator acts."""
    HALT_ACCOUNT = "halt_account"
    """Nothing more through this account until an operator acts."""
    HALT_TEMPLATE = "halt_template"
    """Nothing more with this template until the provider approves it again."""
    HALT_CAMPAIGN = "halt_campaign"
    """Every message of this campaign would fail in the same way."""
    HALT_DESTINATION = "halt_destination"
    """Nothing more through this account to the recipient's country until an operator acts."""
    AMBIGUOUS = "ambiguous"
    """The provider may have sent it. Only tables hold this; a send answers `Ambiguous`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundMessage:
    """One message as a provider needs it: rendered, addressed, claimed.

    Attributes:
        message_id: ours; it travels with the message and comes back in status callbacks.
        attempt: 1 for the first; errors that allow few tries become final after so many.
        category: what kind of message it is; WhatsApp takes marketing at an address of its own.
        sender_address: the number (E.164), the provider's id of it, or a messaging service's id.
        to: E.164; empty when the person is known by `user_id` alone.
        body: the rendered text; what SMS sends, and WhatsApp when there is no template.
        template: the provider's name of an approved template.
        template_language: as the provider spells it, e.g. ``pt_BR``; needed with `template`.
        template_parameters: the values of the template's variables, in order.
        template_parameter_names: their names, where the provider knows the variables by name;
            empty: it knows them by their places.
        validity_seconds: after so many seconds the provider must drop it undelivered: the time
            left until the window closes. None: no limit.
        user_id: the provider's own id of the person, within this account; None: the number.
        media_url: the address of a picture, a film or a document that goes with it; None: none.
    """

    message_id: int
    attempt: int
    channel: Channel
    category: Category
    sender_address: str
    to: str
    body: str
    template: str | None
    template_language: str | None
    template_parameters: tuple[str, ...]
    validity_seconds: int | None
    user_id: str | None = None
    media_url: str | None = None
    template_parameter_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message.

    Attributes:
        provider_id: its id for the message.
        held: it keeps the message back while it judges the template; a callback tells the end.
        user_id: its own id of the person, where it told one.
        segments: into how many parts it splits the text, where it told.
        paused: it has the message and does not deliver it, since its template is paused; it is
            never sent again by itself, and nobody promises that it is delivered later.
        receipt_ids: the ids, one a part of the text, by which its receipts will name the message;
            empty: they carry our own id.
    """

    provider_id: str
    held: bool = False
    user_id: str | None = None
    segments: int | None = None
    paused: bool = False
    receipt_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The provider provably did not send the message.

    Attributes:
        action: what that calls for; never `Action.AMBIGUOUS`.
        code: the provider's code, ``http_<status>`` where it gave none, or ``unreachable``.
        detail: its words, without phone numbers, at most 200 characters.
        retry_after: seconds before which trying again is useless; None when nobody said.
        known: False when the code is in no table, so that the caller logs it.
        violation: it counts in the sender's rate of non-compliance.
    """

    action: Action
    code: str
    detail: str
    retry_after: float | None
    known: bool = True
    violation: bool = False


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The message may or may not have been sent; only a callback or a look-up can tell.

    Attributes:
        detail: what happened, without phone numbers.
        code: the provider's code, where it gave one.
        known: False when a code came that is in no table, so that the caller logs it.
        receipt_ids: the ids of those parts of the text that were taken.
        parts: how many it has, where only some of them were taken.
    """

    detail: str
    code: str | None = None
    known: bool = True
    receipt_ids: tuple[str, ...] = ()
    parts: int = 1


@dataclass(frozen=True, slots=True)
class NotStarted:
    """No connection could be had in the time that the message had to start: nothing has left."""


SendResult = Accepted | Rejected | Ambiguous | NotStarted


@dataclass(frozen=True, kw_only=True, slots=True)
class Sought:
    """A message of which nobody knows whether the provider took it.

    Attributes:
        message_id: ours.
        sender_address, to, body: as they were sent.
        sent_after, sent_before: business instants between which the request can have begun.
    """

    message_id: int
    channel: Channel
    sender_address: str
    to: str
    body: str
    sent_after: datetime
    sent_before: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """The provider has the message: it was sent, whatever became of it afterwards."""

    provider_id: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """The provider has looked, and never took such a message."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The look-up says nothing: there is none, it failed, or several messages fit.

    Attributes:
        detail: why, without phone numbers.
    """

    detail: str


Finding = Found | NotFound | CannotTell


class Provider(Protocol):
    """Somebody who carries messages. Made and used inside one event loop."""

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        """Hand over one message, once.

        Args:
            start_within: seconds in which the request must start, or not at all; what was allowed
                a moment ago may be forbidden then. None: there is no hurry.

        Never raises for anything that a network or a provider can do. Cancelled, it leaves a
        message of which nobody knows whether it was sent.

        Raises:
            ValueError: the message cannot be carried by this provider at all.
        """
        ...

    async def find(self, sought: Sought) -> Finding:
        """Look a message up whose answer was lost. Never raises for anything a network can do."""
        ...

    async def close(self) -> None:
        """Close the connections; nothing may be sent afterwards."""
        ...
