"""What an error code calls for, by the table of its provider.

Each provider's folder holds one literal table, ``codes.py``, from code to `Handling`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.providers.base import Action, Ambiguous, Rejected


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

_HALT_ACCOUNT = Handling(Action.HALT_ACCOUNT)

_STATUSES: Mapping[int, Handling] = {
    # A wrong address or wrong credentials refuse every message alike: stop, rather than spend a
    # campaign on them.
    **dict.fromkeys((301, 302, 303, 307, 308, 401, 404), _HALT_ACCOUNT),
    408: Handling(Action.AMBIGUOUS),
    429: Handling(Action.RETRY_LATER),
}

_HALTING = frozenset(
    {
        Action.HALT_SENDER,
        Action.HALT_ACCOUNT,
        Action.HALT_DESTINATION,
        Action.HALT_TEMPLATE,
        Action.HALT_CAMPAIGN,
    }
)

_LEAVING = frozenset({Action.SUPPRESS, Action.SUPPRESS_MARKETING})

_LONGEST_WAIT = 86_400.0
_LARGEST_CODE = 999_999_999
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
    if code is not None and not 0 <= code <= _LARGEST_CODE:
        code = None  # it stands in rows, logs and metrics, and is no code of anybody's
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


def halted_by(table: CodeTable, code: str | None, detail: str | None) -> Rejected | None:
    """What a code, in a later report, halts beyond its message; None: nothing.

    Args:
        table: the dialect's.
        code: as it stands in a status report.
        detail: the provider's words, cleaned.
    """
    handling = _look_up(table, code)
    if handling is None or code is None or handling.action not in _HALTING:
        return None
    return Rejected(handling.action, code, detail or "", None, violation=handling.violation)


def is_known(table: CodeTable, code: str | None) -> bool:
    """Whether a code of a later report stands in the table; none at all is no unknown one."""
    return code is None or _look_up(table, code) is not None


def _look_up(table: CodeTable, code: str | None) -> Handling | None:
    if code is None or not code.isascii() or not code.isdigit():
        return None
    return table.get(int(code))
