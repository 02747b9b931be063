"""What each provider's error codes call for: one literal table per dialect.

Sources: Meta's "Cloud API error codes" (developers.facebook.com) and Twilio's "Error and warning
dictionary" (twilio.com/docs/api/errors). Where these leave it open whether a message was sent,
the entry is `Action.AMBIGUOUS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.providers.base import Action, Ambiguous, Rejected

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Handling:
    """What to do about one code.

    Attributes:
        action: what it calls for.
        retry_after: seconds to wait at least when the answer itself does not say.
        tries: after this many attempts of one message it is final; None: no limit from here.
        backoff: `retry_after` grows by this factor with each attempt.
        violation: the message, or those before it, broke a rule of the provider or a carrier; it
            counts in the sender's rate of non-compliance.
    """

    action: Action
    retry_after: float | None = None
    tries: int | None = None
    backoff: float = 1.0
    violation: bool = False


CodeTable = Mapping[int, Handling]

_FAIL = Handling(Action.FAIL)
_HALT_ACCOUNT = Handling(Action.HALT_ACCOUNT)
_HALT_CAMPAIGN = Handling(Action.HALT_CAMPAIGN)
_HALT_SENDER = Handling(Action.HALT_SENDER)
_SLOW_ACCOUNT = Handling(Action.SLOW_ACCOUNT)
_SLOW_SENDER = Handling(Action.SLOW_SENDER)
_SUPPRESS = Handling(Action.SUPPRESS)
_FEW_TRIES = Handling(Action.RETRY_LATER, tries=3)
_FILTERED = Handling(Action.FAIL_FILTERED, violation=True)
_HALT_ACCOUNT_VIOLATION = Handling(Action.HALT_ACCOUNT, violation=True)
_HALT_CAMPAIGN_VIOLATION = Handling(Action.HALT_CAMPAIGN, violation=True)
_HALT_SENDER_VIOLATION = Handling(Action.HALT_SENDER, violation=True)
_HALT_TEMPLATE_VIOLATION = Handling(Action.HALT_TEMPLATE, violation=True)

WHATSAPP: CodeTable = {
    **dict.fromkeys(range(200, 300), _HALT_ACCOUNT),  # permissions: Meta reserves the range
    0: _HALT_ACCOUNT,  # the token does not authenticate
    1: _FEW_TRIES,  # unknown
    2: _FEW_TRIES,  # down or overloaded
    3: _HALT_ACCOUNT,  # capability or permission
    4: _SLOW_ACCOUNT,  # the application's rate
    10: _HALT_ACCOUNT,  # permission
    33: _FAIL,  # parameter value
    100: _FAIL,  # parameter
    190: _HALT_ACCOUNT,  # token expired
    368: _HALT_ACCOUNT_VIOLATION,  # restricted for policy violations
    80007: _SLOW_ACCOUNT,  # the business account's rate
    130429: _SLOW_SENDER,  # the number's throughput
    130472: _FAIL,  # the person is in a holdout experiment
    130497: _HALT_ACCOUNT,  # may not message this country
    131000: _FEW_TRIES,  # unknown
    131008: _FAIL,  # parameter missing
    131009: _FAIL,  # parameter value
    131016: _FEW_TRIES,  # service unavailable
    131021: _FAIL,  # sender and recipient are the same
    131026: _FAIL,  # undeliverable: no WhatsApp, old version, terms not accepted
    131030: _FAIL,  # recipient not in a test number's list
    131031: _HALT_ACCOUNT_VIOLATION,  # account locked
    131042: _HALT_ACCOUNT,  # payment
    131045: _HALT_SENDER,  # number not registered
    131047: _FAIL,  # the 24-hour window is closed
    131048: _HALT_SENDER_VIOLATION,  # limited for spam
    131049: Handling(Action.SLOW_RECIPIENT, 24 * _HOUR),  # the person's marketing cap
    131050: Handling(Action.SUPPRESS_MARKETING),  # the person stopped marketing
    131051: _FAIL,  # message type
    131056: Handling(Action.SLOW_RECIPIENT, 4.0, backoff=4.0),  # pair rate: 4^n s, as documented
    131057: Handling(Action.SLOW_SENDER, 60.0),  # throughput upgrade: about a minute
    131062: _FAIL,  # a business-scoped user id is not supported here
    131063: _HALT_CAMPAIGN,  # marketing is switched off on this interface
    131064: _HALT_SENDER_VIOLATION,  # limited for its classification
    132000: _HALT_CAMPAIGN,  # number of template parameters
    132001: _HALT_CAMPAIGN,  # no such template in this language
    132005: _HALT_CAMPAIGN,  # text too long once filled in
    132007: _HALT_CAMPAIGN_VIOLATION,  # format policy
    132008: _HALT_CAMPAIGN,  # format
    132012: _HALT_CAMPAIGN,  # format of the parameters
    132015: _HALT_TEMPLATE_VIOLATION,  # paused for its quality
    132016: _HALT_TEMPLATE_VIOLATION,  # disabled for its quality
    133004: _FEW_TRIES,  # server unavailable
    133010: _HALT_SENDER,  # number not registered
    133016: _HALT_SENDER,  # registered too often
    135000: _FEW_TRIES,  # unknown
}
"""WhatsApp Cloud API."""

TWILIO: CodeTable = {
    14107: _FAIL,  # too many replies in TwiML: never answers a send
    20003: _HALT_ACCOUNT,  # authentication
    20429: Handling(Action.RETRY_LATER),  # too many at once: documented as never processed
    20500: Handling(Action.AMBIGUOUS),  # internal error; a POST of a message is not idempotent
    20503: _FEW_TRIES,  # unavailable
    21211: _FAIL,  # number
    21217: _FAIL,  # number
    21408: Handling(Action.HALT_DESTINATION),  # the country is switched off in the account
    21610: _SUPPRESS,  # opted out, or the number was given to somebody else
    21611: _SLOW_SENDER,  # the sender's queue is full
    21614: _FAIL,  # not a mobile
    30001: _SLOW_SENDER,  # queue overflow
    30002: _HALT_ACCOUNT,  # account suspended
    30003: Handling(Action.SLOW_RECIPIENT, 2 * _HOUR, tries=2),  # handset unreachable
    30004: _FAIL,  # blocked
    30005: _FAIL,  # number unknown
    30006: _FAIL,  # landline or carrier out of reach
    30007: _FILTERED,  # filtered by a carrier
    30008: Handling(Action.RETRY_LATER, tries=2),  # unknown: once more
    30022: _SLOW_SENDER,  # the carrier's rate for the campaign
    30032: _HALT_SENDER_VIOLATION,  # toll-free number not verified
    30034: _HALT_SENDER_VIOLATION,  # number not registered for 10DLC
    30036: _FAIL,  # its validity ran out
    30450: Handling(Action.SLOW_RECIPIENT, _HOUR / 2, tries=3),  # pumping: blocked for 15-30 min
    30610: Handling(Action.RETRY_LATER, _HOUR),  # the provider's own quiet hours
    30640: _SUPPRESS,  # known to sue
    63003: _FAIL,  # no such WhatsApp user
    63013: _FILTERED,  # against the channel's policy
    63014: _SUPPRESS,  # blocked by the person
    63016: _FAIL,  # the 24-hour window is closed
    63018: _SLOW_SENDER,  # the WhatsApp sender's rate
    63024: _FAIL,  # no such WhatsApp user
}
"""Twilio's messaging interface."""

_STATUSES: Mapping[int, Handling] = {
    # A wrong address or wrong credentials refuse every message alike: stop, rather than spend a
    # campaign on them.
    **dict.fromkeys((301, 302, 303, 307, 308, 401, 404), _HALT_ACCOUNT),
    408: Handling(Action.AMBIGUOUS),
    429: Handling(Action.RETRY_LATER),
}

_LEAVING = frozenset({Action.SUPPRESS, Action.SUPPRESS_MARKETING})

_LONGEST_WAIT = 24 * _HOUR
_MOST_GROWTH = 16


def judge(
    table: CodeTable,
    *,
    code: int | None,
    status: int,
    detail: str,
    attempt: int,
    retry_after: float | None,
) -> Rejected | Ambiguous:
    """What an error answer means for the message.

    A code that is in no table is judged by the HTTP status: ambiguous for 5xx, since it may have
    been processed, else final, but for the few statuses that speak for themselves; `known` is
    then False.

    Args:
        table: the dialect's.
        code: the provider's, None where the answer held none.
        status: the HTTP status.
        detail: the provider's words, cleaned.
        attempt: which attempt of the message this was, from 1.
        retry_after: seconds, where the answer said so.
    """
    handling = None if code is None else table.get(code)
    known = handling is not None or code is None
    if handling is None:
        handling = _STATUSES.get(status)
    if handling is None:
        handling = Handling(Action.AMBIGUOUS if status >= 500 else Action.FAIL)  # noqa: PLR2004 - HTTP's own boundary
    name = f"http_{status}" if code is None else str(code)
    if handling.action is Action.AMBIGUOUS:
        return Ambiguous(detail, name, known)
    if handling.tries is not None and attempt >= handling.tries:
        return Rejected(Action.FAIL, name, detail, None, known, handling.violation)
    if retry_after is None and handling.retry_after is not None:
        growth = handling.backoff ** min(attempt - 1, _MOST_GROWTH)
        retry_after = handling.retry_after * growth
    if retry_after is not None:
        # The header too: some write an instant where seconds belong.
        retry_after = min(retry_after, _LONGEST_WAIT)
    return Rejected(handling.action, name, detail, retry_after, known, handling.violation)


def means_opt_out(table: CodeTable, code: str | None) -> bool:
    """Whether a code, in an answer or in a later report, says that the person has left.

    Args:
        table: the dialect's.
        code: as it stands in `Rejected` or in a status report.
    """
    handling = _look_up(table, code)
    return handling is not None and handling.action in _LEAVING


def means_violation(table: CodeTable, code: str | None) -> bool:
    """Whether a code, in a later report, says that the message broke a rule of its carriers.

    Args:
        table: the dialect's.
        code: as it stands in a status report.
    """
    handling = _look_up(table, code)
    return handling is not None and handling.violation


def _look_up(table: CodeTable, code: str | None) -> Handling | None:
    if code is None or not code.isascii() or not code.isdigit():
        return None
    return table.get(int(code))
