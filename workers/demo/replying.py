"""People who write back while the demo runs: most of them to leave."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle

from pipeline.policy.vocabulary import MessageState
from pipeline.stages.optout import Reply
from workers.clock import machine_seconds
from workers.demo.figures import OptOut, numbers_in, opt_outs_in_force
from workers.demo.plan import PLANS, PROVIDER, START, CountryPlan
from workers.replies import publish_reply
from workers.runtime import Runtime

POLITE = "👍 obrigado, thank you, gracias!"
"""A reply that means nothing of the kind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wave:
    """Some people reply at about the same time.

    Attributes:
        after: business time since the start.
        state: what their message is at then: one that waits is stopped, one that was sent was
            the last.
        countries: where they are.
        people: how many in each country.
        body: what they all say; None: the words by which people leave there.
    """

    after: timedelta
    state: MessageState
    countries: tuple[str, ...]
    people: int
    body: str | None = None


WAVES = (
    Wave(after=timedelta(hours=5), state=MessageState.SENT, countries=("US", "PE", "ES"), people=4),
    Wave(
        after=timedelta(hours=5), state=MessageState.SENT, countries=("US",), people=2, body=POLITE
    ),
    # Overnight: their message waits for the morning, and never goes out.
    Wave(after=timedelta(hours=13), state=MessageState.DEFERRED, countries=("US", "BR"), people=6),
    Wave(after=timedelta(hours=20), state=MessageState.SENT, countries=("BR", "IN"), people=4),
    # While their country's messages are going out.
    Wave(after=timedelta(hours=20), state=MessageState.READY, countries=("BR",), people=4),
)


@dataclass(slots=True)
class Replies:
    """The replies of one demo, published as a webhook publishes them.

    Attributes:
        wishes: id of each reply that is a wish to leave → when it was published (machine
            seconds).
        in_force: id of each of them that is in force.
        seen: the same → when the demo first saw it in force (machine seconds): at or after the
            commit, which is the moment that counts.
    """

    runtime: Runtime
    waves: list[Wave] = field(default_factory=lambda: list(WAVES))
    wishes: dict[str, float] = field(default_factory=dict)
    in_force: dict[str, OptOut] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    _published: int = 0

    def tend(self, now: datetime) -> None:
        """Publish the waves whose time has come, and see which wishes are in force."""
        due = [wave for wave in self.waves if START + wave.after <= now]
        self.waves = [wave for wave in self.waves if wave not in due]
        for wave in due:
            self._publish(wave)
        if len(self.in_force) < len(self.wishes):
            with self.runtime.transaction() as connection:
                self.in_force = opt_outs_in_force(connection)
            at = machine_seconds()
            for reply in self.in_force:
                self.seen.setdefault(reply, at)

    def settled(self) -> bool:
        """Whether everybody has replied and every wish to leave is in force."""
        return not self.waves and self.wishes.keys() <= self.in_force.keys()

    def waits(self) -> tuple[float, ...]:
        """How long each wish that is in force took, in milliseconds of machine time."""
        return tuple(
            1000 * (self.seen[reply] - published)
            for reply, published in self.wishes.items()
            if reply in self.seen
        )

    def _publish(self, wave: Wave) -> None:
        with self.runtime.transaction() as connection:
            numbers = numbers_in(connection, wave.state)
        for plan in PLANS:
            if plan.country in wave.countries:
                chosen = _spread(numbers[plan.country], wave.people)
                self._publish_for(plan, chosen, wave.body)

    def _publish_for(self, plan: CountryPlan, numbers: Sequence[str], body: str | None) -> None:
        for number, word in zip(numbers, cycle(plan.leave), strict=False):
            self._published += 1
            reply = Reply(
                source=PROVIDER,
                provider_id=f"reply-{self._published}",
                channel=plan.channel,
                sender=number,
                address=plan.address,
                body=body or word,
                received_at=self.runtime.clock.now(),
            )
            at = machine_seconds()
            if publish_reply(reply) and body is None:
                self.wishes[reply.provider_id] = at


def _spread(numbers: Sequence[str], count: int) -> Sequence[str]:
    """Some numbers from all over the list."""
    step = max(1, len(numbers) // count)
    return numbers[step // 2 :: step][:count]
