"""Public lists of people who want no advertising: who is on which, and since when."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

_LISTED = text(
    """
    SELECT contact_id, list, since FROM block_list_entries
    WHERE contact_id = ANY(CAST(:contacts AS bigint[])) ORDER BY contact_id, list
    """
)


def listed(
    connection: Connection, contacts: Collection[int]
) -> dict[int, list[tuple[str, datetime]]]:
    """Contact → (list, since) of every list that has them."""
    found: dict[int, list[tuple[str, datetime]]] = {}
    for row in connection.execute(_LISTED, {"contacts": list(contacts)}):
        found.setdefault(row.contact_id, []).append((row.list, row.since))
    return found


# A number's entry says when it was first known to be listed: a list that is imported again and
# again, each time with the day of its export, must neither begin the time anew after which it binds
# nor undo what people have consented to since.
_ADD = text(
    """
    INSERT INTO block_list_entries AS b (contact_id, list, since, recorded_at)
    SELECT contact_id, list, since, :now
    FROM unnest(CAST(:contacts AS bigint[]), CAST(:lists AS text[]),
                CAST(:since AS timestamptz[])) AS i (contact_id, list, since)
    ORDER BY contact_id, list
    ON CONFLICT (contact_id, list) DO UPDATE
    SET since = EXCLUDED.since, recorded_at = EXCLUDED.recorded_at
    WHERE EXCLUDED.since < b.since
    RETURNING contact_id
    """
)
# What waits for these people has passed without it: it is decided again.
_RECONSIDER = text(
    """
    UPDATE messages SET state = 'deferred', not_before = :now, lease_until = NULL,
                        reason = NULL, rule = NULL
    WHERE id IN (
        SELECT m.id FROM messages m JOIN campaigns c ON c.id = m.campaign_id
        WHERE m.contact_id = ANY(CAST(:contacts AS bigint[])) AND c.category <> 'transactional'
          AND m.state IN ('accepted', 'consented', 'ready')
        ORDER BY m.id FOR UPDATE OF m
    )
    """
)


def add(
    connection: Connection, entries: Mapping[tuple[int, str], datetime], *, now: datetime
) -> int:
    """Put people on public lists: (contact id, list) → listed since.

    What waits for them is decided again.

    Returns:
        How many entries changed; a later date than the known one changes nothing.
    """
    if not entries:
        return 0
    changed = connection.execute(
        _ADD,
        {
            "contacts": [contact for contact, _ in entries],
            "lists": [name for _, name in entries],
            "since": list(entries.values()),
            "now": now,
        },
    ).all()
    if changed:
        contacts = sorted({row.contact_id for row in changed})
        connection.execute(_RECONSIDER, {"contacts": contacts, "now": now})
    return len(changed)
