"""Every scenario of `recado bench faults`, in a short form: small campaigns, one stack for most.

What must hold is judged by the bench's own verdict, from PostgreSQL and the provider's log alone.
Each run prints its seed; docs/faults.md tells how to repeat it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import pytest

from benchmarks.faults.building import scene
from benchmarks.faults.run import Outcome, judge_all, perform
from benchmarks.faults.scenario import Scenario
from benchmarks.faults.scenarios import ALL
from benchmarks.faults.scene import Scene

MESSAGES = 150
SECONDS = 1.5
"""For each scenario, so that the last one still finds its campaign on the way."""

TOGETHER = {
    "servers": (
        "reply-lost",
        "newer-version",
        "redis-killed",
        "redis-frozen",
        "redis-full",
        "redis-wiped",
        "postgresql-cut",
        "postgresql-deadlock",
        "postgresql-restarted",
        "disk-full",
    ),
    "provider": (
        "provider-slow",
        "provider-limits",
        "provider-unclear",
        "provider-broken",
        "provider-without-address",
    ),
    "kills": ("kill-everywhere",),
    "freezes": ("freeze-stutter", "freeze-senders", "freeze-stages"),
}
"""What one campaign goes through after the other; all of these on one stack, in this order."""

ALONE = ("clock-change",)
"""It has a clock of its own."""

LONG = ("rolling-restart", "crowd", "freeze-couriers", "kill-anytime")
"""Only in the long form: a dozen processes to start, or much like another. Processes that are asked
to stop in the middle of a campaign are tried in ``test_kill_everything``."""


@dataclass(slots=True)
class Night:
    """A stack with what has happened to it so far."""

    scene: Scene
    outcomes: list[Outcome] = field(default_factory=list)

    def go_through(self, *names: str) -> Outcome:
        seed = random.SystemRandom().randrange(1_000_000)
        print(f"seed {seed}")  # noqa: T201 - shown when the test fails
        outcome = perform(
            self.scene,
            [scenario for scenario in map(ALL.get, names) if scenario and self._possible(scenario)],
            seed=seed,
            messages=MESSAGES * (len(names) + 1),
            seconds=SECONDS * (len(names) + 1),
        )
        self.outcomes.append(outcome)
        print(outcome)  # noqa: T201 - the same
        return outcome

    def _possible(self, scenario: Scenario) -> bool:
        return not scenario.needs_disk or self.scene.servers.is_small_disk


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    with scene() as made:
        yield Night(made)


def test_no_scenario_is_left_out() -> None:
    taken = {*chain(*TOGETHER.values()), *ALONE, *LONG}
    single = {name for name in ALL if name.startswith("kill-")}  # kill-everywhere is all of them

    assert taken | single == set(ALL)


@pytest.mark.parametrize("names", TOGETHER.values(), ids=TOGETHER)
def test_every_promise_holds(night: Night, names: tuple[str, ...]) -> None:
    outcome = night.go_through(*names)

    assert not outcome.verdict.problems
    assert not outcome.missed, "a fault that nobody came by proves nothing"
    assert outcome.faults
    assert outcome.answered.keys() <= {200}, "somebody who wrote back was not heard"


def test_no_night_has_harmed_what_another_left(night: Night) -> None:
    assert not judge_all(night.scene, night.outcomes).problems


def test_windows_hold_over_a_change_of_the_clocks() -> None:
    staging = ALL["clock-change"].staging
    with scene(staging) as made:
        outcome = Night(made).go_through("clock-change")

    assert not outcome.verdict.problems
    assert outcome.verdict.states.get("sent", 0) > 50
