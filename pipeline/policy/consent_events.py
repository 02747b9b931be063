"""What the events of the consent ledger, told one after another, come to.

The current state of consents is nothing but this: a writer follows the new events from the state
that is stored, an auditor follows all of them from the beginning, and both must agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

EVERY = "*"
"""In the place of a channel or a topic: every one."""


class ConsentEventKind(StrEnum):
    """What happened to a consent. Its expiry is no event: the rules of the day decide about it."""

    GRANTED = "granted"
    CONFIRMED = "confirmed"
    RENEWED = "renewed"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentEvent:
    """One event of one person, towards one business, for one category.

    Attributes:
        id: its place in the ledger.
        channel: ``*`` for every channel.
        topics: ``*`` for every topic; an empty text for none.
        occurred_at: when it happened.
        granted_at: the grant that it concerns; None: none is named. Of a grant, its own moment,
            None when nobody knows it.
        evidence: the evidence as JSON; looked at by nobody here.
    """

    id: int
    kind: ConsentEventKind
    channel: str
    topics: tuple[str, ...]
    occurred_at: datetime
    granted_at: datetime | None
    evidence: str

    @property
    def takes_back_all(self) -> bool:
        """Whether it revokes whatever it overlaps with, not one grant."""
        return self.kind is ConsentEventKind.REVOKED and self.granted_at is None

    def overlaps(self, channel: str, topic: str) -> bool:
        """Whether a revocation concerns a consent for that channel and topic.

        One for both channels cannot be taken back in half, and what is in doubt is not sent.
        """
        if self.channel != channel and EVERY not in (self.channel, channel):
            return False
        return topic in self.topics or EVERY in (topic, *self.topics) or self.topics == ("",)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentState:
    """What one consent has come to.

    Attributes:
        event_id: the event that changed it last.
        granted_at: None: only a revocation, or a part of a consent, was ever told.
    """

    channel: str
    topic: str
    event_id: int
    granted_at: datetime | None = None
    confirmed_at: datetime | None = None
    renewed_at: datetime | None = None
    revoked_at: datetime | None = None
    evidence: str = "{}"


class ConsentHistory:
    """The consents of one person to one business for one category, as events change them.

    Args:
        states: what earlier events have come to.
        revocations: the earlier events that took back all that they overlap with: they bind a
            grant from before them, however late somebody tells of it.
    """

    def __init__(
        self, states: Iterable[ConsentState] = (), revocations: Iterable[ConsentEvent] = ()
    ) -> None:
        self.states = {(state.channel, state.topic): state for state in states}
        self._revocations = list(revocations)

    def follow(self, event: ConsentEvent) -> None:
        """Take in the next event of the ledger."""
        for topic in event.topics:
            key = (event.channel, topic)
            before = self.states.get(key)
            after = _FOLLOWED[event.kind](before, event, topic)
            if event.kind is ConsentEventKind.GRANTED:
                after = self._revoked_before_told(after)
            self.states[key] = after
        if event.takes_back_all:
            self._revocations.append(event)
            for key, state in self.states.items():
                if state.granted_at is not None and event.overlaps(*key):
                    self.states[key] = _revoke(state, event)

    def _revoked_before_told(self, state: ConsentState) -> ConsentState:
        for event in self._revocations:
            if state.granted_at is not None and event.overlaps(state.channel, state.topic):
                state = _revoke(state, event)
        return state


def _granted(before: ConsentState | None, event: ConsentEvent, topic: str) -> ConsentState:
    """The newest grant is the state; what belongs to an older one ends with it."""
    if before is None:
        return _new(event, topic, granted_at=event.granted_at)
    told, known = event.granted_at, before.granted_at
    if told is None or (known is not None and told < known):
        return before
    # Taken back after this grant: whoever tells of the grant only now does not undo that.
    revoked_at = before.revoked_at
    if revoked_at is not None and revoked_at < told:
        revoked_at = None
    after = replace(
        before,
        event_id=event.id,
        granted_at=told,
        revoked_at=revoked_at,
        evidence=event.evidence,
    )
    if known is None or told == known:
        return after
    return replace(after, confirmed_at=None, renewed_at=None)


def _confirmed(before: ConsentState | None, event: ConsentEvent, topic: str) -> ConsentState:
    if before is None:
        return _new(event, topic, confirmed_at=event.occurred_at)
    if not _concerns(event, before):
        return before
    return _touched(before, event, confirmed_at=_later(before.confirmed_at, event.occurred_at))


def _renewed(before: ConsentState | None, event: ConsentEvent, topic: str) -> ConsentState:
    if before is None:
        return _new(event, topic, renewed_at=event.occurred_at)
    if not _concerns(event, before):
        return before
    return _touched(before, event, renewed_at=_later(before.renewed_at, event.occurred_at))


def _revoked(before: ConsentState | None, event: ConsentEvent, topic: str) -> ConsentState:
    if before is None:
        return _new(event, topic, revoked_at=event.occurred_at)
    return _revoke(before, event)


def _revoke(state: ConsentState, event: ConsentEvent) -> ConsentState:
    """The first revocation after the grant stays; one from before it concerns an earlier grant."""
    granted_at, revoked_at = state.granted_at, state.revoked_at
    if granted_at is None:
        latest = _later(revoked_at, event.occurred_at)
        return replace(state, revoked_at=latest, event_id=event.id)
    stands = revoked_at is not None and revoked_at >= granted_at
    if stands or event.occurred_at < granted_at:
        return state
    return replace(state, revoked_at=event.occurred_at, event_id=event.id)


def _concerns(event: ConsentEvent, state: ConsentState) -> bool:
    """Whether it belongs to the grant that is the state; one that names none belongs to any."""
    return None in (event.granted_at, state.granted_at) or event.granted_at == state.granted_at


def _touched(state: ConsentState, event: ConsentEvent, **moments: Any) -> ConsentState:
    """The state with what the event brings; the evidence only when it is the same grant's."""
    evidence = state.evidence if event.granted_at is None else event.evidence
    return replace(state, event_id=event.id, evidence=evidence, **moments)


def _new(event: ConsentEvent, topic: str, **moments: datetime | None) -> ConsentState:
    return ConsentState(
        channel=event.channel, topic=topic, event_id=event.id, evidence=event.evidence, **moments
    )


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


_FOLLOWED = {
    ConsentEventKind.GRANTED: _granted,
    ConsentEventKind.CONFIRMED: _confirmed,
    ConsentEventKind.RENEWED: _renewed,
    ConsentEventKind.REVOKED: _revoked,
}
