"""Consents: an append-only ledger of events, and the current state derived from it.

Each event carries the hash of the one before, so that nobody can change or remove one unseen.
The same event recorded twice is one event.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store.consent_state import (
    ANY,
    ConsentEntry,
    HeldConsent,
    derive,
    evidence_of,
    held,
    topics_of,
)

_LEDGER_LOCK = 7_230_462_002

_LAST = text("SELECT hash FROM consent_events ORDER BY id DESC LIMIT 1")
_APPEND = text(
    """
    INSERT INTO consent_events (contact_id, business, kind, category, channel, topics,
                                occurred_at, recorded_at, evidence, fingerprint, version,
                                previous_hash, hash)
    SELECT contact_id, business, kind, category, channel, string_to_array(topics, ';'),
           occurred_at, :now, CAST(evidence AS jsonb), fingerprint, 1, previous_hash, hash
    FROM unnest(
        CAST(:contacts AS bigint[]), CAST(:businesses AS text[]), CAST(:kinds AS text[]),
        CAST(:categories AS text[]), CAST(:channels AS text[]), CAST(:topics AS text[]),
        CAST(:occurred AS timestamptz[]), CAST(:evidence AS text[]),
        CAST(:fingerprints AS bytea[]), CAST(:previous AS bytea[]), CAST(:hashes AS bytea[])
    ) WITH ORDINALITY AS e (contact_id, business, kind, category, channel, topics, occurred_at,
                            evidence, fingerprint, previous_hash, hash, place)
    ORDER BY place
    RETURNING id, fingerprint
    """
)
_KNOWN = text(
    "SELECT fingerprint FROM consent_events WHERE fingerprint = ANY(CAST(:fingerprints AS bytea[]))"
)


@dataclass(frozen=True, slots=True)
class _Event:
    entry: ConsentEntry
    kind: str
    occurred_at: datetime
    evidence: str
    fingerprint: bytes


def lock(connection: Connection) -> None:
    """Become the ledger's one writer until the transaction ends: each event is chained to the last.

    `record` does it too; whoever needs other locks as well takes this one first.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LEDGER_LOCK})


def record(connection: Connection, entries: Sequence[ConsentEntry], *, now: datetime) -> list[bool]:
    """Add what these entries tell to the ledger, and bring the derived state up to date.

    Returns:
        For each entry whether it told anything new.
    """
    lock(connection)
    events = [event for entry in entries for event in _events_of(entry, now)]
    known = set(
        connection.execute(_KNOWN, {"fingerprints": [e.fingerprint for e in events]}).scalars()
    )
    fresh = {e.fingerprint: e for e in events if e.fingerprint not in known}
    ids = _append(connection, list(fresh.values()), now)
    told: dict[int, int] = {}
    for fingerprint, event in fresh.items():
        told[id(event.entry)] = ids[fingerprint]
    derive(
        connection, [(entry, told[id(entry)]) for entry in entries if id(entry) in told], now=now
    )
    return [id(entry) in told for entry in entries]


def _events_of(entry: ConsentEntry, now: datetime) -> list[_Event]:
    record = entry.record
    moments = [
        ("granted", record.granted_at),
        ("confirmed", record.confirmed_at),
        ("renewed", record.renewed_at),
        ("revoked", record.revoked_at),
    ]
    known = [(kind, moment) for kind, moment in moments if moment is not None]
    # A consent without a moment is kept as it came: incomplete, and good for nothing.
    return [_event(entry, kind, moment) for kind, moment in known or [("granted", now)]]


def _event(entry: ConsentEntry, kind: str, moment: datetime) -> _Event:
    evidence = json.dumps(evidence_of(entry), sort_keys=True, ensure_ascii=False)
    identity = [
        entry.contact_id,
        entry.record.business,
        kind,
        entry.record.category.value,
        entry.record.channel or ANY,
        topics_of(entry.record),
        # Without a moment of its own the event is known by its content alone.
        moment.astimezone(UTC).isoformat() if entry.record.granted_at or kind != "granted" else "",
        evidence,
    ]
    fingerprint = hashlib.sha256(json.dumps(identity).encode()).digest()
    return _Event(entry, kind, moment, evidence, fingerprint)


def _append(connection: Connection, events: Sequence[_Event], now: datetime) -> dict[bytes, int]:
    if not events:
        return {}
    previous = connection.execute(_LAST).scalar() or bytes(32)
    links = []
    for event in events:
        link = hashlib.sha256(bytes(previous) + event.fingerprint).digest()
        links.append((bytes(previous), link))
        previous = link
    rows = connection.execute(
        _APPEND,
        {
            "contacts": [e.entry.contact_id for e in events],
            "businesses": [e.entry.record.business for e in events],
            "kinds": [e.kind for e in events],
            "categories": [e.entry.record.category.value for e in events],
            "channels": [e.entry.record.channel or ANY for e in events],
            "topics": [";".join(topics_of(e.entry.record)) for e in events],
            "occurred": [e.occurred_at for e in events],
            "evidence": [e.evidence for e in events],
            "fingerprints": [e.fingerprint for e in events],
            "previous": [link[0] for link in links],
            "hashes": [link[1] for link in links],
            "now": now,
        },
    )
    return {bytes(row.fingerprint): row.id for row in rows}


__all__ = ["ANY", "ConsentEntry", "HeldConsent", "held", "lock", "record"]
