from datetime import UTC, date, datetime

import pytest

from pipeline.policy.calendar import HolidayCalendar, UnknownHolidays
from pipeline.policy.country import HolidayRules

BRAZIL = HolidayRules(
    country="BR", optional_names=("carnival", "corpus christi"), by_state=True, last_year=2035
)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 1, 1), True),
        (date(2026, 2, 13), False),
        (date(2026, 2, 16), True),  # Carnival Monday
        (date(2026, 2, 17), True),  # Carnival Tuesday
        (date(2026, 2, 18), False),  # Ash Wednesday
        (date(2026, 4, 3), True),  # Good Friday
        (date(2026, 6, 4), True),  # Corpus Christi
        (date(2026, 10, 28), False),  # Public Servant's Day: optional, not named
        (date(2026, 11, 20), True),
        (date(2026, 12, 24), False),
        (date(2026, 12, 25), True),
        (date(2027, 2, 9), True),  # Carnival moves
    ],
)
def test_brazil(day: date, expected: bool) -> None:
    assert HolidayCalendar(BRAZIL).is_holiday(day) is expected


def test_an_optional_day_may_be_named_in_the_countrys_own_language() -> None:
    rules = HolidayRules(country="BR", optional_names=("Carnaval", "quarta-feira de cinzas"))
    calendar = HolidayCalendar(rules)
    assert calendar.is_holiday(date(2026, 2, 17))
    assert calendar.is_holiday(date(2026, 2, 18))
    assert not calendar.is_holiday(date(2026, 6, 4))


def test_no_optional_day_counts_unless_named() -> None:
    assert not HolidayCalendar(HolidayRules(country="BR")).is_holiday(date(2026, 2, 17))


@pytest.mark.parametrize(
    ("day", "state", "expected"),
    [
        (date(2026, 7, 9), "SP", True),
        (date(2026, 7, 9), "RJ", False),
        (date(2026, 7, 9), None, False),
        (date(2026, 9, 5), "AC", True),
        (date(2026, 11, 20), "RJ", True),
    ],
)
def test_a_states_own_days_count_there_only(day: date, state: str | None, expected: bool) -> None:
    assert HolidayCalendar(BRAZIL).is_holiday(day, state) is expected


def test_states_do_not_matter_where_the_rules_do_not_go_by_state() -> None:
    assert not HolidayCalendar(HolidayRules(country="BR")).is_holiday(date(2026, 7, 9), "SP")


def test_the_operator_closes_days_in_any_country_and_any_year() -> None:
    closed = [date(2026, 1, 25), date(2099, 1, 1)]
    for rules in (BRAZIL, HolidayRules(country=None)):
        calendar = HolidayCalendar(rules, closed)
        assert calendar.is_holiday(date(2026, 1, 25))
        assert calendar.is_holiday(date(2099, 1, 1))


def test_closed_days_in_the_rules_and_beside_them_both_count() -> None:
    rules = HolidayRules(country=None, closed_days=(date(2026, 1, 25),))
    calendar = HolidayCalendar(rules, [date(2026, 1, 26)])
    days = [date(2026, 1, day) for day in (24, 25, 26, 27)]
    assert [calendar.is_holiday(day) for day in days] == [False, True, True, False]


def test_a_pack_without_holidays_has_none() -> None:
    assert not HolidayCalendar(HolidayRules(country=None)).is_holiday(date(2099, 12, 25))


@pytest.mark.parametrize("day", [date(2000, 12, 31), date(2036, 1, 1)])
def test_a_year_outside_the_data_is_unknown(day: date) -> None:
    calendar = HolidayCalendar(HolidayRules(country="IN", first_year=2001, last_year=2035))
    assert calendar.is_holiday(date(2001, 1, 26))
    assert calendar.is_holiday(date(2035, 1, 26))
    with pytest.raises(UnknownHolidays, match=str(day.year)):
        calendar.is_holiday(day)


@pytest.mark.parametrize(
    ("rules", "state"),
    [
        (HolidayRules(country="XX"), None),
        (BRAZIL, "ZZ"),
        (HolidayRules(country="BR", optional_names=("carnivall",)), None),
        (HolidayRules(country="PE", optional_names=("carnival",)), None),
    ],
)
def test_what_the_data_lack_is_unknown_and_not_a_working_day(
    rules: HolidayRules, state: str | None
) -> None:
    with pytest.raises(UnknownHolidays):
        HolidayCalendar(rules).is_holiday(date(2026, 3, 3), state)


def test_the_machines_language_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for language in ("uk", "pt_BR", "C"):
        monkeypatch.setenv("LANGUAGE", language)
        assert HolidayCalendar(BRAZIL).is_holiday(date(2026, 2, 17))


def test_a_datetime_is_refused() -> None:
    with pytest.raises(TypeError):
        HolidayCalendar(BRAZIL).is_holiday(datetime(2026, 12, 25, tzinfo=UTC))
