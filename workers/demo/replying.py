"""People who write back while the demo runs: most of them to leave, each in their own words.

The sandbox posts what they do to the webhooks, signed, as providers do.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle

from pipeline.policy.vocabulary import HANDED_STATES, MessageState
from workers.demo.figures import OptOut, lane_is_idle, numbers_in, opt_outs
from workers.demo.plan import PLANS, START, CountryPlan
from workers.runtime import Runtime
from workers.sandbox import client
from workers.sandbox.client import Answer

WAITING = frozenset({MessageState.DEFERRED})
READY = frozenset({MessageState.READY})

POLITE = {"body": "👍 obrigado, thank you, gracias!"}
"""A reply that asks for nothing."""

HELP = {"body": "HELP"}

UNCLEAR = {"body": "no quiero parar de comprar"}
"""It has a word of those who leave, and denies it: that is for a person to judge."""

PATIENCE = timedelta(hours=8)
"""Business time that a wave waits for enough people: on a busy machine messages are late."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wave:
    """Some people reply at about the same time.

    Attributes:
        after: business time since the start, at the earliest.
        states: what their message is at then: one that waits is stopped, one that was sent was
            the last.
        countries: where they are.
        people: how many in each country.
        does: what they all do; None: each leaves, in the ways of their country.
    """

    after: timedelta
    states: frozenset[MessageState] = HANDED_STATES
    countries: tuple[str, ...]
    people: int
    does: Mapping[str, object] | None = None


WAVES = (
    Wave(after=timedelta(hours=5), countries=("US", "PE", "ES"), people=4),
    Wave(after=timedelta(hours=5), countries=("US",), people=2, does=POLITE),
    Wave(after=timedelta(hours=6), countries=("US",), people=1, does=HELP),
    Wave(after=timedelta(hours=6), countries=("ES",), people=1, does=UNCLEAR),
    # Overnight: their message waits for the morning, and never goes out.
    Wave(after=timedelta(hours=13), states=WAITING, countries=("US", "BR"), people=6),
    Wave(after=timedelta(hours=20), countries=("BR", "IN"), people=4),
    # While their country's messages are going out.
    Wave(after=timedelta(hours=20), states=READY, countries=("BR",), people=4),
)


@dataclass(slots=True)
class Replies:
    """The replies of one demo.

    Attributes:
        unreachable: numbers that cannot get a message; nobody writes from them.
        wishes: number of each person who asked to leave → what the webhook said; its answer
            comes after the commit, which is the moment that counts.
        in_force: number of each of them whose opt-out the database knows.
        posted: replies of every kind.
        failed: those that the webhook did not take.
    """

    runtime: Runtime
    sandbox_port: int
    unreachable: Collection[str]
    waves: list[Wave] = field(default_factory=lambda: list(WAVES))
    wishes: dict[str, Answer] = field(default_factory=dict)
    in_force: dict[str, OptOut] = field(default_factory=dict)
    posted: int = 0
    failed: int = 0
    _idle: bool = False

    def tend(self, now: datetime) -> None:
        """Post the waves whose time has come, and see what the lane has made of them."""
        for wave in self.waves:
            if START + wave.after > now:
                continue
            late = START + wave.after + PATIENCE <= now
            if self._post(wave, whoever_there_is=late):
                self.waves = [one for one in self.waves if one is not wave]
                self._idle = False
        if not self._idle and self.posted:
            with self.runtime.transaction() as connection:
                # In this order: what is read once the lane is idle is the end of it.
                self._idle = lane_is_idle(connection)
                self.in_force = opt_outs(connection)

    @property
    def confirmed(self) -> int:
        """How many of those in force have their confirmation."""
        return sum(opt_out.confirmation == "sent" for opt_out in self.in_force.values())

    def settled(self) -> bool:
        """Whether everybody has replied, every wish is in force, and the lane has nothing to do."""
        return not self.waves and self._idle and self.wishes.keys() <= self.in_force.keys()

    def _post(self, wave: Wave, *, whoever_there_is: bool) -> bool:
        """Whether there were enough people for the wave, and it was posted."""
        with self.runtime.transaction() as connection:
            found = numbers_in(connection, wave.states)
        numbers = {
            country: [number for number in those if number not in self.unreachable]
            for country, those in found.items()
        }
        plans = [plan for plan in PLANS if plan.country in wave.countries]
        enough = all(len(numbers[plan.country]) >= wave.people for plan in plans)
        if not enough and not whoever_there_is:
            return False
        for plan in plans:
            self._post_for(plan, _spread(numbers[plan.country], wave.people), wave.does)
        return True

    def _post_for(
        self, plan: CountryPlan, numbers: Sequence[str], does: Mapping[str, object] | None
    ) -> None:
        ways = plan.leave if does is None else (does,)
        reactions = [
            {"channel": plan.channel, "from": number, "to": plan.address, **way}
            for number, way in zip(numbers, cycle(ways), strict=False)
        ]
        if not reactions:
            return
        answers = client.reply(self.sandbox_port, reactions)
        self.posted += len(answers)
        self.failed += sum(not answer.taken for answer in answers)
        if does is None:
            self.wishes |= dict(zip(numbers, answers, strict=True))


def _spread(numbers: Sequence[str], count: int) -> Sequence[str]:
    """Some numbers from all over the list."""
    step = max(1, len(numbers) // count)
    return numbers[step // 2 :: step][:count]
