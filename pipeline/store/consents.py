"""Consents: an append-only ledger of events, and the current state derived from it.

Each event carries the hash of the one before, so that nobody can change or remove one unseen.
The same event recorded twice is one event.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.consent_events import EVERY, ConsentEvent, ConsentEventKind
from pipeline.store import consent_chain
from pipeline.store.consent_chain import EventContents
from pipeline.store.consent_state import (
    ConsentEntry,
    HeldConsent,
    evidence_of,
    follow,
    held,
    reconsider,
    topics_of,
)

_LEDGER_LOCK = 7_230_462_002

# The head is the ledger's own row, not the last event: were that removed, the next one would
# still be chained to it, and the gap would show.
_HEAD = text(
    """
    SELECT coalesce((SELECT hash FROM consent_ledger WHERE id = 1),
                    (SELECT hash FROM consent_events ORDER BY id DESC LIMIT 1)) AS hash,
           ARRAY(SELECT nextval(pg_get_serial_sequence('consent_events', 'id'))
                 FROM generate_series(1, CAST(:count AS int))) AS ids
    """
)
_APPEND = text(
    """
    WITH added AS (
        INSERT INTO consent_events (id, contact_id, business, kind, category, channel, topics,
                                    occurred_at, granted_at, recorded_at, evidence, fingerprint,
                                    version, previous_hash, hash)
        SELECT id, contact_id, business, kind, category, channel, string_to_array(topics, ';'),
               occurred_at, granted_at, :now, CAST(evidence AS jsonb), fingerprint, :version,
               previous_hash, hash
        FROM unnest(
            CAST(:ids AS bigint[]), CAST(:contacts AS bigint[]), CAST(:businesses AS text[]),
            CAST(:kinds AS text[]), CAST(:categories AS text[]), CAST(:channels AS text[]),
            CAST(:topics AS text[]), CAST(:occurred AS timestamptz[]),
            CAST(:granted AS timestamptz[]), CAST(:evidence AS text[]),
            CAST(:fingerprints AS bytea[]), CAST(:previous AS bytea[]), CAST(:hashes AS bytea[])
        ) AS e (id, contact_id, business, kind, category, channel, topics, occurred_at, granted_at,
                evidence, fingerprint, previous_hash, hash)
        RETURNING id
    )
    INSERT INTO consent_ledger AS l (id, events, hash) SELECT 1, count(*), :head FROM added
    ON CONFLICT (id) DO UPDATE SET events = l.events + EXCLUDED.events, hash = EXCLUDED.hash
    """
)
_KNOWN = text(
    "SELECT fingerprint FROM consent_events WHERE fingerprint = ANY(CAST(:fingerprints AS bytea[]))"
)


@dataclass(frozen=True, slots=True)
class _Told:
    """An event that an entry tells, new or not."""

    entry: ConsentEntry
    contents: EventContents
    fingerprint: bytes
    old_fingerprint: bytes


def lock(connection: Connection) -> None:
    """Become the ledger's one writer until the transaction ends: each event is chained to the last.

    `record` does it too; whoever needs other locks as well takes this one first.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LEDGER_LOCK})


def record(
    connection: Connection,
    entries: Sequence[ConsentEntry],
    *,
    now: datetime,
    decide_again: bool = True,
) -> list[bool]:
    """Add what these entries tell to the ledger, and bring the derived state up to date.

    Args:
        decide_again: have what waits with a consent that is taken back decided again, and wait for
            the stages that have it in hand; False: the caller sees to it.

    Returns:
        For each entry whether it told anything new.
    """
    lock(connection)
    told = [event for entry in entries for event in _events_of(entry, now)]
    wanted = {one for event in told for one in (event.fingerprint, event.old_fingerprint)}
    known = set(connection.execute(_KNOWN, {"fingerprints": list(wanted)}).scalars())
    fresh = {
        event.fingerprint: event
        for event in told
        if event.fingerprint not in known and event.old_fingerprint not in known
    }
    events = list(fresh.values())
    ids = _append(connection, events, now)
    follow(
        connection,
        [(_person(event.contents), _event(event.contents, id_)) for id_, event in ids.items()],
    )
    if decide_again:
        revoked = [event.contents for event in events if event.entry.record.revoked_at]
        reconsider(connection, {_person(contents) for contents in revoked}, now=now)
    new = {id(event.entry) for event in events}
    return [id(entry) in new for entry in entries]


def _events_of(entry: ConsentEntry, now: datetime) -> Iterator[_Told]:
    record = entry.record
    moments = [
        (ConsentEventKind.GRANTED, record.granted_at),
        (ConsentEventKind.CONFIRMED, record.confirmed_at),
        (ConsentEventKind.RENEWED, record.renewed_at),
        (ConsentEventKind.REVOKED, record.revoked_at),
    ]
    known = [(kind, moment) for kind, moment in moments if moment is not None]
    evidence = consent_chain.canonical(evidence_of(entry))
    # A consent without a moment is kept as it came: incomplete, and good for nothing.
    for kind, moment in known or [(ConsentEventKind.GRANTED, now)]:
        contents = EventContents(
            contact_id=entry.contact_id,
            business=record.business,
            kind=kind.value,
            category=record.category.value,
            channel=record.channel.value if record.channel else EVERY,
            topics=topics_of(record),
            occurred_at=moment,
            granted_at=record.granted_at,
            evidence=evidence,
        )
        fingerprint = consent_chain.fingerprint(contents)
        yield _Told(entry, contents, fingerprint, consent_chain.old_fingerprint(contents))


def _append(connection: Connection, events: Sequence[_Told], now: datetime) -> dict[int, _Told]:
    """Chain the events to the last; they come back by their numbers, in their order."""
    if not events:
        return {}
    head = connection.execute(_HEAD, {"count": len(events)}).one()
    numbered = dict(zip(sorted(head.ids), events, strict=True))
    hashes = [bytes(head.hash or consent_chain.FIRST_HASH)]
    for event_id, event in numbered.items():
        linked = consent_chain.link(
            hashes[-1],
            event.fingerprint,
            event_id=event_id,
            recorded_at=now,
            version=consent_chain.VERSION,
        )
        hashes.append(linked)
    said = [event.contents for event in events]
    connection.execute(
        _APPEND,
        {
            "ids": list(numbered),
            "contacts": [one.contact_id for one in said],
            "businesses": [one.business for one in said],
            "kinds": [one.kind for one in said],
            "categories": [one.category for one in said],
            "channels": [one.channel for one in said],
            "topics": [";".join(one.topics) for one in said],
            "occurred": [one.occurred_at for one in said],
            "granted": [one.granted_at for one in said],
            "evidence": [one.evidence for one in said],
            "fingerprints": [event.fingerprint for event in events],
            "previous": hashes[:-1],
            "hashes": hashes[1:],
            "head": hashes[-1],
            "version": consent_chain.VERSION,
            "now": now,
        },
    )
    return numbered


def _person(contents: EventContents) -> tuple[int, str, str]:
    return contents.contact_id, contents.business, contents.category


def _event(contents: EventContents, event_id: int) -> ConsentEvent:
    return ConsentEvent(
        id=event_id,
        kind=ConsentEventKind(contents.kind),
        channel=contents.channel,
        topics=tuple(contents.topics),
        occurred_at=contents.occurred_at,
        granted_at=contents.granted_at,
        evidence=contents.evidence,
    )


__all__ = ["ConsentEntry", "HeldConsent", "held", "lock", "record"]
