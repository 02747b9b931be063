"""Storing what providers bring: replies, each once, with what they were taken for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, or_, select, text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import Channel
from pipeline.store.inbound_tables import contact_identities
from pipeline.store.tables import contacts


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedReply:
    """A row of ``inbound_messages`` as the webhook writes it.

    Attributes:
        kind: ``reply``, ``button``, ``setting``, ``number_change``, ``provider``.
        businesses: whom it concerns; ``*``: everybody.
        matched: the word of our tables that it was understood by; never the person's own.
        open: whether the lane has work with it.
    """

    source: str
    provider_id: str
    kind: str
    contact_id: int | None
    businesses: tuple[str, ...]
    sender_id: int | None
    channel: Channel | None
    address: str
    body: str
    language: str | None
    occurred_at: datetime
    received_at: datetime
    intent: str
    scope: str | None
    match: str | None
    matched: str | None
    open: bool


SEPARATOR = "\x1f"
"""Between the names of one list: the unit separator, which no name contains."""

_STORE = text(
    """
    INSERT INTO inbound_messages (source, provider_id, kind, contact_id, businesses, sender_id,
        channel, address, body, language, occurred_at, received_at, intent, scope, match, matched,
        lease_until, handled_at)
    SELECT source, provider_id, kind, contact_id, string_to_array(businesses, chr(31)), sender_id,
           channel, address, body, language, occurred_at, received_at, intent, scope, match,
           matched, CASE WHEN is_open THEN CAST(:lease AS timestamptz) END,
           CASE WHEN NOT is_open THEN CAST(:now AS timestamptz) END
    FROM unnest(
        CAST(:sources AS text[]), CAST(:provider_ids AS text[]), CAST(:kinds AS text[]),
        CAST(:contacts AS bigint[]), CAST(:businesses AS text[]), CAST(:senders AS bigint[]),
        CAST(:channels AS text[]), CAST(:addresses AS text[]), CAST(:bodies AS text[]),
        CAST(:languages AS text[]), CAST(:occurred AS timestamptz[]),
        CAST(:received AS timestamptz[]), CAST(:intents AS text[]), CAST(:scopes AS text[]),
        CAST(:matches AS text[]), CAST(:matched AS text[]), CAST(:open AS boolean[])
    ) WITH ORDINALITY AS r (source, provider_id, kind, contact_id, businesses, sender_id, channel,
                            address, body, language, occurred_at, received_at, intent, scope,
                            match, matched, is_open, place)
    ORDER BY place
    ON CONFLICT (source, provider_id) DO NOTHING
    RETURNING id, source, provider_id
    """
)


def store(
    connection: Connection, rows: Sequence[ReceivedReply], *, now: datetime, lease: datetime
) -> dict[tuple[str, str], int]:
    """Store the replies that are new: (source, provider's id) → our id of each of these.

    Args:
        lease: machine instant until which open rows are left to whoever the queue gives them to.
    """
    if not rows:
        return {}
    stored = connection.execute(
        _STORE,
        {
            "sources": [row.source for row in rows],
            "provider_ids": [row.provider_id for row in rows],
            "kinds": [row.kind for row in rows],
            "contacts": [row.contact_id for row in rows],
            "businesses": [SEPARATOR.join(row.businesses) for row in rows],
            "senders": [row.sender_id for row in rows],
            "channels": [row.channel for row in rows],
            "addresses": [row.address for row in rows],
            "bodies": [row.body for row in rows],
            "languages": [row.language for row in rows],
            "occurred": [row.occurred_at for row in rows],
            "received": [row.received_at for row in rows],
            "intents": [row.intent for row in rows],
            "scopes": [row.scope for row in rows],
            "matches": [row.match for row in rows],
            "matched": [row.matched for row in rows],
            "open": [row.open for row in rows],
            "now": now,
            "lease": lease,
        },
    )
    return {(row.source, row.provider_id): row.id for row in stored}


_CLOSE = text(
    "UPDATE inbound_messages SET handled_at = :now WHERE id = ANY(CAST(:ids AS bigint[]))"
)


def close(connection: Connection, ids: Collection[int], *, now: datetime) -> None:
    """Leave nothing to do about these replies."""
    if ids:
        connection.execute(_CLOSE, {"ids": sorted(ids), "now": now})


_KNOWN = text(
    """
    SELECT source, provider_id FROM inbound_messages
    WHERE (source, provider_id) IN (
        SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:provider_ids AS text[])))
    """
)


def known(connection: Connection, references: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these (source, provider's id) are stored already."""
    wanted = list(references)
    rows = connection.execute(
        _KNOWN, {"sources": [one[0] for one in wanted], "provider_ids": [one[1] for one in wanted]}
    )
    return {(row.source, row.provider_id) for row in rows}


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """What a reply needs to know of a contact.

    Attributes:
        country: whose rules apply; empty: unknown.
        reachable: we have a number to answer to, or a provider's own id.
    """

    country: str
    reachable: bool


def people(connection: Connection, ids: Collection[int]) -> dict[int, KnownPerson]:
    """These contacts, locked: two replies of one person are taken one after the other."""
    query = (
        select(
            contacts.c.id,
            contacts.c.country,
            or_(
                contacts.c.phone.is_not(None),
                exists().where(contact_identities.c.contact_id == contacts.c.id),
            ).label("reachable"),
        )
        .where(contacts.c.id.in_(list(ids)))
        .order_by(contacts.c.id)
        # Not the key: rows that refer to a contact are written meanwhile.
        .with_for_update(key_share=True)
    )
    rows = connection.execute(query)
    return {row.id: KnownPerson(row.country, row.reachable) for row in rows}


_LANGUAGES = text(
    """
    SELECT p.contact_id, l.language
    FROM unnest(CAST(:contacts AS bigint[])) AS p (contact_id)
    CROSS JOIN LATERAL (
        SELECT coalesce(m.language, c.language) AS language
        FROM messages m JOIN campaigns c ON c.id = m.campaign_id
        WHERE m.contact_id = p.contact_id ORDER BY m.id DESC LIMIT 1
    ) l
    """
)


def languages(connection: Connection, contact_ids: Collection[int]) -> dict[int, str]:
    """The language in which each of these people was last written to."""
    rows = connection.execute(_LANGUAGES, {"contacts": list(contact_ids)})
    return {row.contact_id: row.language for row in rows}
