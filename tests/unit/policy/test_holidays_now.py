from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.calendar import HolidayCalendar
from pipeline.policy.country import HolidayRules
from pipeline.policy.holidays_now import NO_HOLIDAY, HolidayNow, holiday_at

INDIA = HolidayCalendar(HolidayRules(country="IN"))
BRAZIL = HolidayCalendar(HolidayRules(country="BR", by_state=True))
KOLKATA = ("Asia/Kolkata",)
WIDE = ("America/Noronha", "America/Rio_Branco")


def test_an_ordinary_day_is_none() -> None:
    assert holiday_at(INDIA, KOLKATA, None, datetime(2026, 11, 18, 6, tzinfo=UTC)) == NO_HOLIDAY


def test_a_holiday_ends_at_midnight_where_the_person_is() -> None:
    gandhi = datetime(2026, 10, 2, 6, tzinfo=UTC)
    ends = datetime(2026, 10, 2, 18, 30, tzinfo=UTC)
    assert holiday_at(INDIA, KOLKATA, None, gandhi) == HolidayNow(on_holiday=True, ends=ends)
    assert holiday_at(INDIA, KOLKATA, None, ends) == NO_HOLIDAY


def test_holidays_in_a_row_end_with_the_last() -> None:
    closed = HolidayCalendar(
        HolidayRules(country="IN", closed_days=(date(2026, 10, 3), date(2026, 10, 4)))
    )
    found = holiday_at(closed, KOLKATA, None, datetime(2026, 10, 2, 6, tzinfo=UTC))
    assert found.ends == datetime(2026, 10, 4, 18, 30, tzinfo=UTC)


def test_it_must_be_over_in_every_zone() -> None:
    # Brazil's Republic day begins in Noronha (UTC-2) and ends in Acre (UTC-5).
    begins = datetime(2026, 11, 15, 2, tzinfo=UTC)
    ends = datetime(2026, 11, 16, 5, tzinfo=UTC)
    assert holiday_at(BRAZIL, WIDE, None, begins) == HolidayNow(on_holiday=True, ends=ends)
    assert holiday_at(BRAZIL, WIDE, None, begins - timedelta(seconds=1)) == NO_HOLIDAY


def test_what_nobody_knows_counts_as_a_holiday_without_an_end() -> None:
    unknown = HolidayNow(on_holiday=True)
    assert holiday_at(INDIA, KOLKATA, None, datetime(2040, 5, 1, tzinfo=UTC)) == unknown
    rules = HolidayRules(country="IN", closed_days=(date(2035, 12, 31),), last_year=2035)
    new_year = datetime(2035, 12, 31, 6, tzinfo=UTC)
    assert holiday_at(HolidayCalendar(rules), KOLKATA, None, new_year) == unknown


def test_a_run_without_an_end_in_sight_has_none() -> None:
    days = tuple(date(2026, 10, 2) + timedelta(days=n) for n in range(60))
    closed = HolidayCalendar(HolidayRules(country="IN", closed_days=days))
    found = holiday_at(closed, KOLKATA, None, datetime(2026, 10, 2, 6, tzinfo=UTC))
    assert found == HolidayNow(on_holiday=True)


def test_a_naive_instant_raises() -> None:
    with pytest.raises(ValueError, match="no UTC offset"):
        holiday_at(INDIA, KOLKATA, None, datetime(2026, 1, 1))  # noqa: DTZ001 - the case


@given(
    moment=st.datetimes(datetime(2017, 1, 1), datetime(2030, 12, 1)),  # noqa: DTZ001 - UTC below
    zones=st.sets(
        st.sampled_from(["America/Sao_Paulo", "America/Rio_Branco", "America/Noronha"]), min_size=1
    ),
)
def test_the_end_is_the_first_instant_that_is_no_holiday(moment: datetime, zones: set[str]) -> None:
    # Until 2019 São Paulo's clocks skipped midnight in spring.
    def closed(at: datetime) -> bool:
        return any(BRAZIL.is_holiday(at.astimezone(ZoneInfo(zone)).date(), "SP") for zone in zones)

    now = moment.replace(tzinfo=UTC)
    found = holiday_at(BRAZIL, tuple(zones), "SP", now)
    assert found.on_holiday == closed(now)
    if found.ends is not None:
        assert not closed(found.ends)
        quarter = timedelta(minutes=15)
        steps = int((found.ends - now) / quarter)
        assert all(closed(now + step * quarter) for step in range(steps))
        assert closed(found.ends - timedelta(microseconds=1))
