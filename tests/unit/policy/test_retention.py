from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.policy.retention import ends, month_of, months_from

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


def test_months_back_are_calendar_months_and_a_day_that_is_missing_is_the_last() -> None:
    assert months_from(NOW, -1) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert months_from(NOW, -13) == datetime(2025, 2, 28, 12, tzinfo=UTC)
    assert months_from(NOW, -25) == datetime(2024, 2, 29, 12, tzinfo=UTC)
    assert months_from(NOW, 9) == datetime(2026, 12, 31, 12, tzinfo=UTC)
    assert months_from(NOW, 10) == datetime(2027, 1, 31, 12, tzinfo=UTC)


def test_a_month_begins_in_utc() -> None:
    west = timezone(timedelta(hours=-5))
    assert month_of(datetime(2026, 2, 28, 20, tzinfo=west)) == datetime(2026, 3, 1, tzinfo=UTC)


def test_decisions_end_with_a_month_and_are_kept_for_no_less_than_was_asked() -> None:
    limits = ends(now=NOW, message_months=12, decision_months=13)
    assert limits.messages == datetime(2025, 3, 31, 12, tzinfo=UTC)
    assert limits.decisions == datetime(2025, 2, 1, tzinfo=UTC)
    assert limits.receipt_ids == NOW - timedelta(days=7)


@pytest.mark.parametrize("months", [(11, 13), (13, 11)])
def test_nothing_is_kept_for_less_than_twelve_months(months: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="12 months"):
        ends(now=NOW, message_months=months[0], decision_months=months[1])
