from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.decision import Defer, Proceed
from pipeline.policy.quota import bucket_of, decide_quota, quota_room
from pipeline.policy.sender_rules import Quota
from pipeline.policy.vocabulary import Reason

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
QUOTA = Quota(rule="quota", limit=500, period=DAY)


def test_no_quota_limits_nothing() -> None:
    assert decide_quota(None, [(NOW, 10**6)], now=NOW, wanted=10**6) == Proceed()
    assert quota_room(None, [], now=NOW) is None


@pytest.mark.parametrize(
    "sent_at", [NOW, NOW + timedelta(seconds=59, microseconds=999_999), NOW + timedelta(seconds=1)]
)
def test_a_bucket_is_labelled_by_the_end_of_its_minute(sent_at: datetime) -> None:
    assert bucket_of(sent_at) == NOW + MINUTE


def test_what_is_wanted_fits_up_to_the_limit() -> None:
    used = [(NOW, 300), (NOW - 5 * MINUTE, 150)]
    assert quota_room(QUOTA, used, now=NOW) == 50
    assert decide_quota(QUOTA, used, now=NOW, wanted=50) == Proceed(rule="quota")
    waits = decide_quota(QUOTA, used, now=NOW, wanted=51)
    assert waits == Defer(until=NOW - 5 * MINUTE + DAY, reason=Reason.DAILY_QUOTA, rule="quota")


def test_it_waits_for_as_many_buckets_as_it_needs() -> None:
    used = [(NOW - 10 * MINUTE, 10), (NOW - 5 * MINUTE, 90), (NOW, 400)]
    waits = decide_quota(QUOTA, used, now=NOW, wanted=100)
    assert waits == Defer(until=NOW - 5 * MINUTE + DAY, reason=Reason.DAILY_QUOTA, rule="quota")


def test_a_bucket_is_over_exactly_one_period_after_its_label() -> None:
    assert quota_room(QUOTA, [(NOW - DAY, 500)], now=NOW) == 500
    assert quota_room(QUOTA, [(NOW - DAY + MINUTE, 500)], now=NOW) == 0


def test_overdrawn_is_no_room_and_not_less() -> None:
    assert quota_room(QUOTA, [(NOW, 700)], now=NOW) == 0


@pytest.mark.parametrize("wanted", [0, 501])
def test_what_can_never_fit_is_the_callers_mistake(wanted: int) -> None:
    with pytest.raises(ValueError, match="ask for"):
        decide_quota(QUOTA, [], now=NOW, wanted=wanted)


@given(
    limit=st.integers(1, 20),
    period=st.integers(1, 30),
    steps=st.lists(st.tuples(st.integers(0, 600), st.integers(1, 20)), max_size=40),
)
def test_no_period_ever_holds_more_than_the_limit(
    limit: int, period: int, steps: list[tuple[int, int]]
) -> None:
    quota = Quota(rule="quota", limit=limit, period=period * MINUTE)
    now, sent, buckets = NOW, list[tuple[datetime, int]](), Counter[datetime]()
    for seconds, wanted in steps:
        now += timedelta(seconds=seconds)
        asked = min(wanted, limit)
        used = list(buckets.items())
        decision = decide_quota(quota, used, now=now, wanted=asked)
        if isinstance(decision, Defer):
            assert decision.until is not None
            just_before = decision.until - timedelta(microseconds=1)
            assert isinstance(decide_quota(quota, used, now=just_before, wanted=asked), Defer)
            later = decide_quota(quota, used, now=decision.until, wanted=asked)
            assert isinstance(later, Proceed)
            continue
        room = quota_room(quota, used, now=now)
        assert room is not None
        assert room >= asked
        sent.append((now, asked))
        buckets[bucket_of(now)] += asked
        assert sum(count for at, count in sent if at > now - quota.period) <= limit
