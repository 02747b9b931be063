"""Decides for one recipient after another; those before count as sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache

from pipeline.policy.checks import Check, blocked, first_stop, judged, passed, skipped
from pipeline.policy.content.segments import count_segments
from pipeline.policy.decision import Block, Defer, Proceed
from pipeline.policy.eligibility import NO_POLICY, Prepared, examine, examine_again
from pipeline.policy.numbers import states_of
from pipeline.policy.offer import Person
from pipeline.policy.rendering import render
from pipeline.policy.vocabulary import (
    CampaignState,
    Category,
    Channel,
    Outcome,
    Question,
    Reason,
)
from pipeline.policy.window_table import has_state_windows
from pipeline.stages.facts import Recipient
from pipeline.store.senders import Sender
from workers.simulation.addressees import Addressee
from workers.simulation.caps import Caps
from workers.simulation.lanes import Lane, Lanes, Place
from workers.simulation.quota_book import QuotaBook, until_of
from workers.simulation.rulings import Ruling
from workers.simulation.world import Known, World

MOST_ROUNDS = 100
"""So often a cap may end while the window is shut, or the other way round."""

_FAR = timedelta(days=400)
"""A rule for states that begins within this time is looked for."""

_PASSED = cache(passed)

_judged = lru_cache(maxsize=4096)(judged)
"""Thousands wait for the same opening, or for the same room."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """One recipient whom nothing blocks whatever the hour."""

    recipient: Recipient
    known: Known
    prepared: Prepared
    person: Person
    lane: Lane


class Judge:
    """Decides for the recipients of a campaign, in their order.

    Args:
        at: the instant of the decisions, aware.
    """

    def __init__(self, world: World, *, at: datetime) -> None:
        self._world = world
        self._campaign = world.campaign
        self._at = at
        self._ends = world.campaign.expires_at
        self._starts = max(at, world.campaign.starts_at or at)
        self._lanes = Lanes(world.books, self._ends)
        self._books: dict[int, QuotaBook] = {}
        self._caps = Caps(world)
        self._by_state: dict[str, bool] = {}

    def judge(self, people: Sequence[Addressee]) -> Iterator[Ruling]:
        """Decide for some more recipients."""
        known = self._world.know(people)
        for one, recipient in zip(people, known.recipients, strict=True):
            if recipient is None:
                reason = one.refused or Reason.INVALID_NUMBER
                checks = (blocked(Question.NUMBER, None, reason),)
                yield _stopped(one, checks, checks[0])
            else:
                yield self._decide(one, recipient, known)

    def _decide(self, one: Addressee, recipient: Recipient, known: Known) -> Ruling:
        prepared = known.facts.prepared(recipient)
        if prepared is None:
            return _stopped(one, (_PASSED(Question.NUMBER), NO_POLICY), NO_POLICY)
        person = known.facts.person(recipient, prepared)
        checks = [_PASSED(Question.NUMBER), *examine(prepared, person, now=self._at)]
        if self._campaign.state is CampaignState.PAUSED:
            # Like a suspended sender it waits for a person.
            checks.append(judged(Question.SENDER, Defer(until=None, reason=Reason.PAUSED)))
        if one.bad_zone:
            checks.append(blocked(Question.WINDOW, None, Reason.NO_COMMON_WINDOW))
        stop = first_stop(checks)
        if stop is not None:
            return _stopped(one, checks, stop)
        sender = known.facts.sender_of(recipient)
        place = self._place(one, recipient, person)
        lane = self._lanes.lane(place, sender.id if sender else 0, self._book(sender))
        subject = _Subject(recipient, known, prepared, person, lane)
        return self._time(one, subject, sender, checks)

    def _time(
        self, one: Addressee, subject: _Subject, sender: Sender | None, checks: list[Check]
    ) -> Ruling:
        """Decide what is left: when."""
        asked = [
            self._window(subject.lane),
            self._caps.check(subject.recipient, subject.lane, subject.known.sent, self._at),
            self._quota(subject.lane),
        ]
        checks += asked
        stop = first_stop(asked)
        if stop is not None and isinstance(stop.decision, Block):
            return _stopped(one, checks, stop)
        found = self._at if stop is None else self._first_instant(subject)
        if isinstance(found, Check):
            checks.append(found)
            return _stopped(one, checks, found)
        ending = self._ending(found)
        checks.append(ending)
        if ending.stops:
            rule = None if stop is None else stop.rule
            return _stopped(one, checks, ending, rule=rule)
        if subject.lane.book is not None:
            subject.lane.book.take(found)
        self._caps.take(subject.recipient, found)
        return Ruling(
            addressee=one,
            outcome=Outcome.SEND if stop is None else Outcome.DEFER,
            reason=None if stop is None else stop.reason,
            rule=None if stop is None else stop.rule,
            not_before=None if stop is None else found,
            checks=checks,
            segments=count_segments(render(self._campaign.body, one.values))
            if self._campaign.channel is Channel.SMS
            else None,
            sender=sender,
            lane=subject.lane,
        )

    def _first_instant(self, subject: _Subject) -> datetime | Check:
        """The first instant at which every rule allows it, or the check that never will."""
        moment = self._starts
        for _ in range(MOST_ROUNDS):
            found = subject.lane.first_open(moment)
            if isinstance(found, Block):
                return judged(Question.WINDOW, found)
            if self._ends is not None and found >= self._ends:
                return found
            cap = self._caps.decide(subject.recipient, subject.lane, subject.known.sent, found)
            if not isinstance(cap, Defer):
                return self._still_eligible(subject, found) or found
            moment = subject.lane.look_again(found, until_of(cap))
        return blocked(Question.WINDOW, None, Reason.NO_COMMON_WINDOW)

    def _still_eligible(self, subject: _Subject, moment: datetime) -> Check | None:
        """What stops it at a later instant, by the rules and the facts of then; None: nothing."""
        if moment == self._at:
            return None
        facts = subject.known.at(moment)
        prepared = facts.prepared(subject.recipient)
        if prepared is None:
            return NO_POLICY
        if prepared.offer.policy is subject.prepared.offer.policy:
            return first_stop(examine_again(prepared, subject.person, now=moment))
        person = facts.person(subject.recipient, prepared)
        return first_stop(examine(prepared, person, now=moment))

    def _window(self, lane: Lane) -> Check:
        decision = lane.window(self._starts).decision
        if isinstance(decision, Proceed):
            if self._starts > self._at:
                decision = Defer(until=self._starts, reason=Reason.WINDOW_CLOSED)
            else:
                return _PASSED(Question.WINDOW, decision.rule)
        return _judged(Question.WINDOW, decision)

    def _quota(self, lane: Lane) -> Check:
        if lane.book is None:
            return _SKIPPED_QUOTA
        full = lane.book.decide(self._at)
        if full is not None:
            return _judged(Question.QUOTA, full)
        return _PASSED(Question.QUOTA, lane.book.rule(self._at))

    def _ending(self, moment: datetime) -> Check:
        """Whether the campaign still runs at an instant."""
        if self._campaign.state is CampaignState.CANCELLED:
            return blocked(Question.EXPIRY, None, Reason.CANCELLED)
        over = self._campaign.state is CampaignState.EXPIRED
        if over or (self._ends is not None and moment >= self._ends):
            return blocked(Question.EXPIRY, None, Reason.EXPIRED)
        return _PASSED(Question.EXPIRY)

    def _place(self, one: Addressee, recipient: Recipient, person: Person) -> Place:
        by_hour = self._campaign.category is not Category.TRANSACTIONAL
        phone = recipient.phone if self._needs_states(recipient.country) else None
        return Place(
            country=recipient.country,
            category=self._campaign.category,
            channel=self._campaign.channel,
            zones=one.zones,
            state=None if one.number is None else one.number.state,
            states=frozenset() if phone is None else states_of(phone),
            hours=person.preference.hours if person.preference and by_hour else None,
        )

    def _needs_states(self, country: str) -> bool:
        """Whether some window is for some states only, now or when the campaign ends."""
        if country not in self._by_state:
            policies = (
                self._world.books.policy(country, moment)
                for moment in (self._at, self._ends or self._at + _FAR)
            )
            self._by_state[country] = any(
                policy is not None and has_state_windows(policy, self._campaign.category)
                for policy in policies
            )
        return self._by_state[country]

    def _book(self, sender: Sender | None) -> QuotaBook | None:
        if sender is None:
            return None
        if sender.id not in self._books:
            used = self._world.quota_used(sender)
            self._books[sender.id] = QuotaBook(sender, used, self._world.books)
        return self._books[sender.id]


_SKIPPED_QUOTA = skipped(Question.QUOTA)


def _stopped(
    one: Addressee, checks: Sequence[Check], stop: Check, *, rule: str | None = None
) -> Ruling:
    decision = stop.decision
    return Ruling(
        addressee=one,
        outcome=decision.outcome,
        reason=stop.reason,
        rule=rule or stop.rule,
        not_before=decision.until if isinstance(decision, Defer) else None,
        checks=checks,
    )
