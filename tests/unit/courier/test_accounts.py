"""An account that is tried after a rest: what the answers to its probe make of it."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.policy.breaker import PROBE_LIFE, probe_life
from pipeline.providers.base import Accepted, Action, Ambiguous, NotStarted, Rejected, SendResult
from pipeline.store.account_rests import Rest
from workers.accounts import BREAKER, AccountWatch, View

NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
WON_AT = 100.0


def _trying() -> AccountWatch:
    """A process that has just got an account's probe."""
    rest = Rest(
        account="a",
        reason="failing",
        rests_until=NOW,
        probe_until=NOW + PROBE_LIFE,
        failures=1,
        since=NOW,
        detail="",
    )
    watch = AccountWatch()
    watch.learn(View(rests={"a": rest}, won={"a"}, generation=0), moment=WON_AT)
    return watch


def _answered(watch: AccountWatch, result: SendResult, *, after: float) -> None:
    watch.note("a", result, began=WON_AT, moment=WON_AT + after)


def test_a_probe_lets_a_few_messages_through() -> None:
    assert _trying().limits == {"a": BREAKER.probe_messages}


@pytest.mark.parametrize(
    "result",
    [Ambiguous("no answer in time"), Rejected(Action.RETRY_LATER, "unreachable", "", None)],
)
def test_a_failure_ends_the_probe_at_once(result: SendResult) -> None:
    watch = _trying()
    _answered(watch, result, after=0.1)
    assert watch.closed == {"a"}


def test_a_probe_without_any_connection_ends_like_one_that_failed() -> None:
    """Otherwise the messages would be claimed and given back for as long as it lasts."""
    watch = _trying()
    _answered(watch, NotStarted(), after=BREAKER.window - 0.1)
    assert watch.closed == set(), "the first connection after a rest takes its time"
    _answered(watch, NotStarted(), after=BREAKER.window)
    assert watch.closed == {"a"}
    _answered(watch, Accepted("SM1"), after=BREAKER.window + 1)
    assert watch.closed == {"a"}, "the probe is over; the store says when the next one is"


def test_a_probe_lasts_longer_than_any_request() -> None:
    assert probe_life([]) == probe_life([20.0, 5.0]) == PROBE_LIFE
    assert probe_life([20.0, 300.0]) > timedelta(seconds=300)
