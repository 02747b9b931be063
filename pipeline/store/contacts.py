"""Contacts: a person, known by a number, with what the number tells of where they are."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.engine import Connection

from pipeline.policy.numbers import NumberFacts
from pipeline.store.tables import contacts

# Zones travel as one text a row: arrays of arrays must be rectangular in PostgreSQL.
_ADD = text(
    """
    INSERT INTO contacts (phone, region, country, state, zones, created_at)
    SELECT phone, region, country, state, string_to_array(zones, ' '), :now
    FROM unnest(
        CAST(:phones AS text[]), CAST(:regions AS text[]), CAST(:countries AS text[]),
        CAST(:states AS text[]), CAST(:zones AS text[])
    ) AS incoming (phone, region, country, state, zones)
    ORDER BY phone  -- two chunks with the same people must lock them in one order
    ON CONFLICT (phone) DO NOTHING
    RETURNING id, phone
    """
)
_FIND = text("SELECT id, phone FROM contacts WHERE phone = ANY(CAST(:phones AS text[]))")


def identify(
    connection: Connection, people: Collection[NumberFacts], *, now: datetime
) -> dict[str, int]:
    """The contact of each number, made where there was none: E.164 → contact id."""
    wanted = {person.e164: person for person in people}
    found = find(connection, wanted)
    missing = [person for number, person in wanted.items() if number not in found]
    if not missing:
        return found
    added = connection.execute(
        _ADD,
        {
            "phones": [person.e164 for person in missing],
            "regions": [person.region for person in missing],
            "countries": [person.country for person in missing],
            "states": [person.state for person in missing],
            "zones": [" ".join(person.zones) for person in missing],
            "now": now,
        },
    )
    found |= {row.phone: row.id for row in added}
    if len(found) < len(wanted):
        # Somebody else added them between our two statements.
        found |= find(connection, [number for number in wanted if number not in found])
    return found


def find(connection: Connection, numbers: Collection[str]) -> dict[str, int]:
    """The contacts that exist among these numbers: E.164 → contact id."""
    rows = connection.execute(_FIND, {"phones": list(numbers)})
    return {row.phone: row.id for row in rows}


def numbers_of(connection: Connection, ids: Sequence[int]) -> dict[int, str | None]:
    """The number of each contact; None where the person's data were erased."""
    rows = connection.execute(select(contacts.c.id, contacts.c.phone).where(contacts.c.id.in_(ids)))
    return {row.id: row.phone for row in rows}
