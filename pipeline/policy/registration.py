"""What a registration holds, whether it holds now, and when it may be expected to."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache

from stdnum.br import cnpj

from pipeline.policy.calendar import HolidayCalendar, UnknownHolidays
from pipeline.policy.checks import Check, blocked, passed
from pipeline.policy.country import CountryPolicy, HolidayRules
from pipeline.policy.instants import add_months, in_utc
from pipeline.policy.sender_rules import RegistrationRule, Review
from pipeline.policy.vocabulary import Question, Reason, RegistrationStatus

_DAY = timedelta(days=1)
_SATURDAY = 5
_PAN = re.compile(r"[A-Z]{5}[0-9]{4}[A-Z]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """A sender's registration with operators or authorities.

    Attributes:
        kind: ``10dlc``, ``operator`` or ``dlt``.
        submitted_at: aware; when it was asked for.
        approved_at, expires_at: aware; it holds from the first (inclusive) to the second
            (exclusive). None: no such limit is known.
        fields: what was registered, e.g. ``cnpj``.
    """

    kind: str
    status: RegistrationStatus
    submitted_at: datetime | None = None
    approved_at: datetime | None = None
    expires_at: datetime | None = None
    fields: Mapping[str, object] = field(default_factory=dict)


def check_registration(
    policy: CountryPolicy,
    required: RegistrationRule,
    registration: Registration | None,
    *,
    now: datetime,
) -> Iterator[Check]:
    """Whether a registration is the one that is asked for, holds now and is complete.

    One check for each rule; what is asked of fields is looked at even where it does not hold.

    Raises:
        ValueError: an instant is naive.
    """
    moment = in_utc(now)
    found = registration if registration and registration.kind == required.kind else None
    if found is None:
        kind = None if registration is None else registration.kind
        yield _refused(required.rule, needed=required.kind, registered_as=kind)
        return
    if required.renewal_rule is not None:
        yield _check_expiry(required, required.renewal_rule, found, moment)
    for rule in dict.fromkeys((required.rule, *required.field_rules.values())):
        fields = [f for f in required.fields if required.field_rules.get(f, required.rule) == rule]
        missing = [name for name in fields if _is_missing(found.fields.get(name))]
        wrong = [f for f in fields if f not in missing and not _is_right(f, found.fields[f])]
        told: dict[str, object] = {"missing": missing} if missing else {}
        if wrong:
            told["wrong"] = wrong
        if rule == required.rule:
            told |= _standing(policy, required, found, moment)
        yield _refused(rule, **told) if told else passed(Question.SENDER, rule)


def _refused(rule: str, **saw: object) -> Check:
    return blocked(Question.SENDER, rule, Reason.SENDER_UNREGISTERED, **saw)


def _check_expiry(
    required: RegistrationRule, rule: str, registration: Registration, now: datetime
) -> Check:
    if _is_over(registration, now):
        return _refused(rule, expires_at=_written(registration.expires_at))
    if renewal_due(required, registration, now=now):
        return passed(Question.SENDER, rule, renew_before=_written(registration.expires_at))
    return passed(Question.SENDER, rule)


def _standing(
    policy: CountryPolicy, required: RegistrationRule, registration: Registration, now: datetime
) -> dict[str, object]:
    """What keeps the registration from holding now; nothing: it holds."""
    if _is_over(registration, now):
        if required.renewal_rule is not None:
            return {}  # a rule of its own says so
        return {"expires_at": _written(registration.expires_at)}
    if registration.status is not RegistrationStatus.APPROVED:
        expected = expected_approval(
            registration.status,
            registration.submitted_at,
            required.review,
            holidays=policy.holidays,
        )
        told: dict[str, object] = {"status": registration.status.value}
        return told if expected is None else told | {"expected_on": expected.isoformat()}
    if registration.approved_at is not None and in_utc(registration.approved_at) > now:
        return {"approved_at": _written(registration.approved_at)}
    return {}


def _is_over(registration: Registration, now: datetime) -> bool:
    expires_at = registration.expires_at
    return registration.status is RegistrationStatus.EXPIRED or (
        expires_at is not None and in_utc(expires_at) <= now
    )


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else in_utc(moment).isoformat()


def _is_missing(value: object) -> bool:
    return value is None or value is False or not str(value).strip()


def _is_right(name: str, value: object) -> bool:
    shape = _SHAPES.get(name)
    return shape is None or shape(value)


def _is_cnpj(value: object) -> bool:
    return isinstance(value, str) and cnpj.is_valid(value)


def _is_pan(value: object) -> bool:
    return isinstance(value, str) and _PAN.fullmatch(value.strip()) is not None


def _is_yes(value: object) -> bool:
    return value is True


_SHAPES: Mapping[str, Callable[[object], bool]] = {
    "cnpj": _is_cnpj,
    "pan": _is_pan,
    "number_bound": _is_yes,
}
"""What a field looks like, where that can be told; of the others it is enough that they are there.

A CNPJ has two check digits, and since July 2026 may have letters. A PAN has five letters, four
digits and a letter, the last of which its authority does not say how to check.
"""


def renewal_due(required: RegistrationRule, registration: Registration, *, now: datetime) -> bool:
    """Whether the registration still holds, and it is time to renew it.

    Raises:
        ValueError: an instant is naive.
    """
    expires_at, months = registration.expires_at, required.renewal_months
    if expires_at is None or months is None or _is_over(registration, in_utc(now)):
        return False
    return add_months(now, months) > in_utc(expires_at)


def expected_approval(
    status: RegistrationStatus,
    submitted_at: datetime | None,
    review: Review | None,
    *,
    holidays: HolidayRules | None = None,
) -> date | None:
    """The day, in UTC, by which a review that was asked for is over as a rule.

    Args:
        submitted_at: when it was asked for; None: not known.
        review: how long the country's take; None: not known.
        holidays: days on which nobody works, beside Saturdays and Sundays; None: no others.

    Returns:
        None: it was not asked for, is decided already, or something is not known.

    Raises:
        ValueError: `submitted_at` is naive.
    """
    if status is not RegistrationStatus.SUBMITTED or submitted_at is None or review is None:
        return None
    day = in_utc(submitted_at).date()
    if not review.working:
        return day + review.days * _DAY
    left = review.days
    while left > 0:
        day += _DAY
        left -= _is_working_day(day, holidays)
    return day


def _is_working_day(day: date, holidays: HolidayRules | None) -> bool:
    if day.weekday() >= _SATURDAY:
        return False
    try:
        return holidays is None or not _calendar(holidays).is_holiday(day)
    except UnknownHolidays:
        return True  # an expected date is no promise


@lru_cache(maxsize=64)
def _calendar(holidays: HolidayRules) -> HolidayCalendar:
    return HolidayCalendar(holidays)
