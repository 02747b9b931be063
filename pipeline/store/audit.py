"""The audit trail: what was done to senders and campaigns, by whom, and why. Only ever added to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import insert, select, text
from sqlalchemy.engine import Connection

from pipeline.store.rule_tables import audit_events


class AuditAction(StrEnum):
    """What was done."""

    SENDER_SUSPENDED = "sender_suspended"
    SENDER_LIFTED = "sender_lifted"
    CAMPAIGN_PAUSED = "campaign_paused"
    CAMPAIGN_RESUMED = "campaign_resumed"
    CAMPAIGN_CANCELLED = "campaign_cancelled"
    DOUBTS_SETTLED = "doubts_settled"


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEvent:
    """One entry.

    Attributes:
        id: the order of the entries; 0 before it is stored.
        occurred_at: business instant.
        actor: a person's name, or the part of Recado.
        subject: the public id of what was changed.
        rule, policy: the rule that asked for it, and the version of the rules; None: none did.
        detail: what was seen, JSON-like; never a number or a text of a person.
    """

    id: int = 0
    occurred_at: datetime
    actor: str
    action: AuditAction
    subject: str
    reason: str
    rule: str | None = None
    policy: str | None = None
    detail: Mapping[str, Any] | None = None


def add(connection: Connection, events: Sequence[AuditEvent]) -> None:
    """Write entries, in their order."""
    if not events:
        return
    rows = [
        {
            "occurred_at": event.occurred_at,
            "actor": event.actor,
            "action": event.action.value,
            "subject": event.subject,
            "reason": event.reason,
            "rule": event.rule,
            "policy": event.policy,
            "detail": None if event.detail is None else dict(event.detail),
        }
        for event in events
    ]
    connection.execute(insert(audit_events), rows)


def listed(
    connection: Connection,
    *,
    subject: str | None = None,
    since: datetime | None = None,
    most: int | None = None,
) -> list[AuditEvent]:
    """The entries that fit every condition given, oldest first.

    Args:
        most: at most so many, the newest.
    """
    query = select(audit_events).order_by(audit_events.c.id.desc()).limit(most)
    if subject is not None:
        query = query.where(audit_events.c.subject == subject)
    if since is not None:
        query = query.where(audit_events.c.occurred_at >= since)
    return [_event(row._mapping) for row in reversed(connection.execute(query).all())]


_SUBJECTS = text("SELECT code FROM senders UNION SELECT code FROM campaigns")


def known_subjects(connection: Connection) -> set[str]:
    """Everything that there can be entries of."""
    return set(connection.execute(_SUBJECTS).scalars())


_LATEST = text(
    """
    SELECT DISTINCT ON (subject) * FROM audit_events
    WHERE subject = ANY(CAST(:subjects AS text[])) AND action = ANY(CAST(:actions AS text[]))
    ORDER BY subject, id DESC
    """
)


def latest(
    connection: Connection, found: Collection[str], actions: Collection[AuditAction]
) -> dict[str, AuditEvent]:
    """The last entry of each of these subjects with one of these actions."""
    values = {"subjects": list(found), "actions": [action.value for action in actions]}
    rows = connection.execute(_LATEST, values)
    return {row.subject: _event(row._mapping) for row in rows}


class Offence(NamedTuple):
    """A suspension in the trail."""

    id: int
    subject: str
    occurred_at: datetime


_SUSPENSIONS = text(
    """
    SELECT id, subject, occurred_at FROM audit_events
    WHERE subject = ANY(CAST(:subjects AS text[])) AND action = 'sender_suspended'
      AND detail ->> 'cause' = :cause
    ORDER BY id
    """
)


def suspensions(connection: Connection, codes: Collection[str], *, cause: str) -> list[Offence]:
    """Suspensions of these senders for one cause, in their order."""
    rows = connection.execute(_SUSPENSIONS, {"subjects": list(codes), "cause": cause})
    return [Offence(*row) for row in rows]


def _event(row: Mapping[Any, Any]) -> AuditEvent:
    return AuditEvent(**(dict(row) | {"action": AuditAction(row["action"])}))
