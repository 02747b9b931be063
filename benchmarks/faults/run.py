"""One run: a campaign through a scene, the faults of some scenarios, and the verdict."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.faults.campaign import SECONDS, Run
from benchmarks.faults.evidence import read_evidence, settled
from benchmarks.faults.scenario import Breaker, Scenario
from benchmarks.faults.scene import Scene
from benchmarks.faults.verdict import Expected, Verdict, judge

SETTLE_SECONDS = 90.0
"""How long everything may take to come to rest after the last fault; what is not is stuck."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a run came to.

    Attributes:
        faults: what was broken, in words.
        missed: faults that nobody came by: the campaign was over.
        answered: the webhook's answers to those who left, by status; None: it never answered.
    """

    seed: int
    scenarios: tuple[str, ...]
    faults: tuple[str, ...]
    missed: tuple[str, ...]
    answered: dict[int | None, int]
    verdict: Verdict


@dataclass(slots=True)
class Ledger:
    """What a scene has seen in all its runs: the evidence is of all of them.

    Attributes:
        enqueued: rows.
        may_doubt: see `Expected`.
        dead_letters: entries that had to be set aside.
    """

    enqueued: int = 0
    may_doubt: bool = False
    dead_letters: int = 0
    faults: int = field(default=0)


def perform(
    scene: Scene,
    scenarios: Sequence[Scenario],
    *,
    seed: int,
    messages: int,
    seconds: float = SECONDS,
    ledger: Ledger | None = None,
) -> Outcome:
    """Send a campaign, break things in turn, wait until all is at rest, and judge.

    Args:
        seconds: how long the senders would take if nothing broke.
        ledger: of the scene, when it has several runs.
    """
    ledger = ledger or Ledger()
    run = Run(scene, seed, messages)
    run.prepare(seconds=seconds)
    breaker = Breaker(scene, run, random.Random(f"faults {seed}"))
    run.start()
    for scenario in scenarios:
        scenario.act(breaker)
        scene.thaw()
        ledger.may_doubt |= scenario.may_doubt
        before = 0 if scenario.forgets else ledger.dead_letters
        ledger.dead_letters = before + scenario.dead_letters
    scene.wait(run.over, seconds=SETTLE_SECONDS)
    if any(scenario.resend for scenario in scenarios):
        run.enqueue_again()
    scene.wait(lambda: settled(scene), seconds=SETTLE_SECONDS)
    ledger.enqueued += run.messages
    expected = Expected(
        enqueued=ledger.enqueued,
        may_doubt=ledger.may_doubt,
        dead_letters=ledger.dead_letters,
    )
    faults = tuple(scene.faults[ledger.faults :])
    ledger.faults = len(scene.faults)
    return Outcome(
        seed=seed,
        scenarios=tuple(scenario.name for scenario in scenarios),
        faults=faults,
        missed=tuple(breaker.missed),
        answered=dict(run.answered),
        verdict=judge(read_evidence(scene), expected, scene.runtime.books),
    )
