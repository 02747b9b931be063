"""The narrow interface between the pipeline and everybody who carries messages.

A provider takes one message and says one of three things: it took it, it did not take it (and
what that calls for), or nobody can tell. The third is the one that matters most: a message whose
answer was lost may already be on somebody's phone, so it is never sent again without evidence.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pipeline.policy.vocabulary import Channel


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
        sender_address: the number (E.164), the provider's id of it, or a messaging service's id.
        to: E.164.
        body: the rendered text; what SMS sends, and WhatsApp when there is no template.
        template: the provider's name of an approved template.
        template_language: as the provider spells it, e.g. ``pt_BR``; needed with `template`.
        template_parameters: the values of the template's variables, in order.
        validity_seconds: after so many seconds the provider must drop it undelivered: the time
            left until the window closes. None: no limit.
    """

    message_id: int
    attempt: int
    channel: Channel
    sender_address: str
    to: str
    body: str
    template: str | None
    template_language: str | None
    template_parameters: tuple[str, ...]
    validity_seconds: int | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took the message.

    Attributes:
        provider_id: its id for the message.
        held: it keeps the message back while it judges the template; a callback tells the end.
    """

    provider_id: str
    held: bool = False


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
    """

    detail: str
    code: str | None = None
    known: bool = True


@dataclass(frozen=True, slots=True)
class NotStarted:
    """No connection could be had in the time that the message had to start: nothing has left."""


SendResult = Accepted | Rejected | Ambiguous | NotStarted


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

    async def close(self) -> None:
        """Close the connections; nothing may be sent afterwards."""
        ...
