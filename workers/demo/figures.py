"""What the demo reads from the database, while it runs and at its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import HANDED_STATES, MessageState
from workers.demo.plan import PLANS

COUNTRY_OF = {plan.campaign: plan.country for plan in PLANS}

_STATES = text(
    """
    SELECT c.code, m.state, count(*) AS messages
    FROM messages m JOIN campaigns c ON c.id = m.campaign_id GROUP BY c.code, m.state
    """
)
_REASONS = text(
    """
    SELECT c.code, m.reason, count(*) AS messages
    FROM messages m JOIN campaigns c ON c.id = m.campaign_id
    WHERE m.state = 'blocked' GROUP BY c.code, m.reason ORDER BY messages DESC, m.reason
    """
)
_DEFERRED_THEN_SENT = text(
    """
    SELECT c.code, count(*) AS messages
    FROM messages m JOIN campaigns c ON c.id = m.campaign_id
    WHERE m.state = ANY(CAST(CAST(:sent AS text[]) AS message_state[]))
      AND EXISTS (SELECT FROM decisions d WHERE d.message_id = m.id AND d.outcome = 'defer')
    GROUP BY c.code
    """
)
_SENT = text(
    """
    SELECT m.id, m.contact_id, m.sent_at, m.timezone, t.country, t.state, t.zones
    FROM messages m JOIN contacts t ON t.id = m.contact_id
    WHERE m.state = ANY(CAST(CAST(:sent AS text[]) AS message_state[]))
    """
)
_IN_FORCE = text(
    """
    SELECT i.provider_id, i.contact_id, i.received_at, s.recorded_at AS in_force_at
    FROM inbound_messages i
    JOIN suppressions s ON s.contact_id = i.contact_id AND s.lifted_at IS NULL
    WHERE i.intent = 'opt_out'
    """
)
_CANDIDATES = text(
    """
    SELECT c.code, m.id, t.phone
    FROM messages m
    JOIN campaigns c ON c.id = m.campaign_id
    JOIN contacts t ON t.id = m.contact_id
    WHERE m.state = CAST(:state AS message_state) AND NOT EXISTS (
        SELECT FROM suppressions s WHERE s.contact_id = m.contact_id)
    ORDER BY m.id
    """
)

_HANDED = {"sent": sorted(HANDED_STATES)}


@dataclass(frozen=True, kw_only=True, slots=True)
class SentMessage:
    """A message that the database says was sent; `zones` as the window stage took them."""

    id: int
    contact_id: int
    sent_at: datetime
    country: str
    state: str | None
    zones: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """An opt-out in force: business instants of its receipt and of its handling."""

    reply: str
    contact_id: int
    received_at: datetime
    in_force_at: datetime


def count_states(connection: Connection) -> dict[str, dict[MessageState, int]]:
    """Country → state → messages."""
    found: dict[str, dict[MessageState, int]] = {plan.country: {} for plan in PLANS}
    for row in connection.execute(_STATES):
        found[COUNTRY_OF[row.code]][MessageState(row.state)] = row.messages
    return found


def count_reasons(connection: Connection) -> dict[str, dict[str, int]]:
    """Country → reason → blocked messages, the most frequent first."""
    found: dict[str, dict[str, int]] = {plan.country: {} for plan in PLANS}
    for row in connection.execute(_REASONS):
        found[COUNTRY_OF[row.code]][row.reason] = row.messages
    return found


def count_deferred_then_sent(connection: Connection) -> Mapping[str, int]:
    """Country → messages that had to wait and then went out."""
    rows = connection.execute(_DEFERRED_THEN_SENT, _HANDED)
    return {COUNTRY_OF[row.code]: row.messages for row in rows}


def sent_messages(connection: Connection) -> dict[int, SentMessage]:
    """Every message that was sent, by its id."""
    return {
        row.id: SentMessage(
            id=row.id,
            contact_id=row.contact_id,
            sent_at=row.sent_at,
            country=row.country,
            state=row.state,
            zones=(row.timezone,) if row.timezone else tuple(row.zones),
        )
        for row in connection.execute(_SENT, _HANDED)
    }


def opt_outs_in_force(connection: Connection) -> dict[str, OptOut]:
    """The opt-outs by reply that are in force, by the reply's id."""
    return {
        row.provider_id: OptOut(
            reply=row.provider_id,
            contact_id=row.contact_id,
            received_at=row.received_at,
            in_force_at=row.in_force_at,
        )
        for row in connection.execute(_IN_FORCE)
    }


def numbers_in(connection: Connection, state: MessageState) -> dict[str, list[str]]:
    """Country → the numbers, not suppressed, whose message is in a state, the oldest first."""
    found: dict[str, list[str]] = {plan.country: [] for plan in PLANS}
    for row in connection.execute(_CANDIDATES, {"state": state.value}):
        found[COUNTRY_OF[row.code]].append(row.phone)
    return found
