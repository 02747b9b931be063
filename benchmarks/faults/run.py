"""One run: a campaign through a scene, the faults of some scenarios, and the verdict."""

import random
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.faults.campaign import SECONDS, Run
from benchmarks.faults.evidence import (
    Evidence,
    Mark,
    progress,
    read_evidence,
    set_mark,
    settled,
)
from benchmarks.faults.scenario import Breaker, Scenario
from benchmarks.faults.scene import Scene
from benchmarks.faults.verdict import Expected, Verdict, judge
from workers.sandbox.client import callbacks_waiting

FED_SECONDS = 120.0
"""How long it may take until every row is enqueued and everybody who leaves is answered."""

STILL_SECONDS = 60.0
"""What has work left and has not moved for so long is stuck; a busy machine is only slow."""

LONGEST_SECONDS = 600.0
LOOK_SECONDS = 2.0
MOST_LOOKS = 10

CALLBACK_MS = 300.0
TOLD_SECONDS = 15.0
"""How long the provider may take to tell the rest of what became of the messages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a run came to.

    Attributes:
        faults: what was broken, in words.
        missed: faults that were ordered and that nobody came by.
        answered: the webhook's answers to those who left, by status; None: it never answered.
    """

    seed: int
    scenarios: tuple[str, ...]
    faults: tuple[str, ...]
    missed: tuple[str, ...]
    answered: dict[int | None, int]
    verdict: Verdict


def perform(
    scene: Scene,
    scenarios: Sequence[Scenario],
    *,
    seed: int,
    messages: int,
    seconds: float = SECONDS,
) -> Outcome:
    """Send a campaign, break things in turn, wait until all is at rest, and judge.

    A scene may have any number of runs, one after the other: each is judged by its own messages.

    Args:
        seconds: how long the senders would take if nothing broke.
    """
    mark, faults_before = set_mark(scene), len(scene.faults)
    run = Run(scene, seed, messages)
    run.prepare(seconds=seconds)
    breaker = Breaker(scene, run, random.Random(f"faults {seed}"))
    callbacks = any(scenario.callbacks for scenario in scenarios)
    scene.behave(callbacks=callbacks, callback_delay_ms=CALLBACK_MS)
    run.start()
    for scenario in scenarios:
        scenario.act(breaker)
        scene.thaw()
    run.release()
    scene.wait(run.over, seconds=FED_SECONDS)
    if any(scenario.resend for scenario in scenarios):
        run.enqueue_again()
    _rest(scene)
    if callbacks:
        scene.wait(lambda: not callbacks_waiting(scene.sandbox_port), seconds=TOLD_SECONDS)
    return Outcome(
        seed=seed,
        scenarios=tuple(scenario.name for scenario in scenarios),
        faults=tuple(scene.faults[faults_before:]),
        missed=tuple(breaker.missed),
        answered=dict(run.answered),
        verdict=judge(_evidence(scene, mark), _expected(run, scenarios), scene.runtime.books),
    )


def judge_all(scene: Scene, outcomes: Sequence[Outcome]) -> Verdict:
    """Judge all runs of a scene together: what a later one has done to an earlier one's messages.

    Entries that were set aside are of the single runs: Redis may have lost them since.
    """
    evidence = read_evidence(scene, Mark())
    enqueued = sum(outcome.verdict.messages for outcome in outcomes)
    expected = Expected(enqueued=enqueued, dead_letters=evidence.dead_letters)
    return judge(evidence, expected, scene.runtime.books)


def _expected(run: Run, scenarios: Sequence[Scenario]) -> Expected:
    dead_letters = 0
    for scenario in scenarios:
        dead_letters = scenario.dead_letters + (0 if scenario.forgets else dead_letters)
    return Expected(
        enqueued=run.messages,
        may_doubt=any(scenario.may_doubt for scenario in scenarios),
        dead_letters=dead_letters,
    )


def _evidence(scene: Scene, mark: Mark) -> Evidence:
    """What there is while nothing moves: the dispatchers stand still while it is read.

    Where the clock is fast, tomorrow's messages would be on their way a moment later.
    """
    for _ in range(MOST_LOOKS):
        is_at_rest = _rest(scene)
        for role in scene.running():
            if role.startswith("dispatch"):
                scene.send_signal(role, signal.SIGSTOP)
        is_still = scene.wait(lambda: settled(scene, but_what_is_due=True), seconds=LOOK_SECONDS)
        evidence = read_evidence(scene, mark)
        scene.thaw()
        if is_still or not is_at_rest:
            break
    return evidence


def _rest(scene: Scene) -> bool:
    """Wait until nothing has work left; False: what has some does not move any more."""
    began = moved = time.monotonic()
    before: object = None
    while not scene.wait(lambda: settled(scene), seconds=LOOK_SECONDS):
        found, now = scene.ask(lambda: progress(scene)), time.monotonic()
        if found != before:
            before, moved = found, now
        if now - moved > STILL_SECONDS or now - began > LONGEST_SECONDS:
            return False
    return True
