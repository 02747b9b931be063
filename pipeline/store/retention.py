"""Removing what has had its time, a bounded number of rows a statement.

Every removal may be repeated, interrupted and run twice at once. None takes a lock that a campaign
waits for: the rows are old, and who works with one of them is left alone (SKIP LOCKED).
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

# What waits, is under way or in doubt stays, whatever its age: it is not over.
_OVER = "('sent', 'delivered', 'undelivered', 'blocked', 'expired', 'cancelled', 'failed')"

_OLD_CAMPAIGNS = text(
    """
    SELECT c.id FROM campaigns c
    WHERE c.state IN ('expired', 'cancelled') AND c.swept
      AND coalesce(c.state_changed_at, c.expires_at, c.created_at) < :before
      AND EXISTS (SELECT FROM messages m WHERE m.campaign_id = c.id)
    ORDER BY c.id
    """
)
# By key, so that no batch walks again over the dead entries of those before.
_MESSAGES = text(
    f"""
    WITH old AS MATERIALIZED (
        SELECT id, key, state FROM messages
        WHERE campaign_id = :campaign AND key > :after ORDER BY key LIMIT :most
        FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM messages m USING old WHERE m.id = old.id AND old.state IN {_OVER}
        RETURNING m.state, m.reason
    ), counted AS (
        INSERT INTO campaign_totals AS t (campaign_id, state, reason, messages)
        SELECT :campaign, state::text, coalesce(reason, ''), count(*) FROM gone GROUP BY 2, 3
        ON CONFLICT (campaign_id, state, reason)
            DO UPDATE SET messages = t.messages + EXCLUDED.messages
    )
    SELECT (SELECT count(*) FROM gone) AS removed, (SELECT max(key) FROM old) AS last
    """  # noqa: S608 - a constant
)
_COUNT_MESSAGES = text(
    f"SELECT count(*) FROM messages WHERE campaign_id = :campaign AND state IN {_OVER}"  # noqa: S608
)

_ROWS = {
    "decisions": ("decisions_rest", "decided_at < :before"),
    "receipt_ids": ("receipt_ids", "sent_at < :before"),
    "sender_hours": ("sender_hours", "hour < :before"),
    "quota_use": ("quota_use", "bucket < :before"),
    "notices": (
        "notices",
        "kind = 'help' AND state IN ('sent', 'failed') AND created_at < :before",
    ),
    # What somebody wrote that was no wish: no opt-out came of it, nobody had to decide about it.
    "replies": (
        "inbound_messages",
        """
        received_at < :before AND intent IN ('none', 'help') AND handled_at IS NOT NULL
            AND decision IS NULL
            AND NOT EXISTS (SELECT FROM opt_outs o WHERE o.inbound_id = inbound_messages.id)
            AND NOT EXISTS (SELECT FROM notices n WHERE n.inbound_id = inbound_messages.id)
            AND NOT EXISTS (SELECT FROM review_holds h WHERE h.inbound_id = inbound_messages.id)
        """,
    ),
}
"""What is removed row by row: its public name → table, condition."""

ROW_KINDS = tuple(_ROWS)

_REMOVE = {
    name: text(
        f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("  # noqa: S608 - constants
        f"SELECT ctid FROM {table} WHERE {condition} LIMIT :most FOR UPDATE SKIP LOCKED))"
    )
    for name, (table, condition) in _ROWS.items()
}
_COUNT = {
    name: text(f"SELECT count(*) FROM {table} WHERE {condition}")  # noqa: S608 - constants
    for name, (table, condition) in _ROWS.items()
}


_UNUSED = "NOT EXISTS (SELECT FROM unnest(f.sent) AS s (at) WHERE s.at >= :before)"

# Old rows stand between current ones: each batch goes on where the one before it ended.
_REMOVE_USE = text(
    f"""
    WITH span AS (
        SELECT max(contact_id) AS last FROM (
            SELECT contact_id FROM frequency_use WHERE contact_id > :after
            ORDER BY contact_id LIMIT :most) looked
    ), old AS MATERIALIZED (
        SELECT f.ctid FROM frequency_use f JOIN span ON f.contact_id <= span.last
        WHERE f.contact_id > :after AND {_UNUSED} FOR UPDATE OF f SKIP LOCKED
    ), gone AS (
        DELETE FROM frequency_use WHERE ctid = ANY(ARRAY(SELECT ctid FROM old)) RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) AS removed, (SELECT last FROM span) AS last
    """  # noqa: S608 - a constant
)
_COUNT_USE = text(f"SELECT count(*) FROM frequency_use f WHERE {_UNUSED}")  # noqa: S608


def old_campaigns(connection: Connection, *, before: datetime) -> list[int]:
    """The campaigns that ended before that instant, whose waiting messages all ended with them.

    Those that never end are never here: to forget a message's key would be to let it be sent again.
    """
    return list(connection.execute(_OLD_CAMPAIGNS, {"before": before}).scalars())


def remove_messages(
    connection: Connection, campaign_id: int, *, after: str, most: int
) -> tuple[int, str | None]:
    """Remove the campaign's messages that are over, `most` at a time in the order of their keys.

    How many they were, by state and reason, is added to the campaign's totals.

    Args:
        after: the last key that was looked at; empty: none was.

    Returns:
        How many were removed, and the last key that was looked at; None: there are no more.
    """
    values = {"campaign": campaign_id, "after": after, "most": most}
    row = connection.execute(_MESSAGES, values).one()
    return row.removed, row.last


def count_messages(connection: Connection, campaign_id: int) -> int:
    """How many messages `remove_messages` would remove from the campaign in all."""
    return int(connection.scalar(_COUNT_MESSAGES, {"campaign": campaign_id}) or 0)


def remove_rows(connection: Connection, kind: str, *, before: datetime, most: int) -> int:
    """Remove up to `most` rows of one of `ROW_KINDS` that are older; say how many."""
    return connection.execute(_REMOVE[kind], {"before": before, "most": most}).rowcount


def count_rows(connection: Connection, kind: str, *, before: datetime) -> int:
    """How many rows `remove_rows` would remove in all."""
    return int(connection.scalar(_COUNT[kind], {"before": before}) or 0)


def remove_use(
    connection: Connection, *, before: datetime, after: int, most: int
) -> tuple[int, int | None]:
    """Remove what caps have counted of people to whom nothing was sent since `before`.

    Args:
        after: the last person who was looked at; 0: nobody was.

    Returns:
        How many rows were removed, and the last person looked at; None: there are no more.
    """
    row = connection.execute(_REMOVE_USE, {"before": before, "after": after, "most": most}).one()
    return row.removed, row.last


def count_use(connection: Connection, *, before: datetime) -> int:
    """How many rows `remove_use` would remove in all."""
    return int(connection.scalar(_COUNT_USE, {"before": before}) or 0)
