"""The end of a campaign: it expires or was cancelled, and its waiting messages end with it."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

_EXPIRE = text(
    """
    UPDATE campaigns SET state = 'expired', state_changed_at = :now
    WHERE state IN ('active', 'paused') AND expires_at <= :now
    """
)
_ENDED = text(
    "SELECT id, state FROM campaigns WHERE state IN ('expired', 'cancelled') AND NOT swept"
)
# In the order of the keys, from where the last batch ended: a campaign of ten millions would
# otherwise be read from its beginning five hundred times.
_SWEEP = text(
    """
    WITH looked AS MATERIALIZED (
        SELECT id, key, state FROM messages
        WHERE campaign_id = :campaign AND key > :after ORDER BY key LIMIT :most
    ), moved AS (
        UPDATE messages SET state = CAST(:state AS message_state), reason = :state, rule = NULL,
                            lease_until = NULL, not_before = NULL
        WHERE id IN (
            SELECT m.id FROM messages m JOIN looked ON looked.id = m.id
            WHERE looked.state IN ('accepted', 'consented', 'deferred', 'ready')
              AND m.state IN ('accepted', 'consented', 'deferred', 'ready')
            ORDER BY m.id FOR UPDATE OF m
        )
        RETURNING id
    ), noted AS (
        INSERT INTO decisions (message_id, decided_at, stage, outcome, reason)
        SELECT id, :now, 'dispatch', 'block', :state FROM moved
    )
    SELECT (SELECT count(*) FROM moved) AS moved, (SELECT count(*) FROM looked) AS looked,
           (SELECT max(key) FROM looked) AS last
    """
)
# What is being sent may come back unsent: it has to be ended then.
_SWEPT = text(
    """
    UPDATE campaigns SET swept = true
    WHERE id = :campaign AND NOT EXISTS (
        SELECT FROM messages
        WHERE campaign_id = :campaign
          AND state IN ('accepted', 'consented', 'deferred', 'ready', 'sending'))
    """
)


def sweep_ended(
    connection: Connection, *, now: datetime, most: int, reached: dict[int, str] | None = None
) -> int:
    """End the waiting messages of campaigns that were cancelled or have expired.

    Args:
        most: messages of one campaign that are looked at.
        reached: campaign → the last key that was looked at; the next call goes on there. Without
            it every call begins at the first.
    """
    reached = {} if reached is None else reached
    connection.execute(_EXPIRE, {"now": now})
    swept = 0
    for campaign in connection.execute(_ENDED).all():
        values = {"campaign": campaign.id, "state": campaign.state, "now": now, "most": most}
        after = reached.pop(campaign.id, "")
        batch = connection.execute(_SWEEP, values | {"after": after}).one()
        swept += batch.moved
        if batch.looked == most:
            reached[campaign.id] = batch.last
        elif batch.moved == 0:
            # What came back behind us is found by this, and ended on the next way through.
            connection.execute(_SWEPT, {"campaign": campaign.id})
    return swept
