from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from pipeline.policy.country import HolidayRules
from pipeline.policy.registration import Registration, expected_approval, renewal_due
from pipeline.policy.sender_rules import RegistrationRule, Review
from pipeline.policy.vocabulary import RegistrationStatus

FRIDAY = datetime(2026, 11, 13, 15, tzinfo=UTC)
SUBMITTED = RegistrationStatus.SUBMITTED
TWO_WEEKS = Review(days=14, working=False)
FIFTEEN_WORKING = Review(days=15, working=True)
BRAZIL = HolidayRules(country="BR")


def test_calendar_days_are_counted_as_they_come() -> None:
    assert expected_approval(SUBMITTED, FRIDAY, TWO_WEEKS) == date(2026, 11, 27)


def test_working_days_leave_out_weekends_and_holidays() -> None:
    assert expected_approval(SUBMITTED, FRIDAY, FIFTEEN_WORKING) == date(2026, 12, 4)
    # In Brazil the 20th of November is a holiday.
    found = expected_approval(SUBMITTED, FRIDAY, FIFTEEN_WORKING, holidays=BRAZIL)
    assert found == date(2026, 12, 7)


def test_days_are_those_in_utc() -> None:
    late = datetime(2026, 11, 13, 23, tzinfo=timezone(timedelta(hours=-3)))
    assert expected_approval(SUBMITTED, late, TWO_WEEKS) == date(2026, 11, 28)


def test_years_without_known_holidays_count_weekends_only() -> None:
    far = datetime(2040, 11, 9, 15, tzinfo=UTC)  # a Friday
    review = Review(days=5, working=True)
    assert expected_approval(SUBMITTED, far, review, holidays=BRAZIL) == date(2040, 11, 16)


@pytest.mark.parametrize(
    ("status", "submitted_at", "review"),
    [
        (RegistrationStatus.APPROVED, FRIDAY, TWO_WEEKS),
        (RegistrationStatus.REJECTED, FRIDAY, TWO_WEEKS),
        (RegistrationStatus.DRAFT, FRIDAY, TWO_WEEKS),
        (SUBMITTED, None, TWO_WEEKS),
        (SUBMITTED, FRIDAY, None),
    ],
)
def test_nothing_is_expected_where_nobody_waits_or_nobody_knows(
    status: RegistrationStatus, submitted_at: datetime | None, review: Review | None
) -> None:
    assert expected_approval(status, submitted_at, review) is None


@pytest.mark.parametrize(
    ("expires_at", "months", "due"),
    [
        (datetime(2027, 5, 13, 15, tzinfo=UTC), 6, False),
        (datetime(2027, 5, 13, 14, tzinfo=UTC), 6, True),
        (FRIDAY, 6, False),  # it is over: there is nothing left to renew
        (None, 6, False),
        (datetime(2027, 5, 13, 14, tzinfo=UTC), None, False),
    ],
)
def test_a_registration_is_renewed_when_less_than_so_many_months_are_left(
    expires_at: datetime | None, months: int | None, due: bool
) -> None:
    rule = RegistrationRule(rule="r", kind="dlt", fields=(), renewal_months=months)
    registration = Registration(
        kind="dlt", status=RegistrationStatus.APPROVED, expires_at=expires_at
    )
    assert renewal_due(rule, registration, now=FRIDAY) is due
