"""What the demo reads from the database, while it runs and at its end."""

from collections.abc import Collection, Mapping
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
    SELECT m.id, m.sent_at, m.timezone, t.country, t.state, t.zones
    FROM messages m JOIN contacts t ON t.id = m.contact_id
    WHERE m.state = ANY(CAST(CAST(:sent AS text[]) AS message_state[]))
    """
)
_OPT_OUTS = text(
    """
    SELECT t.phone, o.cancelled, o.confirmation
    FROM opt_outs o JOIN contacts t ON t.id = o.contact_id
    WHERE NOT o.repeated AND EXISTS (
        SELECT FROM suppressions s WHERE s.contact_id = o.contact_id AND s.lifted_at IS NULL)
    """
)
_LANE = text(
    """
    SELECT NOT EXISTS (SELECT FROM inbound_messages WHERE handled_at IS NULL)
       AND NOT EXISTS (SELECT FROM notices WHERE state IN ('pending', 'sending'))
       AND NOT EXISTS (SELECT FROM opt_outs WHERE confirmation = 'due')
    """
)
_ANSWERS = text(
    """
    SELECT
      (SELECT count(*) FROM notices WHERE kind = 'help' AND state = 'sent') AS helped,
      (SELECT count(*) FROM inbound_messages
       WHERE intent = 'review' AND decision IS NULL) AS held_for_review
    """
)
_CANDIDATES = text(
    """
    SELECT c.code, m.id, t.phone
    FROM messages m
    JOIN campaigns c ON c.id = m.campaign_id
    JOIN contacts t ON t.id = m.contact_id
    WHERE m.state = ANY(CAST(CAST(:states AS text[]) AS message_state[])) AND NOT EXISTS (
        SELECT FROM suppressions s WHERE s.contact_id = m.contact_id)
    ORDER BY m.id
    """
)

_HANDED = {"sent": sorted(HANDED_STATES)}


@dataclass(frozen=True, kw_only=True, slots=True)
class SentMessage:
    """A message that the database says was sent; `zones` as the window stage took them."""

    id: int
    sent_at: datetime
    country: str
    state: str | None
    zones: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """An opt-out in force.

    Attributes:
        phone: E.164.
        cancelled: messages that were waiting for the person.
        confirmation: what became of it, e.g. ``sent`` or ``by_provider``.
    """

    phone: str
    cancelled: int
    confirmation: str


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
            sent_at=row.sent_at,
            country=row.country,
            state=row.state,
            zones=(row.timezone,) if row.timezone else tuple(row.zones),
        )
        for row in connection.execute(_SENT, _HANDED)
    }


def opt_outs(connection: Connection) -> dict[str, OptOut]:
    """The opt-outs of the demo that are in force, by the person's number."""
    return {row.phone: OptOut(**row._asdict()) for row in connection.execute(_OPT_OUTS)}


def lane_is_idle(connection: Connection) -> bool:
    """Whether everything that people wrote has been dealt with, and every answer has gone."""
    idle: bool = connection.execute(_LANE).scalar_one()
    return idle


def other_answers(connection: Connection) -> tuple[int, int]:
    """How many people were helped, and how many replies wait for a person's judgement."""
    row = connection.execute(_ANSWERS).one()
    return row.helped, row.held_for_review


def numbers_in(connection: Connection, states: Collection[MessageState]) -> dict[str, list[str]]:
    """Country → the numbers, not suppressed, whose message is in a state, the oldest first."""
    found: dict[str, list[str]] = {plan.country: [] for plan in PLANS}
    for row in connection.execute(_CANDIDATES, {"states": sorted(states)}):
        found[COUNTRY_OF[row.code]].append(row.phone)
    return found
