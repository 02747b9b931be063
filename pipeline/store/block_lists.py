"""Public lists of people who want no advertising: who is on which, and since when."""

from collections.abc import Collection
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
