"""Consents: an append-only ledger of events, and the current state derived from it.

Each event carries the hash of the one before, so that nobody can change or remove one unseen.
The same event recorded twice is one event.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.vocabulary import Category, Channel, ConsentMethod

ANY = "*"
"""In the channel or topic of a stored consent: every one."""

_LEDGER_LOCK = 7_230_462_002

_EVIDENCE = (
    "text",
    "ip",
    "signature",
    "document_ref",
    "source",
    "pre_ticked",
    "initiated_by_consumer",
    "policy_version",
    "cpf_valid",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentEntry:
    """A consent as somebody reports it, with whose it is.

    Attributes:
        cpf_hash: a keyed hash of the CPF; the number itself is never stored.
    """

    contact_id: int
    record: ConsentRecord
    cpf_hash: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldConsent:
    """A consent as the ledger holds it: the record, and the event that it derives from."""

    contact_id: int
    event_id: int
    record: ConsentRecord


_LAST = text("SELECT hash FROM consent_events ORDER BY id DESC LIMIT 1")
_APPEND = text(
    """
    INSERT INTO consent_events (contact_id, business, kind, category, channel, topics,
                                occurred_at, recorded_at, evidence, fingerprint, previous_hash,
                                hash)
    SELECT contact_id, business, kind, category, channel, string_to_array(topics, ';'),
           occurred_at, :now, CAST(evidence AS jsonb), fingerprint, previous_hash, hash
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

# The newest grant is the state; what belongs to the same grant (its confirmation, its
# revocation) is added to it; a revocation without a grant takes back whatever there is.
_DERIVE = text(
    """
    INSERT INTO consents AS c (contact_id, business, category, channel, topic, event_id,
                               granted_at, confirmed_at, renewed_at, revoked_at, evidence)
    SELECT contact_id, business, category, channel, topic, event_id, granted_at, confirmed_at,
           renewed_at, revoked_at, CAST(evidence AS jsonb)
    FROM unnest(
        CAST(:contacts AS bigint[]), CAST(:businesses AS text[]), CAST(:categories AS text[]),
        CAST(:channels AS text[]), CAST(:topics AS text[]), CAST(:events AS bigint[]),
        CAST(:granted AS timestamptz[]), CAST(:confirmed AS timestamptz[]),
        CAST(:renewed AS timestamptz[]), CAST(:revoked AS timestamptz[]),
        CAST(:evidence AS text[])
    ) AS i (contact_id, business, category, channel, topic, event_id, granted_at, confirmed_at,
            renewed_at, revoked_at, evidence)
    ORDER BY contact_id, business, category, channel, topic
    ON CONFLICT (contact_id, business, category, channel, topic) DO UPDATE
    SET event_id = EXCLUDED.event_id,
        granted_at = coalesce(EXCLUDED.granted_at, c.granted_at),
        confirmed_at = CASE WHEN EXCLUDED.granted_at > c.granted_at THEN EXCLUDED.confirmed_at
                            ELSE coalesce(EXCLUDED.confirmed_at, c.confirmed_at) END,
        renewed_at = CASE WHEN EXCLUDED.granted_at > c.granted_at THEN EXCLUDED.renewed_at
                          ELSE coalesce(EXCLUDED.renewed_at, c.renewed_at) END,
        revoked_at = CASE WHEN EXCLUDED.granted_at > c.granted_at THEN EXCLUDED.revoked_at
                          ELSE coalesce(EXCLUDED.revoked_at, c.revoked_at) END,
        evidence = CASE WHEN EXCLUDED.granted_at IS NULL THEN c.evidence
                        ELSE EXCLUDED.evidence END
    WHERE EXCLUDED.granted_at IS NULL OR c.granted_at IS NULL
       OR EXCLUDED.granted_at >= c.granted_at
    """
)


@dataclass(frozen=True, slots=True)
class _Event:
    entry: ConsentEntry
    kind: str
    occurred_at: datetime
    evidence: str
    fingerprint: bytes


def record(connection: Connection, entries: Sequence[ConsentEntry], *, now: datetime) -> list[bool]:
    """Add what these entries tell to the ledger, and bring the derived state up to date.

    Returns:
        For each entry whether it told anything new.
    """
    # One writer at a time: each event is chained to the one before.
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LEDGER_LOCK})
    events = [event for entry in entries for event in _events_of(entry, now)]
    known = set(
        connection.execute(_KNOWN, {"fingerprints": [e.fingerprint for e in events]}).scalars()
    )
    fresh = {e.fingerprint: e for e in events if e.fingerprint not in known}
    ids = _append(connection, list(fresh.values()), now)
    told: dict[int, int] = {}
    for fingerprint, event in fresh.items():
        told[id(event.entry)] = ids[fingerprint]
    _derive(connection, [(entry, told[id(entry)]) for entry in entries if id(entry) in told])
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
    evidence = json.dumps(_evidence(entry), sort_keys=True, ensure_ascii=False)
    identity = [
        entry.contact_id,
        entry.record.business,
        kind,
        entry.record.category.value,
        entry.record.channel or ANY,
        _topics(entry.record),
        # Without a moment of its own the event is known by its content alone.
        moment.astimezone(UTC).isoformat() if entry.record.granted_at or kind != "granted" else "",
        evidence,
    ]
    fingerprint = hashlib.sha256(json.dumps(identity).encode()).digest()
    return _Event(entry, kind, moment, evidence, fingerprint)


def _evidence(entry: ConsentEntry) -> dict[str, Any]:
    record = entry.record
    found = {name: getattr(record, name) for name in _EVIDENCE}
    found |= {"method": record.method, "cpf_hash": entry.cpf_hash}
    return {name: value for name, value in found.items() if value is not None}


def _topics(record: ConsentRecord) -> list[str]:
    return [ANY] if record.topics is None else sorted(record.topics)


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
            "topics": [";".join(_topics(e.entry.record)) for e in events],
            "occurred": [e.occurred_at for e in events],
            "evidence": [e.evidence for e in events],
            "fingerprints": [e.fingerprint for e in events],
            "previous": [link[0] for link in links],
            "hashes": [link[1] for link in links],
            "now": now,
        },
    )
    return {bytes(row.fingerprint): row.id for row in rows}


def _derive(connection: Connection, told: Sequence[tuple[ConsentEntry, int]]) -> None:
    states: dict[tuple[int, str, str, str, str], tuple[ConsentEntry, int]] = {}
    for entry, event_id in sorted(told, key=lambda item: _age(item[0].record)):
        record = entry.record
        for topic in _topics(record):
            key = (
                entry.contact_id,
                record.business,
                record.category.value,
                str(record.channel or ANY),
                topic,
            )
            states[key] = (entry, event_id)
    if not states:
        return
    entries = [entry for entry, _ in states.values()]
    connection.execute(
        _DERIVE,
        {
            "contacts": [key[0] for key in states],
            "businesses": [key[1] for key in states],
            "categories": [key[2] for key in states],
            "channels": [key[3] for key in states],
            "topics": [key[4] for key in states],
            "events": [event_id for _, event_id in states.values()],
            "granted": [e.record.granted_at for e in entries],
            "confirmed": [e.record.confirmed_at for e in entries],
            "renewed": [e.record.renewed_at for e in entries],
            "revoked": [e.record.revoked_at for e in entries],
            "evidence": [json.dumps(_evidence(e)) for e in entries],
        },
    )


def _age(record: ConsentRecord) -> datetime:
    return record.granted_at or datetime.min.replace(tzinfo=UTC)


_HELD = text(
    """
    SELECT contact_id, event_id, business, category, channel, topic, granted_at, confirmed_at,
           renewed_at, revoked_at, evidence
    FROM consents
    WHERE contact_id = ANY(CAST(:contacts AS bigint[])) AND business = :business
      AND category = :category
    """
)


def held(
    connection: Connection, contacts: Collection[int], *, business: str, category: Category
) -> dict[int, list[HeldConsent]]:
    """The consents of these people to one business for one category: contact id → consents."""
    rows = connection.execute(
        _HELD, {"contacts": list(contacts), "business": business, "category": category.value}
    )
    found: dict[int, list[HeldConsent]] = {}
    for row in rows:
        evidence: dict[str, Any] = row.evidence
        consent = HeldConsent(
            contact_id=row.contact_id,
            event_id=row.event_id,
            record=ConsentRecord(
                business=row.business,
                category=category,
                channel=None if row.channel == ANY else Channel(row.channel),
                topics=None if row.topic == ANY else frozenset((row.topic,)),
                granted_at=row.granted_at,
                confirmed_at=row.confirmed_at,
                renewed_at=row.renewed_at,
                revoked_at=row.revoked_at,
                method=ConsentMethod(evidence["method"]) if "method" in evidence else None,
                **{name: evidence.get(name) for name in _EVIDENCE},
            ),
        )
        found.setdefault(row.contact_id, []).append(consent)
    return found
