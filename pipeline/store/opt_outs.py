"""Opt-outs: one row each, with the times that prove how soon it was obeyed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store.received import SEPARATOR

HOLD_LOOK = timedelta(minutes=15)
"""A message that a review holds is decided again this often, in case its release was missed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOut:
    """A row of ``opt_outs`` as it begins.

    Attributes:
        origin: ``reply``, ``button``, ``platform``, ``provider``, ``review``.
        repeated: the person had left already.
        deadline_at: business instant by which the country wants it obeyed.
        confirmation: ``due``, ``by_provider``, ``repeated`` or ``impossible``.
        rule: the deadline's.
    """

    inbound_id: int
    contact_id: int
    businesses: tuple[str, ...]
    sender_id: int | None
    country: str
    origin: str
    complaint: bool
    repeated: bool
    received_at: datetime
    deadline_at: datetime
    confirmation: str
    rule: str | None
    policy: str | None


_ADD = text(
    """
    INSERT INTO opt_outs (inbound_id, contact_id, businesses, sender_id, country, origin,
                          complaint, repeated, received_at, deadline_at, confirmation, rule,
                          policy)
    SELECT inbound_id, contact_id, string_to_array(businesses, chr(31)), sender_id, country,
           origin, complaint, repeated, received_at, deadline_at, confirmation, rule, policy
    FROM unnest(
        CAST(:inbound AS bigint[]), CAST(:contacts AS bigint[]), CAST(:businesses AS text[]),
        CAST(:senders AS bigint[]), CAST(:countries AS text[]), CAST(:origins AS text[]),
        CAST(:complaints AS boolean[]), CAST(:repeated AS boolean[]),
        CAST(:received AS timestamptz[]), CAST(:deadlines AS timestamptz[]),
        CAST(:confirmations AS text[]), CAST(:rules AS text[]), CAST(:policies AS text[])
    ) AS o (inbound_id, contact_id, businesses, sender_id, country, origin, complaint, repeated,
            received_at, deadline_at, confirmation, rule, policy)
    ON CONFLICT (inbound_id) DO NOTHING
    """
)


def add(connection: Connection, rows: Sequence[OptOut]) -> None:
    """Start the clock of these opt-outs; one that runs already is left alone."""
    if not rows:
        return
    connection.execute(
        _ADD,
        {
            "inbound": [row.inbound_id for row in rows],
            "contacts": [row.contact_id for row in rows],
            "businesses": [SEPARATOR.join(row.businesses) for row in rows],
            "senders": [row.sender_id for row in rows],
            "countries": [row.country for row in rows],
            "origins": [row.origin for row in rows],
            "complaints": [row.complaint for row in rows],
            "repeated": [row.repeated for row in rows],
            "received": [row.received_at for row in rows],
            "deadlines": [row.deadline_at for row in rows],
            "confirmations": [row.confirmation for row in rows],
            "rules": [row.rule for row in rows],
            "policies": [row.policy for row in rows],
        },
    )


_LOCK = text(
    """
    SELECT inbound_id FROM opt_outs WHERE inbound_id = ANY(CAST(:ids AS bigint[]))
    ORDER BY inbound_id FOR UPDATE
    """
)


def lock(connection: Connection, ids: Collection[int]) -> None:
    """Lock these in the one order in which everybody does who is about to change several.

    The webhook, the lane and its recorder change the same rows at the same time: without an order
    they wait for each other in a circle.
    """
    if ids:
        connection.execute(_LOCK, {"ids": sorted(ids)})


_IN_FORCE = text(
    """
    UPDATE opt_outs SET in_force_at = least(coalesce(in_force_at, :at), :at)
    WHERE inbound_id = ANY(CAST(:ids AS bigint[]))
    """
)


def note_in_force(connection: Connection, ids: Collection[int], *, at: datetime) -> None:
    """Write down that these were committed by the business instant `at`; the earliest counts."""
    if ids:
        lock(connection, ids)
        connection.execute(_IN_FORCE, {"ids": sorted(ids), "at": at})


_CAME_BACK = text(
    """
    SELECT i.contact_id, b.business, max(coalesce(i.occurred_at, i.received_at)) AS at
    FROM inbound_messages i CROSS JOIN LATERAL unnest(i.businesses) AS b (business)
    WHERE i.contact_id = ANY(CAST(:contacts AS bigint[])) AND i.intent = 'opt_in'
    GROUP BY 1, 2
    """
)


def came_back(connection: Connection, contacts: Collection[int]) -> dict[tuple[int, str], datetime]:
    """When each of these people last wrote START to a business, by the message's own time."""
    rows = connection.execute(_CAME_BACK, {"contacts": list(contacts)})
    return {(row.contact_id, row.business): row.at for row in rows}


_ANSWERED = text(
    """
    SELECT DISTINCT o.contact_id, b.business
    FROM opt_outs o CROSS JOIN LATERAL unnest(o.businesses) AS b (business)
    WHERE o.contact_id = ANY(CAST(:contacts AS bigint[]))
      AND o.confirmation IN ('due', 'sent', 'in_doubt', 'by_provider')
    """
)


def answered(connection: Connection, contacts: Collection[int]) -> set[tuple[int, str]]:
    """Who was told, or will be, that they have left: (contact, business)."""
    rows = connection.execute(_ANSWERED, {"contacts": list(contacts)})
    return {(row.contact_id, row.business) for row in rows}


_HOLD = text(
    """
    INSERT INTO review_holds (contact_id, business, inbound_id, since)
    SELECT * FROM unnest(CAST(:contacts AS bigint[]), CAST(:businesses AS text[]),
                         CAST(:inbound AS bigint[]), CAST(:since AS timestamptz[]))
    ON CONFLICT DO NOTHING
    """
)


def hold(connection: Connection, holds: Sequence[tuple[int, str, int, datetime]]) -> None:
    """Hold marketing until a person has decided: (contact, business, reply, since)."""
    if holds:
        connection.execute(
            _HOLD,
            {
                "contacts": [one[0] for one in holds],
                "businesses": [one[1] for one in holds],
                "inbound": [one[2] for one in holds],
                "since": [one[3] for one in holds],
            },
        )


_HELD = text(
    """
    SELECT contact_id, business FROM review_holds
    WHERE contact_id = ANY(CAST(:contacts AS bigint[]))
      AND business = ANY(CAST(:businesses AS text[]))
    """
)


def held(
    connection: Connection, contacts: Collection[int], businesses: Collection[str]
) -> set[int]:
    """Those of these people whom one of these businesses must not write to until a decision."""
    rows = connection.execute(_HELD, {"contacts": list(contacts), "businesses": list(businesses)})
    return {row.contact_id for row in rows}
