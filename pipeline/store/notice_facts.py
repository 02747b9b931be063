"""What writing a notice needs to know: whom the person thinks they wrote to, and what they got."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store.notices import NoticeKind


class Appearance(NamedTuple):
    """How a business appears to a person; None: it has no campaign, or states no contact."""

    brand: str | None
    support: str | None


# As the last campaign that wrote to the person has it, else the business's newest.
_APPEARANCES = text(
    """
    SELECT w.contact_id, w.business,
           coalesce(last.brand, (
               SELECT c.brand FROM campaigns c WHERE c.business = w.business
               ORDER BY c.id DESC LIMIT 1)) AS brand,
           coalesce(last.support, (
               SELECT c.disclosures ->> 'support' FROM campaigns c
               WHERE c.business = w.business AND c.disclosures ->> 'support' <> ''
               ORDER BY c.id DESC LIMIT 1)) AS support
    FROM unnest(CAST(:contacts AS bigint[]), CAST(:businesses AS text[]))
        AS w (contact_id, business)
    LEFT JOIN LATERAL (
        SELECT c.brand, nullif(c.disclosures ->> 'support', '') AS support
        FROM messages m JOIN campaigns c ON c.id = m.campaign_id
        WHERE m.contact_id = w.contact_id AND c.business = w.business
        ORDER BY m.id DESC LIMIT 1
    ) last ON true
    """
)


def appearances(
    connection: Connection, pairs: Collection[tuple[int, str]]
) -> dict[tuple[int, str], Appearance]:
    """How each business appears to each person: (contact id, business) → appearance."""
    wanted = sorted(set(pairs))
    rows = connection.execute(
        _APPEARANCES,
        {"contacts": [pair[0] for pair in wanted], "businesses": [pair[1] for pair in wanted]},
    )
    return {(row.contact_id, row.business): Appearance(row.brand, row.support) for row in rows}


_EARLIER = text(
    """
    SELECT contact_id, sender_id, created_at FROM notices
    WHERE contact_id = ANY(CAST(:contacts AS bigint[])) AND kind = :kind AND created_at > :since
    """
)


def earlier(
    connection: Connection, contacts: Collection[int], kind: NoticeKind, *, since: datetime
) -> dict[tuple[int, int], list[datetime]]:
    """When these people got notices of this kind: (contact id, sender id) → instants."""
    values = {"contacts": sorted(contacts), "kind": kind.value, "since": since}
    found: dict[tuple[int, int], list[datetime]] = {}
    for row in connection.execute(_EARLIER, values):
        found.setdefault((row.contact_id, row.sender_id), []).append(row.created_at)
    return found


_IMPOSSIBLE = text(
    """
    UPDATE opt_outs SET confirmation = 'impossible'
    WHERE inbound_id = ANY(CAST(:ids AS bigint[])) AND confirmation = 'due'
    """
)


def note_impossible(connection: Connection, inbound_ids: Collection[int]) -> None:
    """Write down that nothing can confirm these opt-outs: no sender, no number, no text."""
    if inbound_ids:
        connection.execute(_IMPOSSIBLE, {"ids": sorted(inbound_ids)})
