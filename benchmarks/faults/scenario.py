"""What a scenario is, and what it breaks things with."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.faults.building import Staging
from benchmarks.faults.campaign import Run
from benchmarks.faults.scene import Scene
from workers.faultpoints import FaultPoint

LONGEST_WAIT = 10.0
"""Seconds that a scenario waits for its moment; then it breaks anyway."""

LONGEST_ORDER = 45.0
"""Seconds that it waits for somebody to come by where it has ordered a fault: processes that were
killed have to be back, on a machine that may be busy. Rows are kept for them meanwhile."""


@dataclass(slots=True)
class Breaker:
    """What a scenario has in hand: the scene, its campaign, and chance.

    Attributes:
        chance: drawn from the run's seed.
        missed: faults that were ordered and that nobody came by.
    """

    scene: Scene
    run: Run
    chance: random.Random
    missed: list[str] = field(default_factory=list)
    _taken_before: int = 0

    def __post_init__(self) -> None:
        self._taken_before = len(self.scene.log.read())

    def sometime(self, earliest: float = 0.05, latest: float = 0.5) -> None:
        """Wait until the provider has had a share of the messages, drawn between the two."""
        wanted = self.run.messages * self.chance.uniform(earliest, latest) * SENT_SHARE
        self.scene.wait(
            lambda: len(self.scene.log.read()) - self._taken_before >= wanted, seconds=LONGEST_WAIT
        )

    def note(self, fault: str) -> None:
        """Count a fault that was injected."""
        self.scene.faults.append(fault)

    def order(
        self, action: str, *places: tuple[str, FaultPoint], seconds: float = LONGEST_ORDER
    ) -> None:
        """Have roles break at places, and wait until each has come there.

        Args:
            action: ``kill`` or ``freeze``.
        """
        orders = [(role, point, self.scene.order(role, point, action)) for role, point in places]
        with self.run.wanted():
            self.scene.wait(lambda: all(reached() for _, _, reached in orders), seconds=seconds)
        for role, point, reached in orders:
            what = f"{action} {role} at {point.value}"
            if reached():
                self.note(what)
            else:
                self.scene.withdraw(role, point)
                self.missed.append(what)

    @contextmanager
    def misbehaving(self, what: str, **behaviour: object) -> Iterator[None]:
        """Have the provider answer otherwise for as long as the block runs."""
        self.note(what)
        self.scene.behave(**behaviour)
        try:
            yield
        finally:
            self.scene.behave(error_rate=0.0, latency_ms=20.0, rate_limit=None)


SENT_SHARE = 0.6
"""Of the messages, about how many go out: some have not consented, India sleeps, caps bind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One way in which things break.

    Attributes:
        name: by which it is asked for.
        breaks: what, in a sentence; docs/faults.md has it.
        act: breaks it, once or several times, while the campaign runs.
        may_doubt: whether messages may be in doubt afterwards.
        staging: what scene it needs; None: any.
        resend: the producer enqueues everything again afterwards: Redis may have lost it.
        forgets: Redis loses everything, and what was set aside with it.
        dead_letters: entries that have to be set aside.
        needs_disk: it needs a disk of its own, which not every machine lets us have.
        callbacks: the provider tells what became of each message.
        is_last: its stack has other processes afterwards, and is not used again.
    """

    name: str
    breaks: str
    act: Callable[[Breaker], None]
    may_doubt: bool = True
    staging: Staging | None = None
    resend: bool = False
    forgets: bool = False
    dead_letters: int = 0
    needs_disk: bool = False
    callbacks: bool = False
    is_last: bool = False


Scenarios = Sequence[Scenario]
