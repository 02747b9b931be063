"""Messages that were set aside because whoever took them up ended: they wait for an operator.

Such a message has failed and still has its tries; one that was dropped has none.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

# The reason as well: a worker of an older version leaves the tries of what was refused.
_COUNT = text(
    "SELECT count(*) FROM messages WHERE state = 'failed' AND tries > 0 AND reason = 'set_aside'"
)
_LISTED = text(
    """
    SELECT m.id, c.code AS campaign, m.tries, d.decided_at AS since, d.detail ->> 'before' AS before
    FROM messages m
    JOIN campaigns c ON c.id = m.campaign_id
    LEFT JOIN LATERAL (
        SELECT decided_at, detail FROM decisions
        WHERE message_id = m.id AND reason = 'set_aside' AND stage = 'dispatch'
        ORDER BY decided_at DESC LIMIT 1) d ON true
    WHERE m.state = 'failed' AND m.tries > 0 AND m.reason = 'set_aside' AND m.id > :after
    ORDER BY m.id LIMIT :most
    """
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AsideMessage:
    """A message that was set aside.

    Attributes:
        campaign: its public id.
        tries: how often it was taken up in vain.
        since: business instant.
        before: the state in which it was dropped; None: no decision tells.
    """

    id: int
    campaign: str
    tries: int
    since: datetime | None
    before: str | None


def count(connection: Connection) -> int:
    """How many wait for an operator."""
    return int(connection.execute(_COUNT).scalar_one())


def listed(connection: Connection, *, after: int = 0, most: int) -> list[AsideMessage]:
    """Those with an id above `after`, in the order of their ids."""
    rows = connection.execute(_LISTED, {"after": after, "most": most}).mappings()
    return [AsideMessage(**row) for row in rows]


# It was dropped before it was claimed, so no provider can have it.
_RETRY = text(
    """
    WITH held AS (
        SELECT id FROM messages
        WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'failed' AND tries > 0
          AND reason = 'set_aside'
        ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE messages m
        SET state = 'accepted', reason = NULL, rule = NULL, tries = 0, lease_until = :lease
        FROM held WHERE m.id = held.id
        RETURNING m.id, m.campaign_id
    ), reopened AS (
        UPDATE campaigns SET swept = false
        WHERE swept AND id IN (SELECT campaign_id FROM moved)
    ), noted AS (
        INSERT INTO decisions (message_id, decided_at, stage, outcome, detail)
        SELECT id, :now, 'dispatch', 'retry',
               jsonb_build_object('source', 'operator', 'actor', CAST(:actor AS text)) FROM moved
    )
    SELECT id FROM moved
    """
)
_DROP = text(
    """
    WITH held AS (
        SELECT id FROM messages
        WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'failed' AND tries > 0
          AND reason = 'set_aside'
        ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE messages m SET tries = 0 FROM held WHERE m.id = held.id RETURNING m.id
    ), noted AS (
        INSERT INTO decisions (message_id, decided_at, stage, outcome, detail)
        SELECT id, :now, 'dispatch', 'failed',
               jsonb_build_object('source', 'operator', 'actor', CAST(:actor AS text),
                                  'explanation', 'it was dropped and is no longer listed')
        FROM moved
    )
    SELECT id FROM moved
    """
)


def retry(
    connection: Connection, ids: Collection[int], *, actor: str, now: datetime, lease: datetime
) -> list[int]:
    """Have messages decided anew; those that were set aside.

    Args:
        lease: machine instant after which the dispatcher takes them up.
    """
    values = {"ids": list(ids), "actor": actor, "now": now, "lease": lease}
    return sorted(connection.execute(_RETRY, values).scalars())


def drop(connection: Connection, ids: Collection[int], *, actor: str, now: datetime) -> list[int]:
    """Leave messages failed for good, and list them no more; those that were set aside."""
    values = {"ids": list(ids), "actor": actor, "now": now}
    return sorted(connection.execute(_DROP, values).scalars())
