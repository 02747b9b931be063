"""What the ledger knows of people who left by writing to us, for when they come back."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.engine import Connection

_BUSINESSES = text(
    """
    SELECT DISTINCT contact_id, business FROM consents
    WHERE contact_id = ANY(CAST(:contacts AS bigint[]))
    """
)


def businesses_of(connection: Connection, contacts: Collection[int]) -> dict[int, set[str]]:
    """To whom each of these people has ever given, or refused, a consent."""
    found: dict[int, set[str]] = {}
    for row in connection.execute(_BUSINESSES, {"contacts": sorted(contacts)}):
        found.setdefault(row.contact_id, set()).add(row.business)
    return found


# A reply that said "wrong number" is left out: the consent was not this person's to begin with.
_BY_REPLY = text(
    """
    SELECT e.id FROM consent_events e
    JOIN inbound_messages i ON i.contact_id = e.contact_id
        AND e.evidence ->> 'source' = 'reply:' || i.source || ':' || i.provider_id
    WHERE e.id = ANY(CAST(:ids AS bigint[])) AND e.kind = 'revoked'
      AND i.scope IS DISTINCT FROM 'number'
    """
)


def revoked_by_reply(connection: Connection, event_ids: Collection[int]) -> set[int]:
    """Those of these ledger events by which the person themselves has left, writing to us."""
    if not event_ids:
        return set()
    return set(connection.execute(_BY_REPLY, {"ids": sorted(event_ids)}).scalars())
