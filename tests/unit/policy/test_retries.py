"""Retries: never too early, never too often, never past their window or their campaign."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.retries import Again, End, RetryPolicy

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POLICY = RetryPolicy()

refusals = st.integers(1, 10_000)
chances = st.floats(0.0, 1.0)
waits = st.none() | st.floats(0.0, 86_400.0)
instants = st.none() | st.timedeltas(timedelta(0), timedelta(days=3)).map(lambda gap: NOW + gap)


@given(refusals, waits, chances)
def test_a_pause_is_below_its_ceiling_and_never_shorter_than_the_provider_asked_for(
    count: int, retry_after: float | None, chance: float
) -> None:
    pause = POLICY.pause(count, retry_after=retry_after, chance=chance)

    asked = retry_after or 0.0
    assert asked <= pause <= max(asked, POLICY.longest_pause)
    assert pause <= max(asked, POLICY.first_pause * 2.0 ** min(count, 40))


@given(refusals, chances)
def test_pauses_grow_with_the_refusals(count: int, chance: float) -> None:
    sooner = POLICY.pause(count, retry_after=None, chance=chance)
    assert sooner <= POLICY.pause(count + 1, retry_after=None, chance=chance)


@given(refusals, st.booleans(), waits, chances, instants, instants)
def test_no_try_lies_past_the_window_or_the_campaign_and_there_is_an_end(
    count: int,
    turned_away: bool,
    retry_after: float | None,
    chance: float,
    closes: datetime | None,
    expires: datetime | None,
) -> None:
    found = POLICY.decide(
        count,
        turned_away=turned_away,
        retry_after=retry_after,
        chance=chance,
        now=NOW,
        window_closes_at=closes,
        expires_at=expires,
    )

    most = POLICY.most_turned_away if turned_away else POLICY.most_refusals
    assert (found is End.TOO_MANY) == (count >= most)
    if isinstance(found, Again):
        moment = NOW + timedelta(seconds=found.pause)
        assert expires is None or moment < expires
        assert found.window_closed == (closes is not None and moment >= closes)
        assert found.decide_anew == (found.window_closed or found.pause > POLICY.short_pause)
    elif found is End.EXPIRED:
        pause = POLICY.pause(count, retry_after=retry_after, chance=chance)
        assert expires is not None
        assert NOW + timedelta(seconds=pause) >= expires


@pytest.mark.parametrize(
    "wrong",
    [{"first_pause": 0.0}, {"first_pause": 700.0}, {"most_refusals": 0}, {"most_turned_away": 0}],
    ids=str,
)
def test_a_policy_without_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"pauses|refused"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]
