"""The current state of consents, derived from the ledger's events."""

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
    cpf_hash: str | None = None


# The newest grant is the state; what belongs to the same grant (its confirmation, its
# revocation) is added to it; a revocation without a grant takes back whatever was given before it.
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
    SET event_id = CASE WHEN EXCLUDED.revoked_at < c.granted_at THEN c.event_id
                        ELSE EXCLUDED.event_id END,
        granted_at = coalesce(EXCLUDED.granted_at, c.granted_at),
        confirmed_at = CASE WHEN EXCLUDED.granted_at > c.granted_at THEN EXCLUDED.confirmed_at
                            ELSE coalesce(EXCLUDED.confirmed_at, c.confirmed_at) END,
        renewed_at = CASE WHEN EXCLUDED.granted_at > c.granted_at THEN EXCLUDED.renewed_at
                          ELSE coalesce(EXCLUDED.renewed_at, c.renewed_at) END,
        revoked_at = CASE
            WHEN EXCLUDED.granted_at > coalesce(c.granted_at, c.revoked_at) THEN EXCLUDED.revoked_at
            WHEN EXCLUDED.revoked_at < c.granted_at THEN c.revoked_at
            ELSE coalesce(EXCLUDED.revoked_at, c.revoked_at) END,
        evidence = CASE WHEN EXCLUDED.granted_at IS NULL THEN c.evidence
                        ELSE EXCLUDED.evidence END
    WHERE EXCLUDED.granted_at IS NULL OR c.granted_at IS NULL
       OR EXCLUDED.granted_at >= c.granted_at
    """
)


# A revocation without a grant takes back every consent that it overlaps with: one for both channels
# cannot be taken back in half, and what is in doubt is not sent.
_TAKE_BACK = text(
    """
    UPDATE consents c SET revoked_at = i.revoked_at, event_id = i.event_id
    FROM unnest(
        CAST(:contacts AS bigint[]), CAST(:businesses AS text[]), CAST(:categories AS text[]),
        CAST(:channels AS text[]), CAST(:topics AS text[]), CAST(:events AS bigint[]),
        CAST(:revoked AS timestamptz[])
    ) AS i (contact_id, business, category, channel, topics, event_id, revoked_at)
    WHERE c.contact_id = i.contact_id AND c.business = i.business AND c.category = i.category
      AND (i.channel = '*' OR c.channel = '*' OR c.channel = i.channel)
      AND (i.topics IN ('', '*') OR c.topic = '*' OR c.topic = ANY(string_to_array(i.topics, ';')))
      AND c.granted_at <= i.revoked_at AND (c.revoked_at IS NULL OR c.revoked_at < c.granted_at)
    """
)

# What waited for its moment with a consent that is no more is decided again.
_RECONSIDER = text(
    """
    UPDATE messages SET state = 'deferred', not_before = :now, lease_until = NULL,
                        reason = NULL, rule = NULL
    WHERE id IN (
        SELECT m.id
        FROM unnest(CAST(:contacts AS bigint[]), CAST(:businesses AS text[]),
                    CAST(:categories AS text[])) AS i (contact_id, business, category)
        JOIN messages m ON m.contact_id = i.contact_id
        JOIN campaigns c ON c.id = m.campaign_id
        WHERE c.business = i.business AND c.category = i.category
          AND m.state IN ('consented', 'ready')
        ORDER BY m.id FOR UPDATE OF m
    )
    """
)


def derive(
    connection: Connection, told: Sequence[tuple[ConsentEntry, int]], *, now: datetime
) -> None:
    """Bring the state up to date with what entries tell: (entry, ledger event)."""
    grouped: dict[tuple[int, str, str, str, str], list[tuple[ConsentEntry, int]]] = {}
    for entry, event_id in told:
        record = entry.record
        for topic in topics_of(record):
            key = (
                entry.contact_id,
                record.business,
                record.category.value,
                str(record.channel or ANY),
                topic,
            )
            grouped.setdefault(key, []).append((entry, event_id))
    if not grouped:
        return
    states = [_merge(entries) for entries in grouped.values()]
    connection.execute(
        _DERIVE,
        {
            "contacts": [key[0] for key in grouped],
            "businesses": [key[1] for key in grouped],
            "categories": [key[2] for key in grouped],
            "channels": [key[3] for key in grouped],
            "topics": [key[4] for key in grouped],
            "events": [state.event_id for state in states],
            "granted": [state.granted_at for state in states],
            "confirmed": [state.confirmed_at for state in states],
            "renewed": [state.renewed_at for state in states],
            "revoked": [state.revoked_at for state in states],
            "evidence": [json.dumps(state.evidence) for state in states],
        },
    )
    _take_back(connection, [pair for pair in told if pair[0].record.revoked_at], now)


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    event_id: int
    granted_at: datetime | None
    confirmed_at: datetime | None
    renewed_at: datetime | None
    revoked_at: datetime | None
    evidence: dict[str, Any]


def _merge(entries: Sequence[tuple[ConsentEntry, int]]) -> _State:
    """What entries for one key tell together: the newest grant, and all that concerns it."""
    newest, event_id = max(entries, key=lambda pair: _age(pair[0].record))
    granted_at = newest.record.granted_at
    records = [entry.record for entry, _ in entries]
    own = [record for record in records if record.granted_at in (None, granted_at)]
    revocations = [record.revoked_at for record in records if record.revoked_at is not None]
    return _State(
        event_id=event_id,
        granted_at=granted_at,
        confirmed_at=_latest([record.confirmed_at for record in own]),
        renewed_at=_latest([record.renewed_at for record in own]),
        revoked_at=_latest([at for at in revocations if granted_at is None or at >= granted_at]),
        evidence=evidence_of(newest),
    )


def _latest(moments: Sequence[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _take_back(
    connection: Connection, told: Sequence[tuple[ConsentEntry, int]], now: datetime
) -> None:
    if not told:
        return
    values = {
        "contacts": [entry.contact_id for entry, _ in told],
        "businesses": [entry.record.business for entry, _ in told],
        "categories": [entry.record.category.value for entry, _ in told],
    }
    bare = [(entry, event_id) for entry, event_id in told if entry.record.granted_at is None]
    if bare:
        connection.execute(
            _TAKE_BACK,
            {
                "contacts": [entry.contact_id for entry, _ in bare],
                "businesses": [entry.record.business for entry, _ in bare],
                "categories": [entry.record.category.value for entry, _ in bare],
                "channels": [str(entry.record.channel or ANY) for entry, _ in bare],
                "topics": [";".join(topics_of(entry.record)) for entry, _ in bare],
                "events": [event_id for _, event_id in bare],
                "revoked": [entry.record.revoked_at for entry, _ in bare],
            },
        )
    connection.execute(_RECONSIDER, values | {"now": now})


def evidence_of(entry: ConsentEntry) -> dict[str, Any]:
    """The evidence of a consent as the store keeps it."""
    record = entry.record
    found = {name: getattr(record, name) for name in _EVIDENCE}
    found |= {"method": record.method, "cpf_hash": entry.cpf_hash}
    return {name: value for name, value in found.items() if value is not None}


def topics_of(record: ConsentRecord) -> list[str]:
    """The topics as the store keeps them."""
    return [ANY] if record.topics is None else sorted(record.topics)


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
            cpf_hash=evidence.get("cpf_hash"),
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
