"""What people write back: their replies, and what a wish to leave ends at once."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Connection

from pipeline.policy.suppression import EVERY_BUSINESS
from pipeline.policy.vocabulary import Channel
from pipeline.store.tables import inbound_messages, senders


def take(
    connection: Connection,
    *,
    source: str,
    provider_id: str,
    contact_id: int | None,
    business: str | None,
    channel: Channel,
    address: str,
    body: str,
    received_at: datetime,
) -> int | None:
    """Store a reply; its number, or None when the same source has brought it before."""
    result = connection.execute(
        upsert(inbound_messages)
        .values(
            source=source,
            provider_id=provider_id,
            contact_id=contact_id,
            business=business,
            channel=channel,
            address=address,
            body=body,
            received_at=received_at,
        )
        .on_conflict_do_nothing()
        .returning(inbound_messages.c.id)
    )
    return result.scalar()


def understand(connection: Connection, inbound_id: int, *, intent: str) -> None:
    """Write down what a reply was taken for."""
    connection.execute(
        update(inbound_messages).where(inbound_messages.c.id == inbound_id).values(intent=intent)
    )


class Unfinished(NamedTuple):
    """A reply that was understood, and of which something is still to be done."""

    id: int
    contact_id: int


def unfinished(
    connection: Connection, *, source: str, provider_id: str, intent: str
) -> Unfinished | None:
    """The reply, locked, if it was taken for `intent` and is not settled yet."""
    row = connection.execute(
        select(inbound_messages.c.id, inbound_messages.c.contact_id)
        .where(
            inbound_messages.c.source == source,
            inbound_messages.c.provider_id == provider_id,
            inbound_messages.c.intent == intent,
            inbound_messages.c.handled_at.is_(None),
        )
        .with_for_update()
    ).one_or_none()
    return None if row is None else Unfinished(row.id, row.contact_id)


def settle(connection: Connection, inbound_id: int, *, now: datetime) -> None:
    """Write down that everything has been done about a reply."""
    connection.execute(
        update(inbound_messages).where(inbound_messages.c.id == inbound_id).values(handled_at=now)
    )


def businesses_at(connection: Connection, channel: Channel, address: str) -> list[str]:
    """The businesses that write from this address, in order."""
    query = (
        select(senders.c.business)
        .where(senders.c.channel == channel, senders.c.address == address)
        .distinct()
        .order_by(senders.c.business)
    )
    return list(connection.execute(query).scalars())


# Rows that a stage is working on are left to it: waiting for a chunk of a thousand would hold up
# the person's reply, and the claim refuses them all the same.
_STOP = text(
    """
    WITH moved AS (
        UPDATE messages
        SET state = 'blocked', reason = 'suppressed', rule = :rule, lease_until = NULL,
            not_before = NULL
        WHERE id IN (
            SELECT m.id FROM messages m JOIN campaigns c ON c.id = m.campaign_id
            WHERE m.contact_id = :contact AND c.category <> 'transactional'
              AND (:everywhere OR c.business = ANY(CAST(:businesses AS text[])))
              AND m.state IN ('accepted', 'consented', 'deferred', 'ready')
            FOR UPDATE OF m SKIP LOCKED
        )
        RETURNING id
    )
    INSERT INTO decisions (message_id, decided_at, stage, outcome, reason, rule, policy)
    SELECT id, :now, 'optout', 'block', 'suppressed', :rule, :policy FROM moved
    """
)


def stop_waiting(
    connection: Connection,
    contact_id: int,
    businesses: Collection[str],
    *,
    rule: str | None,
    policy: str | None,
    now: datetime,
) -> int:
    """Block what waits for this person and is more than transactional; say how many messages.

    Args:
        businesses: whose messages; with ``*`` among them, everybody's.
        rule: the rule by which the person left; it stands in each message's decision.
        policy: the version of the rules that it is from.
    """
    values = {
        "contact": contact_id,
        "businesses": list(businesses),
        "everywhere": EVERY_BUSINESS in businesses,
        "rule": rule,
        "policy": policy,
        "now": now,
    }
    return connection.execute(_STOP, values).rowcount
