"""What waits for people who have written: ended by a wish to leave, put off by a review."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store import opt_outs

# What waits for the person and the suppression list forbids: the claim's own condition, so that
# a START which came in between is respected. `:ids` are replies.
_FORBIDDEN = """
    FROM inbound_messages i
    JOIN messages m ON m.contact_id = i.contact_id
    JOIN campaigns c ON c.id = m.campaign_id
    WHERE m.state IN ('accepted', 'consented', 'deferred', 'ready')
      AND ('*' = ANY(i.businesses) OR c.business = ANY(i.businesses))
      AND EXISTS (
          SELECT FROM suppressions x
          WHERE x.contact_id = m.contact_id AND x.business IN (c.business, '*')
            AND x.lifted_at IS NULL AND (c.category <> 'transactional' OR x.everything))
"""

# Rows that a stage is working on are left to it and to the next sweep: waiting for a chunk of a
# thousand would hold up everybody's replies.
_STOP = text(
    f"""
    WITH waiting AS (
        SELECT m.id, i.id AS inbound_id {_FORBIDDEN} AND i.id = ANY(CAST(:ids AS bigint[]))
        FOR UPDATE OF m SKIP LOCKED
    ), moved AS (
        UPDATE messages m
        SET state = 'blocked', reason = 'suppressed', rule = o.rule, lease_until = NULL,
            not_before = NULL
        FROM waiting w LEFT JOIN opt_outs o USING (inbound_id)
        WHERE m.id = w.id
        RETURNING m.id, w.inbound_id, o.rule, o.policy
    ), noted AS (
        INSERT INTO decisions (message_id, decided_at, stage, outcome, reason, rule, policy)
        SELECT id, :now, 'optout', 'block', 'suppressed', rule, policy FROM moved
    )
    SELECT inbound_id, count(*) AS messages FROM moved GROUP BY inbound_id
    """  # noqa: S608 - a fragment of ours
)
_NOTE = text(
    f"""
    UPDATE opt_outs o
    SET in_force_at = coalesce(o.in_force_at, :now), cancelled = o.cancelled + s.stopped,
        cancelled_at = CASE WHEN NOT EXISTS (SELECT {_FORBIDDEN} AND i.id = o.inbound_id)
                            THEN CAST(:now AS timestamptz) END
    FROM unnest(CAST(:ids AS bigint[]), CAST(:stopped AS int[])) AS s (id, stopped)
    WHERE o.inbound_id = s.id AND o.cancelled_at IS NULL
    RETURNING o.inbound_id, o.cancelled_at IS NULL AS left_some
    """  # noqa: S608 - a fragment of ours
)


def stop_waiting(connection: Connection, ids: Sequence[int], *, now: datetime) -> set[int]:
    """End what waits for the people who sent these opt-outs, and note it beside their clocks.

    Returns:
        The replies for whose people something still waits, because a stage has it in hand.
    """
    if not ids:
        return set()
    stopped = {
        row.inbound_id: row.messages
        for row in connection.execute(_STOP, {"ids": list(ids), "now": now})
    }
    amounts = [stopped.get(id_, 0) for id_ in ids]
    opt_outs.lock(connection, ids)
    # A statement of its own: it has to see what the one before has changed.
    rows = connection.execute(_NOTE, {"ids": list(ids), "stopped": amounts, "now": now})
    return {row.inbound_id for row in rows if row.left_some}


_HOLD = text(
    """
    WITH waiting AS (
        SELECT m.id
        FROM review_holds h
        JOIN messages m ON m.contact_id = h.contact_id
        JOIN campaigns c ON c.id = m.campaign_id
        WHERE h.inbound_id = ANY(CAST(:ids AS bigint[])) AND h.business IN (c.business, '*')
          AND c.category <> 'transactional'
          AND (m.state IN ('accepted', 'consented', 'ready')
               OR m.state = 'deferred' AND m.reason IS DISTINCT FROM 'suppressed')
        FOR UPDATE OF m SKIP LOCKED
    ), moved AS (
        UPDATE messages m
        SET state = 'deferred', reason = 'suppressed', rule = NULL, lease_until = NULL,
            not_before = :look_again
        FROM waiting w WHERE m.id = w.id
        RETURNING m.id
    )
    INSERT INTO decisions (message_id, decided_at, stage, outcome, reason)
    SELECT id, :now, 'optout', 'defer', 'suppressed' FROM moved
    """
)


def hold_waiting(
    connection: Connection, ids: Sequence[int], *, now: datetime, look_again: datetime
) -> int:
    """Put off what waits for people whose replies are held, until a person has decided.

    Args:
        look_again: business instant at which each message is decided again by itself.
    """
    if not ids:
        return 0
    values = {"ids": list(ids), "now": now, "look_again": look_again}
    return connection.execute(_HOLD, values).rowcount
