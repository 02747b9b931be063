"""Replies that nobody could understand: what waits for a person, and what the person decided."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store.received import SEPARATOR


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldReply:
    """A reply that waits for a decision.

    Attributes:
        phone: None: nobody could tell who wrote it, or the person is known by no number.
        known: whether the person is known at all; else there is nobody to hold anything for.
        businesses: whose marketing to the person is held; ``*``: everybody's.
        body: what the person wrote, as it came: only ever for the eyes of who decides.
        match: by what it was nearly understood; None: nothing matched.
        matched: the word of our tables that it came near to.
    """

    id: int
    kind: str
    received_at: datetime
    phone: str | None
    known: bool
    country: str | None
    businesses: Sequence[str]
    sender: str | None
    language: str | None
    body: str
    match: str | None
    matched: str | None


_WAITING = text(
    """
    SELECT i.id, i.kind, i.received_at, c.phone, c.id IS NOT NULL AS known, c.country,
           i.businesses, s.code AS sender, i.language, i.body, i.match, i.matched
    FROM inbound_messages i
    LEFT JOIN contacts c ON c.id = i.contact_id
    LEFT JOIN senders s ON s.id = i.sender_id
    WHERE i.intent = 'review' AND i.decision IS NULL
    ORDER BY i.received_at, i.id
    """
)


def waiting(connection: Connection) -> list[HeldReply]:
    """Every reply that waits for a decision, the oldest first."""
    return [HeldReply(**row) for row in connection.execute(_WAITING).mappings()]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reviewable:
    """What deciding on a reply needs to know of it.

    Attributes:
        left_at: business instant of the reply itself, by the provider's time.
        decision: None: it waits for one.
    """

    id: int
    source: str
    contact_id: int | None
    businesses: tuple[str, ...]
    sender_id: int | None
    left_at: datetime
    received_at: datetime
    decision: str | None
    decided_at: datetime | None
    decided_by: str | None


_REVIEWABLE = text(
    """
    SELECT id, source, contact_id, businesses, sender_id,
           coalesce(occurred_at, received_at) AS left_at, received_at, decision, decided_at,
           decided_by
    FROM inbound_messages
    WHERE id = ANY(CAST(:ids AS bigint[])) AND (intent = 'review' OR decision IS NOT NULL)
    ORDER BY id FOR UPDATE
    """
)


def lock(connection: Connection, ids: Collection[int]) -> dict[int, Reviewable]:
    """Those of these replies that are held or were decided on, locked until the commit."""
    rows = connection.execute(_REVIEWABLE, {"ids": sorted(ids)}).mappings()
    return {
        row["id"]: Reviewable(**(dict(row) | {"businesses": tuple(row["businesses"])}))
        for row in rows
    }


_DECIDE = text(
    """
    UPDATE inbound_messages
    SET decision = :decision, decided_at = :now, decided_by = :by, decision_note = :note,
        intent = :intent, scope = :scope, lease_until = NULL,
        handled_at = CASE WHEN id = ANY(CAST(:open AS bigint[])) THEN NULL
                          ELSE CAST(:now AS timestamptz) END
    WHERE id = ANY(CAST(:ids AS bigint[])) AND decision IS NULL
    """
)
_OTHERS = text(
    """
    SELECT i.id, h.contact_id
    FROM inbound_messages i JOIN review_holds h ON h.inbound_id = i.id
    WHERE i.id = ANY(CAST(:ids AS bigint[])) AND h.contact_id <> i.contact_id
    ORDER BY i.id, h.contact_id
    """
)


def others_held(connection: Connection, ids: Collection[int]) -> dict[int, set[int]]:
    """Contacts that a reply holds besides its own, being the same person: reply → contacts."""
    found: dict[int, set[int]] = {}
    for row in connection.execute(_OTHERS, {"ids": sorted(ids)}):
        found.setdefault(row.id, set()).add(row.contact_id)
    return found


_UNHOLD = text("DELETE FROM review_holds WHERE inbound_id = ANY(CAST(:ids AS bigint[]))")


def decide(
    connection: Connection,
    ids: Collection[int],
    *,
    decision: str,
    intent: str,
    scope: str | None,
    by: str,
    note: str | None,
    open_ids: Collection[int],
    now: datetime,
) -> None:
    """Write a decision down, and end what these replies held.

    Args:
        open_ids: those about which the lane has something to do.
    """
    values: Mapping[str, object] = {
        "ids": sorted(ids),
        "open": sorted(open_ids),
        "decision": decision,
        "intent": intent,
        "scope": scope,
        "by": by,
        "note": note,
        "now": now,
    }
    connection.execute(_DECIDE, values)
    connection.execute(_UNHOLD, {"ids": sorted(ids)})


# A message that another reply still holds, or that a suppression stops, is left as it is: it is
# decided again when its time comes.
_RELEASE = text(
    """
    UPDATE messages m SET not_before = :now
    FROM campaigns c, unnest(CAST(:contacts AS bigint[]), CAST(:businesses AS text[]))
        AS free (contact_id, businesses)
    WHERE m.contact_id = free.contact_id AND c.id = m.campaign_id
      AND m.state = 'deferred' AND m.reason = 'suppressed'
      AND (m.not_before IS NULL OR m.not_before > :now)
      AND string_to_array(free.businesses, chr(31)) && ARRAY[c.business, '*']
      AND NOT EXISTS (
          SELECT FROM review_holds h
          WHERE h.contact_id = m.contact_id AND h.business IN (c.business, '*'))
      AND NOT EXISTS (
          SELECT FROM suppressions x
          WHERE x.contact_id = m.contact_id AND x.business IN (c.business, '*')
            AND x.lifted_at IS NULL AND (c.category <> 'transactional' OR x.everything))
    """
)


def release(
    connection: Connection, held: Collection[tuple[int, Sequence[str]]], *, now: datetime
) -> int:
    """Let the messages that a review held be decided again at once; say how many.

    Args:
        held: contact and businesses of replies that hold nothing any more.
    """
    if not held:
        return 0
    values = {
        "contacts": [contact for contact, _ in held],
        "businesses": [SEPARATOR.join(businesses) for _, businesses in held],
        "now": now,
    }
    return connection.execute(_RELEASE, values).rowcount
