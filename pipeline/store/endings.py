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
_SWEEP = text(
    """
    WITH moved AS (
        UPDATE messages SET state = CAST(:state AS message_state), reason = :state, rule = NULL,
                            lease_until = NULL, not_before = NULL
        WHERE id IN (
            SELECT id FROM messages
            WHERE campaign_id = :campaign AND state IN ('accepted','consented','deferred','ready')
            LIMIT :most FOR UPDATE
        )
        RETURNING id
    )
    INSERT INTO decisions (message_id, decided_at, stage, outcome, reason)
    SELECT id, :now, 'dispatch', 'block', :state FROM moved
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


def sweep_ended(connection: Connection, *, now: datetime, most: int) -> int:
    """End the waiting messages of campaigns that were cancelled or have expired."""
    connection.execute(_EXPIRE, {"now": now})
    swept = 0
    for campaign in connection.execute(_ENDED).all():
        values = {"campaign": campaign.id, "state": campaign.state, "now": now, "most": most}
        moved = connection.execute(_SWEEP, values).rowcount
        if moved == 0:
            connection.execute(_SWEPT, {"campaign": campaign.id})
        swept += moved
    return swept
