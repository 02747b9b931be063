from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.policy.calendar import HolidayCalendar
from pipeline.policy.country import CountryPolicy, HolidayRules, OptOutRule, Window
from pipeline.policy.decision import Block, Defer, Proceed
from pipeline.policy.vocabulary import Category, Reason
from pipeline.policy.window import decide_window
from pipeline.policy.window_table import WindowTable

WINDOW = Window(
    rule="br_window_marketing",
    hours=dict.fromkeys(range(5), ((time(9), time(20)),)),
    closed_on_holidays=True,
)
BRAZIL = CountryPolicy(
    country="BR",
    pack="BR",
    name="Brazil",
    version="BR-1",
    holidays=HolidayRules(country="BR", by_state=True),
    windows={Category.MARKETING: (WINDOW,)},
    consents={},
    caps={},
    quotas={},
    registration=None,
    template=None,
    opt_out=OptOutRule(
        words=("sair",),
        words_rule=None,
        deadline=timedelta(hours=2),
        deadline_rule=None,
        confirmations={"pt": "{brand}"},
        default_language="pt",
    ),
)
SAO_PAULO = ("America/Sao_Paulo",)
MONDAY_10 = datetime(2026, 11, 23, 13, tzinfo=UTC)
MONDAY_CLOSE = datetime(2026, 11, 23, 23, tzinfo=UTC)
CALENDAR = HolidayCalendar(BRAZIL.holidays)


def test_a_category_without_a_window_may_leave_at_any_time_and_from_anywhere() -> None:
    found = WindowTable().decide(
        BRAZIL, Category.TRANSACTIONAL, zones=(), state=None, now=MONDAY_10
    )
    assert found.decision == Proceed()
    assert found.closes_at is None


@pytest.mark.parametrize("category", [Category.MARKETING, Category.TRANSACTIONAL])
def test_a_naive_now_is_refused(category: Category) -> None:
    naive = MONDAY_10.replace(tzinfo=None)
    with pytest.raises(ValueError, match="aware"):
        WindowTable().decide(BRAZIL, category, zones=SAO_PAULO, state=None, now=naive)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.floats(-20 * 24, 20 * 24, allow_nan=False),
            st.sampled_from([SAO_PAULO, ("America/Manaus", "America/Noronha"), ()]),
            st.sampled_from(["SP", "RJ"]),
        ),
        max_size=12,
    )
)
def test_it_says_what_a_fresh_look_would_say_however_time_jumps(
    steps: list[tuple[float, tuple[str, ...], str]],
) -> None:
    table = WindowTable(capacity=2)
    for hours, zones, state in steps:
        now = MONDAY_10 + timedelta(hours=hours)
        assert table.decide(
            BRAZIL, Category.MARKETING, zones=zones, state=state, now=now
        ) == decide_window(WINDOW, zones=zones, calendar=CALENDAR, state=state, now=now)


def test_an_interval_is_found_once_and_kept_until_it_closes() -> None:
    table = WindowTable()

    def decide(now: datetime) -> object:
        return table.decide(BRAZIL, Category.MARKETING, zones=SAO_PAULO, state="SP", now=now)

    first = decide(MONDAY_10)
    assert decide(MONDAY_CLOSE - timedelta(microseconds=1)) is first
    assert decide(MONDAY_CLOSE) is not first


def test_a_campaign_that_starts_later_leaves_the_present_interval_alone() -> None:
    table = WindowTable()

    def decide(now: datetime) -> object:
        return table.decide(BRAZIL, Category.MARKETING, zones=SAO_PAULO, state="SP", now=now)

    next_week = MONDAY_10 + timedelta(days=7)
    present, later = decide(MONDAY_10), decide(next_week)
    assert decide(MONDAY_10) is present
    assert decide(next_week) is later


def test_it_forgets_the_oldest_beyond_its_capacity() -> None:
    table = WindowTable(capacity=2)

    def decide(state: str) -> object:
        return table.decide(BRAZIL, Category.MARKETING, zones=SAO_PAULO, state=state, now=MONDAY_10)

    first, second = decide("SP"), decide("RJ")
    assert (decide("SP"), decide("RJ")) == (first, second)
    assert decide("SP") is first
    decide("MG")
    assert decide("RJ") is second
    assert decide("SP") is not first


def test_other_rules_are_another_interval() -> None:
    table = WindowTable()
    evening = replace(WINDOW, hours={0: ((time(18), time(20)),)})
    stricter = replace(BRAZIL, version="BR-2", windows={Category.MARKETING: (evening,)})

    decisions = [
        table.decide(policy, Category.MARKETING, zones=SAO_PAULO, state="SP", now=MONDAY_10)
        for policy in (BRAZIL, stricter, BRAZIL)
    ]

    assert isinstance(decisions[0].decision, Proceed)
    assert isinstance(decisions[1].decision, Defer)
    assert decisions[2] == decisions[0]


def test_the_operators_closed_days_close_windows() -> None:
    table = WindowTable(closed_days=[date(2026, 11, 23)])
    found = table.decide(BRAZIL, Category.MARKETING, zones=SAO_PAULO, state="SP", now=MONDAY_10)
    assert found.decision == Defer(
        until=datetime(2026, 11, 24, 12, tzinfo=UTC),
        reason=Reason.WINDOW_CLOSED,
        rule="br_window_marketing",
    )
    assert table.calendar(BRAZIL).is_holiday(date(2026, 11, 23))


def test_nothing_is_sent_to_nowhere() -> None:
    found = WindowTable().decide(BRAZIL, Category.MARKETING, zones=(), state=None, now=MONDAY_10)
    assert found.decision == Block(reason=Reason.NO_COMMON_WINDOW, rule="br_window_marketing")
