"""What senders may bring about, to the last message."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policies import load_policies
from pipeline.policy.thresholds import (
    Counts,
    Measure,
    RepeatBan,
    Standing,
    Threshold,
    Verdict,
    decide_thresholds,
)

NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
WEEK = timedelta(days=7)
MONTH = timedelta(days=30)


def _verdicts(country: str, counts: Counts) -> dict[str, Verdict]:
    """What the country's own thresholds say: rule → verdict."""
    policy = load_policies().for_country(country, NOW.date())
    assert policy is not None
    found = decide_thresholds(policy.thresholds, {WEEK: counts, MONTH: counts})
    return {verdict.threshold.rule: verdict for verdict in found}


WITHIN, NEAR, OVER = Standing


@pytest.mark.parametrize(
    ("country", "rule", "counts", "standing"),
    [
        ("US", "us_optout_rate", Counts(sent=1000, opt_outs=5), WITHIN),  # exactly 0.5 %
        ("US", "us_optout_rate", Counts(sent=1000, opt_outs=6), OVER),
        ("US", "us_optout_rate", Counts(sent=1200, opt_outs=6), WITHIN),
        ("US", "us_optout_rate", Counts(sent=999, opt_outs=900), NEAR),  # too small a sample
        ("US", "us_optout_rate", Counts(sent=0, opt_outs=9), NEAR),
        ("US", "us_optout_rate", Counts(), WITHIN),
        ("US", "us_noncompliance_rate", Counts(sent=1000, violations=15), WITHIN),
        ("US", "us_noncompliance_rate", Counts(sent=1000, violations=16), NEAR),
        ("US", "us_noncompliance_rate", Counts(sent=1000, violations=20), NEAR),  # exactly 2 %
        ("US", "us_noncompliance_rate", Counts(sent=1000, violations=21), OVER),
        # All of them were refused at once: none was sent, and all are violations.
        ("US", "us_noncompliance_rate", Counts(sent=0, violations=1000), OVER),
        ("US", "us_noncompliance_rate", Counts(sent=0, violations=999), NEAR),
        ("BR", "br_complaints_blacklist", Counts(complaints=3), WITHIN),
        ("BR", "br_complaints_blacklist", Counts(complaints=4), OVER),  # whatever was sent
        ("IN", "in_complaint_rate", Counts(sent=2000, complainants=10, complaints=99), WITHIN),
        ("IN", "in_complaint_rate", Counts(sent=2000, complainants=11), OVER),
        ("IN", "in_complaint_rate", Counts(sent=900, complainants=11), NEAR),
    ],
)
def test_a_sender_stands_where_its_counts_put_it(
    country: str, rule: str, counts: Counts, standing: Standing
) -> None:
    assert _verdicts(country, counts)[rule].standing is standing


def test_countries_without_thresholds_ask_nothing() -> None:
    assert _verdicts("PE", Counts(sent=1000, opt_outs=900, complaints=900)) == {}


def test_what_was_seen_is_told_in_a_line() -> None:
    verdicts = _verdicts("US", Counts(sent=1280, opt_outs=8, violations=1))
    assert verdicts["us_optout_rate"].saw == (
        "opt-out rate 0.625 % of 1,280 messages in 7 days, limit 0.5 %"
    )
    assert verdicts["us_noncompliance_rate"].value == pytest.approx(0.078125)
    (complaints,) = _verdicts("BR", Counts(complaints=4)).values()
    assert complaints.saw == "4 complaints in 30 days, limit 3"


def _threshold(**changes: object) -> Threshold:
    values: dict[str, object] = {
        "rule": "x",
        "measure": Measure.OPT_OUT_RATE,
        "above": 0.5,
        "within": WEEK,
        "minimum_sample": 1000,
    }
    return Threshold(**(values | changes))  # type: ignore[arg-type]


def _standing(threshold: Threshold, counts: Counts) -> Standing:
    (verdict,) = decide_thresholds([threshold], {threshold.within: counts})
    return verdict.standing


def test_a_limit_that_is_no_binary_fraction_is_exact() -> None:
    # 0.29 * 100 is a little less than 29 for a float, and so 29 of 10,000 a little more than it.
    assert _standing(_threshold(above=0.29), Counts(sent=10_000, opt_outs=29)) is WITHIN
    assert _standing(_threshold(above=0.29), Counts(sent=10_000, opt_outs=30)) is OVER


@given(
    sent=st.integers(0, 10**9),
    opt_outs=st.integers(0, 10**7),
    limit=st.decimals("0.01", "20", places=2),
    sample=st.integers(0, 5000),
)
def test_a_rate_suspends_exactly_when_it_is_above_its_limit_in_a_large_enough_sample(
    sent: int, opt_outs: int, limit: Decimal, sample: int
) -> None:
    threshold = _threshold(above=float(limit), minimum_sample=sample)
    above = Decimal(opt_outs) * 100 > limit * sent
    large = sent >= max(1, sample)
    expected = OVER if above and large else NEAR if above else WITHIN
    assert _standing(threshold, Counts(sent=sent, opt_outs=opt_outs)) is expected


@given(
    measure=st.sampled_from(Measure),
    sent=st.integers(0, 10_000),
    counted=st.integers(0, 10_000),
    more=st.integers(0, 10_000),
)
def test_more_of_what_is_counted_never_betters_a_senders_standing(
    measure: Measure, sent: int, counted: int, more: int
) -> None:
    threshold = _threshold(measure=measure, above=2, warn_above=1.5)

    def at(amount: int) -> int:
        counts = Counts(
            sent=sent,
            violations=amount,
            opt_outs=amount,
            complainants=amount,
            complaints=amount,
        )
        return [WITHIN, NEAR, OVER].index(_standing(threshold, counts))

    assert at(counted) <= at(counted + more)


def test_offences_count_for_whole_years() -> None:
    leap = datetime(2028, 2, 29, 12, tzinfo=UTC)
    since = RepeatBan(rule="in_repeat_ban", years=5).since(leap)
    assert since == datetime(2023, 2, 28, 12, tzinfo=UTC)
