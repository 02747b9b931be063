"""What happened to a message: its row and every decision, for people who ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class PastDecision:
    """One decision as it was recorded."""

    message_id: int
    decided_at: datetime
    stage: str
    outcome: str
    reason: str | None
    rule: str | None
    policy: str | None
    detail: Mapping[str, Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageHistory:
    """A message's row, without its text.

    Attributes:
        contact_id: None where no contact could be made of the row.
        key: the producer's id, or the number.
        phone: None where no contact could be made of the row, or the person's data were erased.
        leased: whether it belongs to a queue, a worker or a back-off now.
    """

    id: int
    contact_id: int | None
    campaign: str
    campaign_state: str
    expires_at: datetime | None
    key: str
    phone: str | None
    country: str | None
    zones: Sequence[str]
    state: str
    reason: str | None
    rule: str | None
    sender: str | None
    sender_state: str | None
    not_before: datetime | None
    window_closes_at: datetime | None
    leased: bool
    attempt: int
    provider_id: str | None
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None


_MESSAGES = text(
    """
    SELECT m.id, m.contact_id, c.code AS campaign, c.state AS campaign_state, c.expires_at, m.key,
           t.phone, t.country, CASE WHEN m.timezone IS NULL THEN coalesce(t.zones, '{}')
                           ELSE ARRAY[m.timezone] END AS zones,
           m.state::text AS state, m.reason, m.rule, s.code AS sender, s.state AS sender_state,
           m.not_before, m.window_closes_at, m.lease_until IS NOT NULL AS leased, m.attempt,
           m.provider_id, m.created_at, m.sent_at, m.delivered_at, m.read_at
    FROM messages m
    JOIN campaigns c ON c.id = m.campaign_id
    LEFT JOIN contacts t ON t.id = m.contact_id
    LEFT JOIN senders s ON s.id = m.sender_id
    WHERE m.id = ANY(CAST(:ids AS bigint[])) ORDER BY m.id DESC
    """
)
_BY_KEY = text(
    "SELECT m.id FROM campaigns c JOIN messages m ON m.campaign_id = c.id AND m.key = :key"
)
_BY_PHONE = text(
    """
    SELECT m.id FROM messages m JOIN contacts t ON t.id = m.contact_id
    WHERE t.phone = :phone ORDER BY m.id DESC LIMIT :most
    """
)
_DECISIONS = text(
    """
    SELECT message_id, decided_at, stage, outcome, reason, rule, policy, detail FROM decisions
    WHERE message_id = ANY(CAST(:ids AS bigint[]))
    ORDER BY decided_at, array_position(
        ARRAY['intake', 'consent', 'window', 'throttle', 'delivery', 'dispatch', 'optout'], stage)
    """
)


_VALUES = text("SELECT id, variables FROM messages WHERE id = ANY(CAST(:ids AS bigint[]))")


def by_ids(connection: Connection, ids: Sequence[int]) -> list[MessageHistory]:
    """The messages with these numbers, newest first."""
    rows = connection.execute(_MESSAGES, {"ids": list(ids)}).mappings()
    return [MessageHistory(**row) for row in rows]


def by_key(connection: Connection, key: str) -> list[MessageHistory]:
    """The messages to which producers gave this id, one a campaign at most."""
    return by_ids(connection, connection.execute(_BY_KEY, {"key": key}).scalars().all())


def by_phone(connection: Connection, phone: str, *, most: int) -> list[MessageHistory]:
    """The last messages to a number (E.164), newest first."""
    found = connection.execute(_BY_PHONE, {"phone": phone, "most": most})
    return by_ids(connection, found.scalars().all())


def decisions(connection: Connection, ids: Sequence[int]) -> dict[int, list[PastDecision]]:
    """The decisions about these messages, each message's in order of time."""
    found: dict[int, list[PastDecision]] = {message_id: [] for message_id in ids}
    for row in connection.execute(_DECISIONS, {"ids": list(ids)}).mappings():
        found[row["message_id"]].append(PastDecision(**row))
    return found


def values(connection: Connection, ids: Sequence[int]) -> dict[int, Mapping[str, str]]:
    """The variables of these messages: message id → name → value. They are people's data."""
    rows = connection.execute(_VALUES, {"ids": list(ids)})
    return {row.id: row.variables or {} for row in rows}
