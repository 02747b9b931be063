"""The lane's part of the store: replies about which something is still to be done.

A reply is taken up by locking its row and leasing it; whoever finds a lease that has run out
takes it up again. Everything here may be done twice and changes nothing the second time.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from pipeline.policy.vocabulary import Channel

OLDEST_ALARM = timedelta(days=1)
"""An opt-out that nobody could confirm for so long is for the report, no longer for the alarm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenReply:
    """A reply about which something is still to be done.

    Attributes:
        intent: what it was taken for, by the words or by the person who decided about it.
        said_at: its own time, as far as it can be believed; settles the order of replies.
        matched: the word of our tables, with its language.
        country: whose rules apply; empty: unknown.
        reachable: there is a number to answer to, or a provider's own id.
        confirmation: where the confirmation of its opt-out stands; None: it is no opt-out.
    """

    id: int
    source: str
    provider_id: str
    contact_id: int | None
    businesses: tuple[str, ...]
    sender_id: int | None
    channel: Channel | None
    body: str
    language: str | None
    matched: str | None
    intent: str
    scope: str | None
    said_at: datetime
    country: str
    reachable: bool
    confirmation: str | None

    @property
    def reference(self) -> str:
        """How the ledger names the reply."""
        return f"reply:{self.source}:{self.provider_id}"


# Those that were named, and beside them whatever waits: one task drains a burst of replies.
_TAKE_UP = text(
    """
    WITH named AS (
        SELECT id FROM inbound_messages
        WHERE id = ANY(CAST(:ids AS bigint[])) AND handled_at IS NULL
        ORDER BY id FOR UPDATE SKIP LOCKED
    ), others AS (
        SELECT id FROM inbound_messages
        WHERE handled_at IS NULL AND coalesce(lease_until, '-infinity') <= :waiting_until
        ORDER BY lease_until LIMIT :others FOR UPDATE SKIP LOCKED
    )
    UPDATE inbound_messages SET lease_until = :lease
    WHERE id IN (SELECT id FROM named UNION SELECT id FROM others)
    RETURNING id
    """
)


def take_up(
    connection: Connection,
    ids: Collection[int],
    *,
    waiting_until: datetime,
    lease: datetime,
    others: int,
) -> list[int]:
    """Lock and lease the open replies among `ids`, and others that nobody has in hand.

    Args:
        waiting_until: another reply is taken when its lease ends by this machine instant.
        others: at most so many of these.
    """
    result = connection.execute(
        _TAKE_UP,
        {"ids": sorted(ids), "waiting_until": waiting_until, "lease": lease, "others": others},
    )
    return sorted(result.scalars())


_LOCK = text(
    """
    SELECT id FROM inbound_messages
    WHERE id = ANY(CAST(:ids AS bigint[])) AND handled_at IS NULL
    ORDER BY id FOR UPDATE SKIP LOCKED
    """
)


def lock(connection: Connection, ids: Collection[int]) -> list[int]:
    """Lock those that are still open and that nobody else works on."""
    return list(connection.execute(_LOCK, {"ids": sorted(ids)}).scalars())


_LOAD = text(
    """
    SELECT i.id, i.source, i.provider_id, i.contact_id, i.businesses, i.sender_id, i.channel,
           i.body, i.language, i.matched, i.scope,
           coalesce(i.intent, 'none') AS intent,
           least(coalesce(i.occurred_at, i.received_at), i.received_at) AS said_at,
           coalesce(c.country, '') AS country, o.confirmation,
           c.phone IS NOT NULL OR EXISTS (
               SELECT FROM contact_identities d WHERE d.contact_id = c.id) AS reachable
    FROM inbound_messages i
    LEFT JOIN contacts c ON c.id = i.contact_id
    LEFT JOIN opt_outs o ON o.inbound_id = i.id
    WHERE i.id = ANY(CAST(:ids AS bigint[]))
    ORDER BY said_at, i.id
    """
)


def load(connection: Connection, ids: Collection[int]) -> list[OpenReply]:
    """These replies, in the order in which they were said."""
    return [_open_reply(row) for row in connection.execute(_LOAD, {"ids": sorted(ids)})]


def _open_reply(row: Row[tuple[object, ...]]) -> OpenReply:
    values = row._asdict()
    channel = values["channel"]
    return OpenReply(
        **values
        | {
            "businesses": tuple(values["businesses"]),
            "channel": Channel(channel) if channel else None,
        }
    )


_FINISH = text(
    """
    UPDATE inbound_messages SET handled_at = :now, lease_until = NULL
    WHERE id = ANY(CAST(:ids AS bigint[])) AND handled_at IS NULL
    """
)


def finish(connection: Connection, ids: Collection[int], *, now: datetime) -> None:
    """Write down that everything has been done about these replies."""
    if ids:
        connection.execute(_FINISH, {"ids": sorted(ids), "now": now})


_RENEW = text(
    """
    UPDATE inbound_messages SET lease_until = :lease
    WHERE id IN (
        SELECT id FROM inbound_messages
        WHERE handled_at IS NULL AND coalesce(lease_until, '-infinity') <= :machine_now
        ORDER BY lease_until LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id
    """
)


def renew_lapsed(
    connection: Connection, *, machine_now: datetime, lease: datetime, most: int
) -> list[int]:
    """Lease the open replies that nobody has in hand any more; they must be enqueued again."""
    values = {"machine_now": machine_now, "lease": lease, "most": most}
    return sorted(connection.execute(_RENEW, values).scalars())


class LateClocks(NamedTuple):
    """Opt-outs that are not confirmed at half of their deadline."""

    amount: int
    oldest_received_at: datetime | None


_LATE = text(
    """
    SELECT count(*) AS amount, min(received_at) AS oldest_received_at
    FROM opt_outs
    WHERE confirmation IN ('due', 'in_doubt', 'failed')
      AND received_at + (deadline_at - received_at) / 2 <= :now AND received_at > :oldest
    """
)


def late_clocks(connection: Connection, *, now: datetime) -> LateClocks:
    """The clocks of the last day that are past half of their deadline at the business instant."""
    row = connection.execute(_LATE, {"now": now, "oldest": now - OLDEST_ALARM}).one()
    return LateClocks(row.amount, row.oldest_received_at)
