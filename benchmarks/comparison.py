"""What `recado bench optout` measures: its plan, and what it has found."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.traffic import Traffic
from benchmarks.verdict import Leaver
from workers.reports.balance import Balance

WARM_UP = 20
"""People who leave before the clock starts: connections are open then, and caches filled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        messages: bulk messages that wait when the second phase begins.
        seconds: for how long replies come at `rate` a second.
        burst: replies that come at once afterwards.
        sender_rate: messages a second of each of the five senders.
        connections: on which the replies are posted, at most.
        callbacks: whether the provider tells what became of each message, to the same webhook.
    """

    messages: int
    seconds: int
    rate: int
    burst: int
    sender_rate: float = 2000.0
    connections: int = 512
    callbacks: bool = False

    @property
    def people(self) -> int:
        """How many leave in one phase."""
        return WARM_UP + self.rate * self.seconds + self.burst


@dataclass(frozen=True, kw_only=True, slots=True)
class Volley:
    """Replies, and what became of them.

    Attributes:
        began: when the first was due, in seconds since 1970, machine time.
        poster_cores: how many cores posting them kept busy.
    """

    began: float
    people: Sequence[Leaver]
    traffic: Traffic
    poster_cores: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """One phase.

    Attributes:
        waiting: messages that waited, or were on their way, when it began.
    """

    waiting: int
    steady: Volley
    burst: Volley

    @property
    def people(self) -> Sequence[Leaver]:
        """Everybody who has left in it."""
        return [*self.steady.people, *self.burst.people]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Both phases, and what is wrong.

    Attributes:
        longest_after_force: how long after an opt-out was in force the last request with a
            campaign's message to that person began; seconds; None: there was none.
        problems: nothing: all is well.
    """

    plan: Plan
    quiet: Phase
    busy: Phase
    longest_after_force: float | None
    balance: Balance
    problems: Sequence[str]
