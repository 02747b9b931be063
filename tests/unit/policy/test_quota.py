from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policies import load_policies
from pipeline.policy.country import CountryPolicy
from pipeline.policy.decision import Defer, Proceed
from pipeline.policy.quota import (
    binding_quotas,
    bucket_of,
    decide_quota,
    decide_quotas,
    quota_room,
    room_in_all,
)
from pipeline.policy.registration import Registration
from pipeline.policy.sender import SenderFacts, SenderState
from pipeline.policy.sender_rules import Quota
from pipeline.policy.vocabulary import Channel, Reason, RegistrationStatus, Tier

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


POLICIES = load_policies()


def policy(country: str) -> CountryPolicy:
    found = POLICIES.for_country(country, NOW.date())
    assert found is not None
    return found


def sender(tier: Tier, approved_at: datetime | None) -> SenderFacts:
    registration = Registration(
        kind="operator", status=RegistrationStatus.APPROVED, approved_at=approved_at
    )
    return SenderFacts(
        id="s",
        business="b",
        country="BR",
        channel=Channel.SMS,
        tier=tier,
        state=SenderState.ACTIVE,
        registration=registration,
    )


@pytest.mark.parametrize(
    ("approved_at", "limit"),
    [
        (datetime(2026, 8, 23, 15, tzinfo=UTC), 100_000),  # three months to the second
        (datetime(2026, 8, 23, 15, 0, 1, tzinfo=UTC), 1000),
        (None, 1000),
    ],
)
def test_a_tier_that_comes_with_time_counts_as_new_until_then(
    approved_at: datetime | None, limit: int
) -> None:
    found = binding_quotas(policy("BR"), sender(Tier.HIGH, approved_at), now=NOW)
    assert [quota.limit for quota in found] == [limit]


def test_a_new_sender_stays_new_however_old_it_is() -> None:
    old = sender(Tier.NEW, NOW - 900 * DAY)
    assert [quota.limit for quota in binding_quotas(policy("BR"), old, now=NOW)] == [1000]


def test_what_holds_for_a_tier_from_its_first_day_holds_while_it_counts_as_new() -> None:
    stricter = Quota(rule="stricter", limit=800, period=DAY)
    brazil = policy("BR")
    joined = replace(
        brazil, quotas={**brazil.quotas, Tier.HIGH: (*brazil.quotas[Tier.HIGH], stricter)}
    )
    found = binding_quotas(joined, sender(Tier.HIGH, None), now=NOW)
    assert [quota.rule for quota in found] == ["br_daily_volume_new", "stricter"]
    assert room_in_all(found, [], now=NOW) == 800


def test_where_nothing_is_said_of_new_senders_the_tiers_own_quota_holds() -> None:
    late = Quota(rule="late", limit=7, period=DAY, after_months=3)
    only_high = replace(policy("BR"), quotas={Tier.HIGH: (late,)})
    assert binding_quotas(only_high, sender(Tier.HIGH, None), now=NOW) == (late,)


def test_a_sender_is_held_to_the_quotas_of_its_channel() -> None:
    sms = Quota(rule="sms", limit=7, period=DAY, channels=frozenset({Channel.SMS}))
    whatsapp = replace(sms, rule="whatsapp", channels=frozenset({Channel.WHATSAPP}))
    both = replace(policy("BR"), quotas={Tier.NEW: (sms, whatsapp)})
    assert binding_quotas(both, sender(Tier.NEW, None), now=NOW) == (sms,)


HOURLY = Quota(rule="hourly", limit=10, period=timedelta(hours=1))
DAILY = Quota(rule="daily", limit=15, period=DAY)


def test_of_several_quotas_the_one_that_frees_up_last_decides() -> None:
    used = [(NOW - 30 * MINUTE, 10)]
    assert room_in_all((HOURLY, DAILY), used, now=NOW) == 0
    waits = decide_quotas((HOURLY, DAILY), used, now=NOW)
    assert waits == Defer(until=NOW + 30 * MINUTE, reason=Reason.DAILY_QUOTA, rule="hourly")
    used.append((NOW - 90 * MINUTE, 5))
    waits = decide_quotas((HOURLY, DAILY), used, now=NOW)
    until = NOW - 90 * MINUTE + DAY
    assert waits == Defer(until=until, reason=Reason.DAILY_QUOTA, rule="daily")
    assert room_in_all((HOURLY, DAILY), [(NOW, 8)], now=NOW) == 2
    assert decide_quotas((HOURLY, DAILY), [(NOW, 8)], now=NOW) == Proceed(rule="hourly")
    assert room_in_all((), used, now=NOW) is None
    assert decide_quotas((), used, now=NOW) == Proceed()
