"""What the rows of a consents file come to, as the ledger would derive it from them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.consent_events import (
    EVERY,
    ConsentEvent,
    ConsentEventKind,
    ConsentHistory,
    ConsentState,
)
from pipeline.policy.vocabulary import Channel


def current_consents(records: Sequence[ConsentRecord], at: datetime) -> Sequence[ConsentRecord]:
    """The state of one person's consents to one business for one category at an instant.

    What was granted or confirmed later is not known yet; a revocation that lies ahead is, since
    the rules look at its moment.

    Args:
        records: the rows in the order of the file.
    """
    if len(records) == 1 and _stands_alone(records[0], at):
        return _by_topic(records[0])
    history = ConsentHistory()
    told = [
        event
        for place, record in enumerate(records)
        if record.granted_at is None or record.granted_at <= at
        for event in _events(place, record)
    ]
    # The first revocation after a grant is the one that counts, in whatever order rows stand.
    revocations = [event for event in told if event.kind is ConsentEventKind.REVOKED]
    for event in told:
        if event.kind is not ConsentEventKind.REVOKED and event.occurred_at <= at:
            history.follow(event)
    for event in sorted(revocations, key=lambda one: one.occurred_at):
        history.follow(event)
    return [_record(state, records) for state in history.states.values()]


def _by_topic(record: ConsentRecord) -> list[ConsentRecord]:
    """As the ledger keeps it: a consent a topic."""
    if record.topics is None or len(record.topics) == 1:
        return [record]
    return [replace(record, topics=frozenset((topic,))) for topic in sorted(record.topics)]


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _stands_alone(record: ConsentRecord, at: datetime) -> bool:
    granted_at = record.granted_at
    if granted_at is None or granted_at > at:
        return False
    return record.revoked_at is None or record.revoked_at >= granted_at


def _events(place: int, record: ConsentRecord) -> Iterator[ConsentEvent]:
    moments = (
        (ConsentEventKind.GRANTED, record.granted_at),
        (ConsentEventKind.CONFIRMED, record.confirmed_at),
        (ConsentEventKind.RENEWED, record.renewed_at),
        (ConsentEventKind.REVOKED, record.revoked_at),
    )
    told = [(kind, moment) for kind, moment in moments if moment is not None]
    # A consent without a moment is kept as it came: incomplete, and good for nothing.
    for kind, moment in told or [(ConsentEventKind.GRANTED, _LONG_AGO)]:
        yield ConsentEvent(
            id=place,
            kind=kind,
            channel=EVERY if record.channel is None else record.channel.value,
            topics=(EVERY,) if record.topics is None else tuple(sorted(record.topics)) or ("",),
            occurred_at=moment,
            granted_at=record.granted_at,
            evidence=str(place),
        )


def _record(state: ConsentState, records: Sequence[ConsentRecord]) -> ConsentRecord:
    """The state with the evidence of the row that it rests on."""
    return replace(
        records[int(state.evidence)],
        channel=None if state.channel == EVERY else Channel(state.channel),
        topics=None if state.topic == EVERY else frozenset((state.topic,)),
        granted_at=state.granted_at,
        confirmed_at=state.confirmed_at,
        renewed_at=state.renewed_at,
        revoked_at=state.revoked_at,
    )
