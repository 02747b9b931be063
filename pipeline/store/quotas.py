"""How much of its quota a sender has used, counted in minutes and kept exact under races."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

_LOCK = text(
    "SELECT id FROM senders WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE"
)
_USED = text(
    """
    SELECT sender_id, bucket, used FROM quota_use
    WHERE sender_id = ANY(CAST(:ids AS bigint[])) AND bucket > :since
    ORDER BY sender_id, bucket
    """
)
_ADD = text(
    """
    INSERT INTO quota_use AS q (sender_id, bucket, used)
    SELECT sender_id, bucket, used
    FROM unnest(CAST(:ids AS bigint[]), CAST(:buckets AS timestamptz[]), CAST(:used AS int[]))
        AS u (sender_id, bucket, used)
    ORDER BY sender_id, bucket
    ON CONFLICT (sender_id, bucket) DO UPDATE SET used = q.used + EXCLUDED.used
    """
)


def lock(connection: Connection, sender_ids: Collection[int]) -> None:
    """Make other claims of these senders wait until this transaction ends."""
    connection.execute(_LOCK, {"ids": sorted(sender_ids)})


def used(
    connection: Connection, sender_ids: Collection[int], *, since: datetime
) -> dict[int, list[tuple[datetime, int]]]:
    """The buckets that end after `since`: sender id → [(bucket, messages)], oldest first."""
    found: dict[int, list[tuple[datetime, int]]] = {sender_id: [] for sender_id in sender_ids}
    for row in connection.execute(_USED, {"ids": list(sender_ids), "since": since}):
        found[row.sender_id].append((row.bucket, row.used))
    return found


def add(connection: Connection, amounts: Mapping[tuple[int, datetime], int]) -> None:
    """Count messages (negative: give them back) by (sender id, bucket)."""
    if amounts:
        connection.execute(
            _ADD,
            {
                "ids": [sender_id for sender_id, _ in amounts],
                "buckets": [bucket for _, bucket in amounts],
                "used": list(amounts.values()),
            },
        )
