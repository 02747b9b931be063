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


# A number's entry says when it was listed last: who left the list and came back has a new date.
_ADD = text(
    """
    INSERT INTO block_list_entries AS b (contact_id, list, since, recorded_at)
    SELECT contact_id, list, since, :now
    FROM unnest(CAST(:contacts AS bigint[]), CAST(:lists AS text[]),
                CAST(:since AS timestamptz[])) AS i (contact_id, list, since)
    ORDER BY contact_id, list
    ON CONFLICT (contact_id, list) DO UPDATE
    SET since = EXCLUDED.since, recorded_at = EXCLUDED.recorded_at
    WHERE EXCLUDED.since > b.since
    """
)


def add(
    connection: Connection, entries: Mapping[tuple[int, str], datetime], *, now: datetime
) -> int:
    """Put people on public lists: (contact id, list) → listed since.

    Returns:
        How many entries changed; an earlier date than the known one changes nothing.
    """
    if not entries:
        return 0
    return connection.execute(
        _ADD,
        {
            "contacts": [contact for contact, _ in entries],
            "lists": [name for _, name in entries],
            "since": list(entries.values()),
            "now": now,
        },
    ).rowcount
