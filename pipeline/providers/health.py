"""What an answer tells of the provider's own health, and of why a sender was halted.

The codes are those of the tables in each provider's ``codes.py``, with their sources.
"""

from pipeline.policy.breaker import Sign
from pipeline.providers.base import Action, Ambiguous, NotStarted, Rejected, SendResult

UNREACHABLE = "unreachable"
"""The code of a request that found nobody."""

UNUSABLE = "account_unusable"
"""The code, ours, of an account that cannot carry what its sender sends."""

OUTAGES = frozenset(
    {
        UNREACHABLE,
        "20503",  # Twilio: unavailable
        "63010",  # Twilio: its own error on the way to WhatsApp
        "63012",  # Twilio: WhatsApp is out of order
        "2",  # WhatsApp: down or overloaded
        "131016",  # WhatsApp: unavailable
        "133004",  # WhatsApp: server unavailable
        "ESME_RSYSERR",  # SMPP: the SMSC's own trouble
        "ESME_RINVBNDSTS",  # SMPP: the session has ended
        "ESME_RALYBND",  # SMPP: it has not noticed that the last session has ended
    }
)
"""Refusals that are about the provider and about no message."""

TROUBLE = frozenset(
    {
        "63009",  # Twilio: WhatsApp's own error
        "1",  # WhatsApp: unknown
        "131000",  # WhatsApp: unknown
        "135000",  # WhatsApp: unknown
    }
)
"""Refusals that may be about the message as well; many of them together are not."""

TECHNICAL_HALTS = frozenset(
    {
        UNUSABLE,  # ours: the settings lack it, or it is for another channel
        "http_301",  # a wrong address, as the next four
        "http_302",
        "http_303",
        "http_307",
        "http_308",
        "http_401",  # credentials
        "http_404",  # a wrong address
        "20003",  # Twilio: authentication
        "20008",  # Twilio: a test's credentials
        "20404",  # Twilio: no such account or address
        "21212",  # Twilio: the sender's number is none
        "21606",  # Twilio: the number is not the account's
        "21659",  # Twilio: the number is none of Twilio's
        "21660",  # Twilio: the number is another account's
        "21701",  # Twilio: no such messaging service
        "21703",  # Twilio: the messaging service has no sender
        "63007",  # Twilio: no WhatsApp sender of this number
        "0",  # WhatsApp: the token does not authenticate
        "102",  # WhatsApp: the session has ended
        "190",  # WhatsApp: the token is over
        "131042",  # WhatsApp: payment
        "131045",  # WhatsApp: the number is not registered with the API
        "133010",  # WhatsApp: the same
        "ESME_RBINDFAIL",  # SMPP: no session is to be had
        "ESME_RINVPASWD",  # SMPP: password
        "ESME_RINVSYSID",  # SMPP: name
        "ESME_RINVSYSTYP",  # SMPP: type of system
    }
)
"""Halts that are a matter of credentials, money or set-up, and of nothing that anybody has
forbidden. Only after these may messages go to another sender: a code that is not here may be a
sanction, and to go round a sanction is evasion."""


def is_outage(refusal: Rejected) -> bool:
    """Whether a refusal is the provider's own trouble and says nothing about the message."""
    return refusal.code in OUTAGES


def is_technical(refusal: Rejected) -> bool:
    """Whether a halt comes from set-up alone, so that another sender may do the work meanwhile."""
    own = refusal.action in (Action.HALT_SENDER, Action.HALT_ACCOUNT)
    return own and not refusal.violation and refusal.code in TECHNICAL_HALTS


def read_sign(result: SendResult) -> Sign:
    """What an answer tells of the account."""
    if isinstance(result, NotStarted):
        return Sign.UNREADY
    if isinstance(result, Ambiguous):
        return Sign.FAILED
    if not isinstance(result, Rejected):
        return Sign.ANSWERED
    # Whatever is done about the message: a few tries of it make it final.
    if result.code in OUTAGES | TROUBLE or result.code.startswith("http_5"):
        return Sign.FAILED
    if result.action is Action.SLOW_ACCOUNT:
        return Sign.FULL
    if result.action in (Action.SLOW_SENDER, Action.RETRY_LATER):
        return Sign.NOTHING  # over a rate, or about this message alone
    return Sign.ANSWERED
