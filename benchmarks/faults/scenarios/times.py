"""The clock jumps over a change of daylight-saving time while messages wait for the morning."""

from datetime import UTC, datetime

from benchmarks.faults.building import Staging
from benchmarks.faults.scenario import Breaker, Scenario

BEFORE = datetime(2026, 11, 1, 5, 40, tzinfo=UTC)
"""01:40 in New York, 20 minutes before the clocks go back: windows open an hour later by UTC."""

SPEED = 3600.0
"""An hour a second: an hour's mistake is a second wide, and the provider's log shows it."""

UNTIL_NOON = 14.0
"""Seconds until noon at the East coast, when every zone of the country has its window open."""


def _turn_clocks_back(breaker: Breaker) -> None:
    breaker.note("the clocks of the United States go back")
    breaker.scene.pause(UNTIL_NOON)


SCENARIOS = (
    Scenario(
        name="clock-change",
        breaks="daylight-saving time ends while messages wait for their window",
        act=_turn_clocks_back,
        staging=Staging(clock_start=BEFORE, clock_speed=SPEED),
        may_doubt=False,
    ),
)
