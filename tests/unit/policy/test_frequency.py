from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.country import Cap
from pipeline.policy.decision import Decision, Defer, Proceed
from pipeline.policy.frequency import decide_frequency
from pipeline.policy.vocabulary import Reason

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONTHLY = Cap(rule="cap", limit=3, period=31 * DAY)
DAILY = Cap(rule="cap", limit=3, period=DAY, holiday_limit=1, holiday_rule="holiday")


def waits(until: datetime, rule: str = "cap") -> Decision:
    return Defer(until=until, reason=Reason.FREQUENCY_CAP, rule=rule)


def test_no_cap_limits_nothing() -> None:
    assert decide_frequency(None, [NOW] * 100, now=NOW) == Proceed()


def test_one_more_fits_below_the_limit_and_none_at_it() -> None:
    sent = [NOW - DAY, NOW - 9 * DAY]
    assert decide_frequency(MONTHLY, sent, now=NOW) == Proceed(rule="cap")
    sent.append(NOW - 4 * DAY)
    assert decide_frequency(MONTHLY, sent, now=NOW) == waits(NOW + 22 * DAY)


def test_a_message_counts_until_its_period_is_over_and_not_at_that_instant() -> None:
    sent = [NOW - 31 * DAY, NOW - DAY, NOW]
    assert decide_frequency(MONTHLY, sent, now=NOW) == Proceed(rule="cap")
    a_moment_before = NOW - timedelta(microseconds=1)
    assert decide_frequency(MONTHLY, sent, now=a_moment_before) == waits(NOW)


def test_over_the_limit_it_waits_until_enough_are_over() -> None:
    sent = [NOW - n * HOUR for n in range(1, 6)]
    assert decide_frequency(DAILY, sent, now=NOW) == waits(NOW + 21 * HOUR)


def test_a_reservation_in_the_future_counts() -> None:
    sent = [NOW + HOUR] * 3
    assert decide_frequency(DAILY, sent, now=NOW) == waits(NOW + 25 * HOUR)


def test_a_holiday_lowers_the_limit() -> None:
    sent = [NOW - HOUR]
    assert decide_frequency(DAILY, sent, now=NOW) == Proceed(rule="cap")
    refused = decide_frequency(DAILY, sent, now=NOW, on_holiday=True)
    assert refused == waits(NOW + 23 * HOUR, "holiday")
    assert decide_frequency(DAILY, [], now=NOW, on_holiday=True) == Proceed(rule="holiday")


def test_the_lower_limit_ends_with_the_holiday() -> None:
    ends = NOW + 9 * HOUR
    one = decide_frequency(DAILY, [NOW - HOUR], now=NOW, on_holiday=True, holiday_ends=ends)
    assert one == waits(ends, "holiday")
    three = decide_frequency(DAILY, [NOW - HOUR] * 3, now=NOW, on_holiday=True, holiday_ends=ends)
    assert three == waits(NOW + 23 * HOUR, "holiday")


def test_a_cap_without_a_holiday_limit_is_the_same_on_holidays() -> None:
    assert decide_frequency(MONTHLY, [NOW], now=NOW, on_holiday=True) == Proceed(rule="cap")


def test_a_naive_instant_raises() -> None:
    with pytest.raises(ValueError, match="no UTC offset"):
        decide_frequency(DAILY, [datetime(2026, 1, 1)], now=NOW)  # noqa: DTZ001 - the case


@given(
    limit=st.integers(1, 4),
    period=st.integers(1, 100),
    steps=st.lists(st.integers(0, 60), max_size=40),
)
def test_no_period_ever_holds_more_than_the_limit(
    limit: int, period: int, steps: list[int]
) -> None:
    cap = Cap(rule="cap", limit=limit, period=timedelta(minutes=period))
    now, sent = NOW, list[datetime]()
    for step in steps:
        now += timedelta(minutes=step)
        decision = decide_frequency(cap, sent, now=now)
        if isinstance(decision, Defer):
            assert decision.until is not None
            just_before = decision.until - timedelta(microseconds=1)
            assert isinstance(decide_frequency(cap, sent, now=just_before), Defer)
            assert isinstance(decide_frequency(cap, sent, now=decision.until), Proceed)
            continue
        sent.append(now)
        assert sum(instant > now - cap.period for instant in sent) <= limit
