"""How often each person was written to: the sends that still count towards a cap."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

_SENT = text(
    """
    SELECT contact_id, business, counted, sent FROM frequency_use
    WHERE contact_id = ANY(CAST(:contacts AS bigint[]))
      AND business = ANY(CAST(:businesses AS text[]))
    """
)

Key = tuple[int, str, str]
"""(contact id, business, the categories counted together)."""


def sent(
    connection: Connection, contacts: Collection[int], businesses: Collection[str]
) -> dict[Key, list[datetime]]:
    """The sends of the last month to these people by these businesses."""
    rows = connection.execute(_SENT, {"contacts": list(contacts), "businesses": list(businesses)})
    return {(row.contact_id, row.business, row.counted): row.sent for row in rows}


_WRITTEN_TO = text(
    """
    SELECT DISTINCT m.contact_id FROM messages m JOIN campaigns c ON c.id = m.campaign_id
    WHERE m.contact_id = ANY(CAST(:contacts AS bigint[])) AND m.sent_at IS NOT NULL
      AND c.business = :business AND c.category = 'marketing'
    """
)


def written_to(connection: Connection, contacts: Sequence[int], business: str) -> set[int]:
    """Those of the people to whom marketing of the business has gone before."""
    rows = connection.execute(_WRITTEN_TO, {"contacts": list(contacts), "business": business})
    return set(rows.scalars())
