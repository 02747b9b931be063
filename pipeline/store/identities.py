"""People whom a provider knows by an id of its own, beside or instead of a number."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

_FIND = text(
    """
    SELECT account, user_id, contact_id FROM contact_identities
    WHERE (account, user_id) IN (
        SELECT * FROM unnest(CAST(:accounts AS text[]), CAST(:user_ids AS text[])))
    """
)
_LINK = text(
    """
    INSERT INTO contact_identities AS i (account, user_id, contact_id, created_at)
    SELECT account, user_id, contact_id, :now
    FROM unnest(CAST(:accounts AS text[]), CAST(:user_ids AS text[]), CAST(:contacts AS bigint[]))
        AS n (account, user_id, contact_id)
    ORDER BY account, user_id
    ON CONFLICT (account, user_id) DO UPDATE SET contact_id = EXCLUDED.contact_id
    WHERE i.contact_id <> EXCLUDED.contact_id
    """
)
_MAKE = text(
    """
    INSERT INTO contacts (region, country, zones, created_at)
    VALUES (:country, :country, '{}', :now) RETURNING id
    """
)

SEPARATOR = "\x1f"

Identity = tuple[str, str]
"""The account within which an id is valid, and the id."""


# One after the other in one order: a sorted subquery is not folded into its query.
_LOCK = text(
    """
    SELECT count(pg_advisory_xact_lock(hashtextextended(identity, 0))) FROM (
        SELECT * FROM unnest(CAST(:identities AS text[])) AS i (identity) ORDER BY identity
    ) sorted
    """
)


def lock(connection: Connection, identities: Collection[Identity]) -> None:
    """Have these ids to ourselves until the commit, before anything is read of them.

    Of two transactions that join ids with numbers the second sees what the first has done.
    """
    if identities:
        wanted = [SEPARATOR.join(identity) for identity in identities]
        connection.execute(_LOCK, {"identities": wanted})


def find(connection: Connection, identities: Collection[Identity]) -> dict[Identity, int]:
    """The contacts that are known by these ids."""
    if not identities:
        return {}
    wanted = list(identities)
    rows = connection.execute(
        _FIND, {"accounts": [one[0] for one in wanted], "user_ids": [one[1] for one in wanted]}
    )
    return {(row.account, row.user_id): row.contact_id for row in rows}


def link(connection: Connection, contacts: Mapping[Identity, int], *, now: datetime) -> None:
    """Write down whose these ids are; an id that was somebody else's is theirs from now on."""
    if contacts:
        connection.execute(
            _LINK,
            {
                "accounts": [one[0] for one in contacts],
                "user_ids": [one[1] for one in contacts],
                "contacts": list(contacts.values()),
                "now": now,
            },
        )


def make_contact(connection: Connection, country: str, *, now: datetime) -> int:
    """A contact without a number.

    Args:
        country: as the provider's id tells it; empty: unknown.
    """
    made = connection.execute(_MAKE, {"country": country, "now": now}).scalar_one()
    return int(made)


# What binds the one whom we knew by the id alone binds the one with the number: they are the same.
# That a number is theirs no more binds that number only.
_CARRY_SUPPRESSIONS = text(
    """
    INSERT INTO suppressions AS s (contact_id, business, reason, since, source, everything,
                                   recorded_at)
    SELECT :to, business, reason, since, source, everything, :now
    FROM suppressions
    WHERE contact_id = :from AND lifted_at IS NULL AND source NOT LIKE 'number_change:%'
    ON CONFLICT (contact_id, business) DO UPDATE
    SET lifted_at = NULL, since = greatest(s.since, EXCLUDED.since), source = EXCLUDED.source,
        reason = CASE WHEN s.everything THEN s.reason ELSE EXCLUDED.reason END,
        everything = s.everything AND s.lifted_at IS NULL OR EXCLUDED.everything,
        recorded_at = EXCLUDED.recorded_at
    WHERE s.lifted_at IS NULL OR EXCLUDED.since >= s.lifted_at
    """
)
_CARRY_HOLDS = text(
    """
    INSERT INTO review_holds (contact_id, business, inbound_id, since)
    SELECT :to, business, inbound_id, since FROM review_holds WHERE contact_id = :from
    ON CONFLICT DO NOTHING
    """
)


def carry_over(connection: Connection, *, source: int, target: int, now: datetime) -> None:
    """Let every opt-out and hold of one contact bind another, who is the same person."""
    values = {"from": source, "to": target, "now": now}
    connection.execute(_CARRY_SUPPRESSIONS, values)
    connection.execute(_CARRY_HOLDS, values)
