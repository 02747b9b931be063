"""Many runs, a scenario each, and their totals: `recado bench faults`."""

import random
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.faults.building import Staging, scene
from benchmarks.faults.campaign import SECONDS
from benchmarks.faults.run import Outcome, judge_all, perform
from benchmarks.faults.scenario import Scenario
from benchmarks.faults.scenarios import ALL
from benchmarks.faults.verdict import Verdict
from config.logs import configure_logs

FASTEST = 2000
"""Messages a second that all senders together are allowed, where a campaign is large."""

MOST_RUNS = 9
"""Through one stack: its start costs as much as a campaign."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One run in the report.

    Attributes:
        outcome: None: this machine does not let us break that.
        together: after the last run of a stack: of all its messages.
        folder: where its logs are; it is kept when a promise was broken.
    """

    scenario: str
    seed: int
    seconds: float
    outcome: Outcome | None
    together: Verdict | None = None
    folder: str

    @property
    def problems(self) -> list[str]:
        """Every broken promise, in words."""
        found = [] if self.outcome is None else list(self.outcome.verdict.problems)
        if self.together is not None:
            again = [problem for problem in self.together.problems if problem not in found]
            found += [f"over all runs of this stack: {problem}" for problem in again]
        return found

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
        self.broken += bool(line.problems)
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


def measure(draws: Iterable[tuple[Scenario, int]], messages: int) -> Generator[Line, None, None]:
    """Run them one after the other, as many as possible through one stack.

    A stack has `MOST_RUNS` runs; after a broken promise there is a new one.
    """
    configure_logs("console", "CRITICAL")
    for staging, batch in batches(draws):
        waiting = list(batch)
        while waiting:
            yield from _run(staging, waiting, messages)


def batches(
    draws: Iterable[tuple[Scenario, int]],
) -> Iterator[tuple[Staging | None, list[tuple[Scenario, int]]]]:
    """Runs that may go through one stack: those of the common staging, and each other one alone."""
    shared: list[tuple[Scenario, int]] = []
    for scenario, seed in draws:
        if scenario.staging is not None:
            yield scenario.staging, [(scenario, seed)]
            continue
        shared.append((scenario, seed))
        if len(shared) == MOST_RUNS or scenario.is_last:
            yield None, shared
            shared = []
    if shared:
        yield None, shared


def _run(
    staging: Staging | None, waiting: list[tuple[Scenario, int]], messages: int
) -> Iterator[Line]:
    """Take runs from the front of the list until it is empty, or a promise is broken."""
    began, is_sound = time.monotonic(), True
    outcomes: list[Outcome] = []
    with scene(staging, keep=lambda: not is_sound) as made:
        while waiting and is_sound:
            scenario, seed = waiting.pop(0)
            outcome, together = None, None
            if not scenario.needs_disk or made.servers.is_small_disk:
                seconds = max(SECONDS, messages / FASTEST)
                try:
                    outcome = perform(
                        made, [scenario], seed=seed, messages=messages, seconds=seconds
                    )
                except Exception:
                    is_sound = False  # the logs tell why
                    raise
                outcomes.append(outcome)
            # One alone has been judged.
            if len(outcomes) > 1 and not waiting:
                together = judge_all(made, outcomes)
            line = Line(
                scenario=scenario.name,
                seed=seed,
                seconds=time.monotonic() - began,
                outcome=outcome,
                together=together,
                folder=str(made.folder),
            )
            is_sound = not line.problems
            yield line
            began = time.monotonic()
