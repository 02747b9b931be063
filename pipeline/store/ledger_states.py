"""Whether what was derived from the consent ledger is what its events come to."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from pipeline.policy.consent_events import ConsentEventKind, ConsentHistory, ConsentState
from pipeline.store.consent_chain import VERSION
from pipeline.store.consent_state import Person, event_of, person_of, state_of
from pipeline.store.ledger_links import MOST_BREAKS, BreakKind, LedgerBreak

CONTACTS_AT_ONCE = 2000

_CONTACTS = text(
    """
    SELECT count(*) AS contacts, max(contact_id) AS last FROM (
        SELECT DISTINCT contact_id FROM consent_events WHERE contact_id > :after
        ORDER BY contact_id LIMIT :count
    ) AS c
    """
)
_EVENTS = text(
    """
    SELECT id, contact_id, business, category, kind, channel, topics, occurred_at, granted_at,
           evidence::text AS evidence, version
    FROM consent_events WHERE contact_id > :after AND contact_id <= :until
    ORDER BY contact_id, id
    """
)
_STATES = text(
    """
    SELECT contact_id, business, category, channel, topic, event_id, granted_at, confirmed_at,
           renewed_at, revoked_at, evidence::text AS evidence
    FROM consents WHERE contact_id > :after AND contact_id <= :until
    """
)
_DECISIONS = text(
    """
    SELECT DISTINCT CAST(d.detail ->> 'consent' AS bigint) AS consent
    FROM decisions d
    WHERE d.detail ? 'consent'
      AND NOT EXISTS (SELECT FROM consent_events e
                      WHERE e.id = CAST(d.detail ->> 'consent' AS bigint))
    ORDER BY 1 LIMIT :most
    """
)
_LAST_CONTACT = 2**63 - 1
_KINDS = frozenset(kind.value for kind in ConsentEventKind)


@dataclass(kw_only=True, slots=True)
class States:
    """What comparing every state has found.

    Attributes:
        contacts: people who have events.
        uncompared: people of whom events of version 1 are told, which do not say all that the
            state was derived from.
    """

    contacts: int = 0
    uncompared: int = 0
    breaks: list[LedgerBreak] = field(default_factory=list)


def compare_states(connection: Connection) -> States:
    """Follow the events of every person from the first, and compare with the stored state."""
    found, after = States(), -1
    while True:
        batch = connection.execute(_CONTACTS, {"after": after, "count": CONTACTS_AT_ONCE}).one()
        last = batch.contacts < CONTACTS_AT_ONCE
        # States of people without any event lie within some range, too.
        bounds = {"after": after, "until": _LAST_CONTACT if last else batch.last}
        _compare(connection, bounds, found)
        del found.breaks[MOST_BREAKS:]
        found.contacts += batch.contacts
        if last:
            return found
        after = batch.last


def find_missing_consents(connection: Connection) -> Iterator[LedgerBreak]:
    """Consents that decisions name as what allowed a message, and that the ledger does not have."""
    for event_id in connection.execute(_DECISIONS, {"most": MOST_BREAKS}).scalars():
        problem = "a decision names it as the consent that allowed a message, and it is not there"
        yield LedgerBreak(kind=BreakKind.DECISION, event_id=event_id, problem=problem)


def _compare(connection: Connection, bounds: dict[str, int], found: States) -> None:
    stored: dict[Person, dict[tuple[str, str], ConsentState]] = {}
    for row in connection.execute(_STATES, bounds).all():
        state = state_of(row)
        stored.setdefault(person_of(row), {})[state.channel, state.topic] = state
    told: dict[Person, list[Row[Any]]] = {}
    for row in connection.execute(_EVENTS, bounds).all():
        told.setdefault(person_of(row), []).append(row)
    for person, rows in told.items():
        derived = _follow(rows)
        kept = stored.pop(person, {})
        if derived is None:
            found.uncompared += 1
        elif derived != kept:
            found.breaks += _differences(person, derived, kept)
    for person, kept in stored.items():
        found.breaks += _differences(person, {}, kept)


def _follow(rows: list[Row[Any]]) -> dict[tuple[str, str], ConsentState] | None:
    """What the events of one person come to; None: they do not say enough.

    An event of an unknown kind is a changed one, which its fingerprint has told already.
    """
    if any(row.version < VERSION or row.kind not in _KINDS for row in rows):
        return None
    history = ConsentHistory()
    for row in rows:
        history.follow(event_of(row))
    return history.states


def _differences(
    person: Person,
    derived: dict[tuple[str, str], ConsentState],
    stored: dict[tuple[str, str], ConsentState],
) -> Iterator[LedgerBreak]:
    for channel, topic in sorted(derived.keys() | stored.keys()):
        told, kept = derived.get((channel, topic)), stored.get((channel, topic))
        if told == kept:
            continue
        contact, business, category = person
        whose = (
            f"the consent of contact {contact} to {business} ({category}, channel {channel}, "
            f"topic {topic or 'none'})"
        )
        if told is None:
            problem = f"{whose} stands in consents, and no event tells of it"
        elif kept is None:
            problem = f"{whose} is missing in consents"
        else:
            names = [one.name for one in fields(told) if _differs(told, kept, one.name)]
            problem = f"{whose} differs from what its events tell in {', '.join(names)}"
        event = kept or told
        yield LedgerBreak(
            kind=BreakKind.STATE, event_id=event.event_id if event else None, problem=problem
        )


def _differs(one: ConsentState, other: ConsentState, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))
