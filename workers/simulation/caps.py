"""How often each person has been written to, this campaign's earlier rows included."""

from datetime import datetime
from functools import cache

from pipeline.policy.checks import Check, judged, passed
from pipeline.policy.country import Cap
from pipeline.policy.decision import Decision, Proceed
from pipeline.policy.frequency import binding_caps, decide_frequencies
from pipeline.policy.holidays_now import NO_HOLIDAY, holiday_at
from pipeline.policy.numbers import states_of
from pipeline.policy.vocabulary import Question
from pipeline.stages.facts import Recipient
from workers.simulation.lanes import Lane
from workers.simulation.world import Sent, World

_PASSED = cache(passed)


class Caps:
    """The frequency caps of a campaign's recipients."""

    def __init__(self, world: World) -> None:
        self._books = world.books
        self._category = world.campaign.category
        self._channel = world.campaign.channel
        self._taken: dict[int, list[datetime]] = {}

    def check(self, recipient: Recipient, lane: Lane, sent: Sent, moment: datetime) -> Check:
        """What the caps say of an instant, as a check."""
        decision = self.decide(recipient, lane, sent, moment)
        if isinstance(decision, Proceed):
            return _PASSED(Question.FREQUENCY, decision.rule)
        return judged(Question.FREQUENCY, decision)

    def decide(self, recipient: Recipient, lane: Lane, sent: Sent, moment: datetime) -> Decision:
        """Whether one more message fits at an instant, else when it first does."""
        policy = lane.policy(moment)
        caps = () if policy is None else policy.caps.get(self._category, ())
        bound = binding_caps(caps, self._channel, lambda: _states(recipient)) if caps else ()
        if policy is None or not bound:
            return Proceed()
        before = self._before(recipient, bound[0], sent)
        if not before:
            return Proceed(rule=bound[0].rule)
        holiday = NO_HOLIDAY
        if any(cap.holiday_limit is not None for cap in bound):
            calendar = self._books.windows.calendar(policy)
            holiday = holiday_at(calendar, lane.place.zones, lane.place.state, moment)
        return decide_frequencies(
            bound,
            before,
            now=moment,
            on_holiday=holiday.on_holiday,
            holiday_ends=holiday.ends,
        )

    def take(self, recipient: Recipient, moment: datetime) -> None:
        """A message goes to the person at that instant."""
        self._taken.setdefault(recipient.contact_id, []).append(moment)

    def _before(self, recipient: Recipient, cap: Cap, sent: Sent) -> list[datetime]:
        """Every message that counts, past or placed."""
        contact = recipient.contact_id
        own = self._taken.get(contact, []) if self._category in cap.counts else []
        return [*sent(contact, cap.counts), *own]


def _states(recipient: Recipient) -> frozenset[str]:
    return frozenset() if recipient.phone is None else states_of(recipient.phone)
