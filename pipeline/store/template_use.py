"""When templates were last used: our own sends count, so that none in use counts as disabled."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.engine import Connection

EVERY = timedelta(hours=1)
"""How old, in business time, a template's date may be while it is in use: the rules that look at
it count in days, and most batches then write nothing."""

# A template that another recorder is just dating is left to it: nobody waits, in no order.
_NOTE = text(
    """
    WITH due AS (
        SELECT t.id
        FROM campaigns c JOIN templates t ON t.business = c.business AND t.code = c.template_code
        WHERE c.id = ANY(CAST(:campaigns AS bigint[]))
          AND (t.last_used_at IS NULL OR t.last_used_at <= :due)
        FOR NO KEY UPDATE OF t SKIP LOCKED
    )
    UPDATE templates t SET last_used_at = :now FROM due WHERE t.id = due.id
    """
)


def note(connection: Connection, campaigns: Collection[int], *, now: datetime) -> None:
    """Date the templates of these campaigns, of which a message has just gone.

    Args:
        campaigns: their ids in the database.
        now: business instant.
    """
    if campaigns:
        connection.execute(_NOTE, {"campaigns": sorted(campaigns), "due": now - EVERY, "now": now})
