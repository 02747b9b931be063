"""Many runs, a scenario each, and their totals: `recado bench faults`."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.faults.building import scene
from benchmarks.faults.campaign import SECONDS
from benchmarks.faults.run import Outcome, perform
from benchmarks.faults.scenario import Scenario
from benchmarks.faults.scenarios import ALL

FASTEST = 2000
"""Messages a second that all senders together are allowed, where a campaign is large."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One run in the report.

    Attributes:
        outcome: None: this machine does not let us break that.
        folder: where its logs are; it is kept when a promise was broken.
    """

    scenario: str
    seed: int
    seconds: float
    outcome: Outcome | None
    folder: str

    @property
    def problems(self) -> list[str]:
        """Every broken promise, in words."""
        return [] if self.outcome is None else self.outcome.verdict.problems

    def again(self, messages: int) -> str:
        """The command that repeats the run."""
        return (
            f"recado bench faults --runs 1 --only {self.scenario} --seed {self.seed} "
            f"--messages {messages}"
        )

    def words(self) -> str:
        """The run in one line."""
        if self.outcome is None:
            return f"{self.scenario:<26} skipped: no disk of its own can be mounted here"
        found = self.outcome.verdict
        return (
            f"{self.scenario:<26} {self.seconds:5.1f} s  {len(self.outcome.faults):3} faults  "
            f"{found.messages} messages  lost {found.lost}  doubled {found.doubled}  "
            f"in doubt {found.in_doubt}  settled {found.settled}  (seed {self.seed})"
        )


@dataclass(slots=True)
class Totals:
    """Over all runs; see `Verdict`.

    Attributes:
        missed: faults that were ordered and that nobody came by.
        broken: runs after which a promise did not hold.
    """

    runs: int = 0
    skipped: int = 0
    faults: int = 0
    missed: int = 0
    messages: int = 0
    lost: int = 0
    doubled: int = 0
    in_doubt: int = 0
    settled: int = 0
    broken: int = 0
    scenarios: set[str] = field(default_factory=set)

    def add(self, line: Line) -> None:
        """Count a run."""
        if line.outcome is None:
            self.skipped += 1
            return
        found = line.outcome.verdict
        self.runs += 1
        self.faults += len(line.outcome.faults)
        self.missed += len(line.outcome.missed)
        self.messages += found.messages
        self.lost += found.lost
        self.doubled += found.doubled
        self.in_doubt += found.in_doubt
        self.settled += found.settled
        self.broken += bool(found.problems)
        self.scenarios.add(line.scenario)

    def figures(self) -> dict[str, Any]:
        """The totals, as JSON has them."""
        return asdict(self) | {"scenarios": len(self.scenarios)}


def draw(runs: int, seed: int, only: str | None) -> Iterator[tuple[Scenario, int]]:
    """A scenario and a seed for each run: every scenario comes before one comes again."""
    names = sorted(ALL) if only is None else [only]
    random.Random(seed).shuffle(names)
    for number in range(runs):
        yield ALL[names[number % len(names)]], seed + number


def measure(
    runs: int, messages: int, seed: int, only: str | None, tell: Callable[[Line], None]
) -> Totals:
    """Run them one after the other, each in a scene of its own.

    Args:
        only: the one scenario to run; None: all in turn.
        tell: called after each run.
    """
    totals = Totals()
    for scenario, its_seed in draw(runs, seed, only):
        line = _run(scenario, its_seed, messages)
        totals.add(line)
        tell(line)
    return totals


def _run(scenario: Scenario, seed: int, messages: int) -> Line:
    began = time.monotonic()
    outcome: Outcome | None = None
    is_sound = False

    with scene(scenario.staging, keep=lambda: not is_sound) as made:
        if not scenario.needs_disk or made.servers.is_small_disk:
            seconds = max(SECONDS, messages / FASTEST)
            outcome = perform(made, [scenario], seed=seed, messages=messages, seconds=seconds)
        is_sound = outcome is None or not outcome.verdict.problems
    return Line(
        scenario=scenario.name,
        seed=seed,
        seconds=time.monotonic() - began,
        outcome=outcome,
        folder=str(made.folder),
    )
