"""The current state of consents, derived from the ledger's events."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.consent_events import (
    EVERY,
    ConsentEvent,
    ConsentEventKind,
    ConsentHistory,
    ConsentState,
)
from pipeline.policy.vocabulary import Category, Channel, ConsentMethod

Person = tuple[int, str, str]
"""(contact id, business, category): whose consents are followed together."""

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


_PEOPLE = """
    unnest(CAST(:contacts AS bigint[]), CAST(:businesses AS text[]), CAST(:categories AS text[]))
        AS p (contact_id, business, category)
"""

_STATES = text(
    f"""
    SELECT contact_id, business, category, channel, topic, event_id, granted_at, confirmed_at,
           renewed_at, revoked_at, evidence::text AS evidence
    FROM {_PEOPLE} JOIN consents USING (contact_id, business, category)
    """  # noqa: S608 - a fragment of ours
)
# Version 1 did not tell which grant a revocation concerns: it counts as one of all.
_REVOCATIONS = text(
    f"""
    SELECT contact_id, business, category, id, kind, channel, topics, occurred_at, granted_at,
           '' AS evidence
    FROM {_PEOPLE} JOIN consent_events USING (contact_id, business, category)
    WHERE kind = 'revoked' AND granted_at IS NULL AND id < :first
    """  # noqa: S608 - a fragment of ours
)
_KEEP = text(
    """
    INSERT INTO consents (contact_id, business, category, channel, topic, event_id,
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
    SET event_id = EXCLUDED.event_id, granted_at = EXCLUDED.granted_at,
        confirmed_at = EXCLUDED.confirmed_at, renewed_at = EXCLUDED.renewed_at,
        revoked_at = EXCLUDED.revoked_at, evidence = EXCLUDED.evidence
    """
)
# Accepted ones too: a stage may have read the consent before this, and commit what it made of it
# after. It waits for that stage, or the stage finds the message in another state.
_RECONSIDER = text(
    f"""
    UPDATE messages SET state = 'deferred', not_before = :now, lease_until = NULL,
                        reason = NULL, rule = NULL
    WHERE id IN (
        SELECT m.id
        FROM {_PEOPLE}
        JOIN messages m ON m.contact_id = p.contact_id
        JOIN campaigns c ON c.id = m.campaign_id
        WHERE c.business = p.business AND c.category = p.category
          AND m.state IN ('accepted', 'consented', 'ready')
        ORDER BY m.id FOR UPDATE OF m
    )
    """  # noqa: S608 - a fragment of ours
)


def follow(connection: Connection, told: Sequence[tuple[Person, ConsentEvent]]) -> None:
    """Bring the state up to date with new events, in the ledger's order.

    Nobody else may write consents meanwhile: the ledger is locked.
    """
    if not told:
        return
    histories = _histories(connection, told)
    before = {person: dict(history.states) for person, history in histories.items()}
    for person, event in told:
        histories[person].follow(event)
    changed = [
        (person, state)
        for person, history in histories.items()
        for key, state in history.states.items()
        if before[person].get(key) is not state
    ]
    if changed:
        connection.execute(_KEEP, _columns(changed))


def _histories(
    connection: Connection, told: Sequence[tuple[Person, ConsentEvent]]
) -> dict[Person, ConsentHistory]:
    people = {person for person, _ in told}
    states: dict[Person, list[ConsentState]] = {}
    for row in connection.execute(_STATES, _arrays(people)):
        states.setdefault(person_of(row), []).append(state_of(row))
    granting = {person for person, event in told if event.kind is ConsentEventKind.GRANTED}
    revocations: dict[Person, list[ConsentEvent]] = {}
    if granting:  # nothing else can come too late for a revocation
        first = min(event.id for _, event in told)
        for row in connection.execute(_REVOCATIONS, _arrays(granting) | {"first": first}):
            revocations.setdefault(person_of(row), []).append(event_of(row))
    return {
        person: ConsentHistory(states.get(person, ()), revocations.get(person, ()))
        for person in people
    }


def reconsider(connection: Connection, people: Collection[Person], *, now: datetime) -> None:
    """Have decided again what waits for its moment; transactional messages are another category."""
    if people:
        connection.execute(_RECONSIDER, _arrays(people) | {"now": now})


def person_of(row: Row[Any]) -> Person:
    """Whose state or event a row is."""
    return row.contact_id, row.business, row.category


def state_of(row: Row[Any]) -> ConsentState:
    """A row of ``consents``, its evidence as text."""
    return ConsentState(
        channel=row.channel,
        topic=row.topic,
        event_id=row.event_id,
        granted_at=row.granted_at,
        confirmed_at=row.confirmed_at,
        renewed_at=row.renewed_at,
        revoked_at=row.revoked_at,
        evidence=row.evidence,
    )


def event_of(row: Row[Any]) -> ConsentEvent:
    """A row of ``consent_events``, its evidence as text."""
    return ConsentEvent(
        id=row.id,
        kind=ConsentEventKind(row.kind),
        channel=row.channel,
        topics=tuple(row.topics) or ("",),
        occurred_at=row.occurred_at,
        granted_at=row.granted_at,
        evidence=row.evidence,
    )


def _columns(states: Sequence[tuple[Person, ConsentState]]) -> dict[str, object]:
    return _arrays([person for person, _ in states]) | {
        "channels": [state.channel for _, state in states],
        "topics": [state.topic for _, state in states],
        "events": [state.event_id for _, state in states],
        "granted": [state.granted_at for _, state in states],
        "confirmed": [state.confirmed_at for _, state in states],
        "renewed": [state.renewed_at for _, state in states],
        "revoked": [state.revoked_at for _, state in states],
        "evidence": [state.evidence for _, state in states],
    }


def _arrays(people: Iterable[Person]) -> dict[str, object]:
    listed = list(people)
    return {
        "contacts": [person[0] for person in listed],
        "businesses": [person[1] for person in listed],
        "categories": [person[2] for person in listed],
    }


def evidence_of(entry: ConsentEntry) -> dict[str, Any]:
    """The evidence of a consent as the store keeps it."""
    record = entry.record
    found = {name: getattr(record, name) for name in _EVIDENCE}
    found |= {"method": record.method, "cpf_hash": entry.cpf_hash}
    return {name: value for name, value in found.items() if value is not None}


def topics_of(record: ConsentRecord) -> list[str]:
    """The topics as the store keeps them."""
    return [EVERY] if record.topics is None else sorted(record.topics) or [""]


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
                channel=None if row.channel == EVERY else Channel(row.channel),
                topics=None if row.topic == EVERY else frozenset((row.topic,)),
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
