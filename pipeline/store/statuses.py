"""What became of messages after they were handed over: statuses move them forward only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import MessageState


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressee:
    """Whom a message of ours went to, by which sender.

    Attributes:
        country: of the person.
        state: of the message, as it was before anything new is told of it.
    """

    message_id: int
    campaign_id: int
    contact_id: int
    country: str
    state: MessageState
    business: str
    sender_id: int
    provider: str


_ADDRESSEES = text(
    """
    SELECT m.id AS message_id, m.campaign_id, m.contact_id, p.country,
           CAST(m.state AS text) AS state, c.business, m.sender_id, s.provider
    FROM messages m
    JOIN contacts p ON p.id = m.contact_id
    JOIN campaigns c ON c.id = m.campaign_id
    JOIN senders s ON s.id = m.sender_id
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.contact_id IS NOT NULL AND m.attempt > 0
    """
)


def addressees(connection: Connection, ids: Collection[int]) -> dict[int, Addressee]:
    """The messages among `ids` that were handed to somebody at least once."""
    rows = connection.execute(_ADDRESSEES, {"ids": list(ids)})
    return {
        row.message_id: Addressee(**row._asdict() | {"state": MessageState(row.state)})
        for row in rows
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a message has come, all its statuses taken together.

    Attributes:
        state: ``sent``, ``delivered`` or ``undelivered``.
        label: the decision's outcome.
        at: business instant of the first sign that the provider has it.
    """

    message_id: int
    state: MessageState
    label: str
    provider_id: str
    at: datetime
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    code: str | None = None
    explanation: str | None = None


# A status is evidence. It settles a message that was in doubt, and it ends the waiting of one that
# was to be tried again: the provider has it. An end is an end: what was delivered stays delivered.
# Locked in the order of the ids, as everybody locks them who takes several.
_ADVANCE = text(
    """
    WITH told AS (
        SELECT * FROM unnest(
            CAST(:ids AS bigint[]), CAST(:states AS message_state[]), CAST(:labels AS text[]),
            CAST(:provider_ids AS text[]), CAST(:at AS timestamptz[]),
            CAST(:delivered AS timestamptz[]), CAST(:read AS timestamptz[]),
            CAST(:codes AS text[]), CAST(:explanations AS text[])
        ) AS t (id, state, label, provider_id, at, delivered_at, read_at, code, explanation)
    ), held AS MATERIALIZED (
        SELECT m.id, m.state AS before, m.delivered_at, m.read_at
        FROM messages m JOIN told t USING (id)
        WHERE m.state IN ('sending', 'in_doubt', 'sent', 'delivered', 'undelivered')
           OR m.state IN ('accepted', 'consented', 'ready', 'deferred', 'failed', 'expired')
              AND t.state <> 'undelivered'
        ORDER BY m.id FOR UPDATE OF m
    ), moved AS (
        UPDATE messages m
        SET state = CASE WHEN h.before IN ('delivered', 'undelivered') THEN m.state
                         ELSE t.state END,
            provider_id = coalesce(m.provider_id, t.provider_id),
            sent_at = coalesce(m.sent_at, t.at),
            -- It was delivered before it was read, whichever we hear of first; NULLs do not count.
            delivered_at = least(m.delivered_at, t.delivered_at),
            read_at = coalesce(m.read_at, t.read_at),
            lease_until = NULL, not_before = NULL, reason = NULL, rule = NULL,
            in_doubt_at = NULL, tries = 0
        FROM held h JOIN told t USING (id)
        WHERE m.id = h.id
          AND (h.before NOT IN ('sent', 'delivered', 'undelivered')
               OR h.before = 'sent' AND t.state <> 'sent'
               OR h.before = 'delivered' AND t.delivered_at < h.delivered_at
               OR h.before = 'delivered' AND h.read_at IS NULL AND t.read_at IS NOT NULL)
        RETURNING m.id, h.before, t.label, t.code, t.explanation
    ), noted AS (
        INSERT INTO decisions (message_id, decided_at, stage, outcome, detail)
        SELECT id, :now, 'delivery', label,
               jsonb_strip_nulls(jsonb_build_object(
                   'source', 'status', 'code', code, 'explanation', explanation))
        FROM moved
    )
    SELECT id, CAST(before AS text) AS before FROM moved
    """
)


def advance(
    connection: Connection, progress: Sequence[Progress], *, now: datetime
) -> dict[int, MessageState]:
    """Move messages forward: those for which there was anything new → what they were before."""
    if not progress:
        return {}
    result = connection.execute(
        _ADVANCE,
        {
            "ids": [one.message_id for one in progress],
            "states": [one.state.value for one in progress],
            "labels": [one.label for one in progress],
            "provider_ids": [one.provider_id for one in progress],
            "at": [one.at for one in progress],
            "delivered": [one.delivered_at for one in progress],
            "read": [one.read_at for one in progress],
            "codes": [one.code for one in progress],
            "explanations": [one.explanation for one in progress],
            "now": now,
        },
    )
    return {row.id: MessageState(row.before) for row in result}
