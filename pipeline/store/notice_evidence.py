"""What moves a notice on without its worker: a lease that ran out, a provider's report."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import Channel
from pipeline.store import opt_outs
from pipeline.store.notices import NoticeKind

_RENEW = text(
    """
    UPDATE notices SET lease_until = :lease
    WHERE id IN (
        SELECT id FROM notices
        WHERE state = 'pending' AND coalesce(lease_until, '-infinity') <= :machine_now
        ORDER BY lease_until LIMIT :most FOR UPDATE SKIP LOCKED)
    RETURNING id
    """
)
_LAPSED = text(
    """
    SELECT id, inbound_id FROM notices WHERE state = 'sending' AND lease_until <= :machine_now
    ORDER BY lease_until LIMIT :most FOR UPDATE SKIP LOCKED
    """
)
_DOUBT = text(
    """
    WITH moved AS (
        UPDATE notices SET state = 'in_doubt', lease_until = NULL
        WHERE id = ANY(CAST(:ids AS bigint[]))
        RETURNING inbound_id, kind
    )
    UPDATE opt_outs o SET confirmation = 'in_doubt' FROM moved m
    WHERE m.kind = 'confirmation' AND o.inbound_id = m.inbound_id
    """
)


def renew_lapsed(
    connection: Connection, *, machine_now: datetime, lease: datetime, most: int
) -> list[int]:
    """Lease the notices that wait and that nobody has in hand any more; the oldest first."""
    values = {"machine_now": machine_now, "lease": lease, "most": most}
    return sorted(connection.execute(_RENEW, values).scalars(), reverse=True)


def doubt_lapsed(connection: Connection, *, machine_now: datetime, most: int) -> int:
    """Notices that were being sent when their lease ran out are in doubt from here; how many."""
    values = {"machine_now": machine_now, "most": most}
    lapsed = connection.execute(_LAPSED, values).all()
    if lapsed:
        opt_outs.lock(connection, [row.inbound_id for row in lapsed])
        connection.execute(_DOUBT, {"ids": [row.id for row in lapsed]})
    return len(lapsed)


# A report speaks for the account that brought it, and the notice must have gone through it.
_ARRIVED = text(
    """
    WITH moved AS (
        UPDATE notices n
        SET state = 'sent', lease_until = NULL, provider_id = coalesce(n.provider_id, :provider_id),
            sent_at = coalesce(n.sent_at, :at),
            delivered_at = CASE WHEN :arrived THEN coalesce(n.delivered_at, :at)
                                ELSE n.delivered_at END
        FROM senders s
        WHERE n.id = :id AND s.id = n.sender_id AND lower(s.provider) = lower(:account)
          AND n.attempt > 0
          AND (n.state IN ('pending', 'sending', 'in_doubt')
               OR :arrived AND (n.state = 'failed' OR n.delivered_at IS NULL))
        RETURNING n.id, n.inbound_id, n.kind
    ), followed AS (
        UPDATE opt_outs o
        SET confirmation = 'sent', confirmed_at = coalesce(o.confirmed_at, :at)
        FROM moved m WHERE m.kind = 'confirmation' AND o.inbound_id = m.inbound_id
    )
    SELECT id FROM moved
    """
)
_FAILED = text(
    """
    WITH moved AS (
        UPDATE notices n
        SET state = 'failed', lease_until = NULL, code = coalesce(:code, n.code),
            provider_id = coalesce(n.provider_id, :provider_id)
        FROM senders s
        WHERE n.id = :id AND s.id = n.sender_id AND lower(s.provider) = lower(:account)
          AND n.state IN ('sending', 'in_doubt', 'sent') AND n.delivered_at IS NULL
        RETURNING n.id, n.inbound_id, n.kind
    ), followed AS (
        UPDATE opt_outs o SET confirmation = :confirmation FROM moved m
        WHERE m.kind = 'confirmation' AND o.inbound_id = m.inbound_id
    )
    SELECT id FROM moved
    """
)


def note_arrival(
    connection: Connection,
    notice_id: int,
    *,
    account: str,
    provider_id: str,
    arrived: bool,
    at: datetime,
) -> bool:
    """The provider has the notice, or (`arrived`) the person has; whether that was news."""
    values = {
        "id": notice_id,
        "account": account,
        "provider_id": provider_id,
        "arrived": arrived,
        "at": at,
    }
    return connection.execute(_ARRIVED, values).scalar() is not None


def note_failure(
    connection: Connection,
    notice_id: int,
    *,
    account: str,
    provider_id: str,
    code: str | None,
    confirmation: str = "failed",
) -> bool:
    """The notice provably did not reach the person; whether that was news.

    Args:
        confirmation: where its opt-out's confirmation stands by it.
    """
    values = {
        "id": notice_id,
        "account": account,
        "provider_id": provider_id,
        "code": code,
        "confirmation": confirmation,
    }
    return connection.execute(_FAILED, values).scalar() is not None


class Sent(NamedTuple):
    """A notice that was sent, for what its provider tells of it.

    Attributes:
        country: of the person.
        ended: we know already whether it reached them.
    """

    kind: NoticeKind
    contact_id: int
    business: str
    sender_id: int
    channel: Channel
    country: str
    ended: bool


_SENT = text(
    """
    SELECT n.kind, n.contact_id, n.business, n.sender_id, s.channel, c.country,
           n.state = 'failed' OR n.delivered_at IS NOT NULL AS ended
    FROM notices n
    JOIN senders s ON s.id = n.sender_id
    JOIN contacts c ON c.id = n.contact_id
    WHERE n.id = :id AND n.attempt > 0 AND lower(s.provider) = lower(:account)
    """
)


def sent_through(connection: Connection, notice_id: int, *, account: str) -> Sent | None:
    """The notice, if an attempt was made through this account."""
    row = connection.execute(_SENT, {"id": notice_id, "account": account}).one_or_none()
    if row is None:
        return None
    kind, channel = NoticeKind(row.kind), Channel(row.channel)
    return Sent(kind, row.contact_id, row.business, row.sender_id, channel, row.country, row.ended)


_GIVE_BACK = text(
    """
    UPDATE notices SET lease_until = NULL
    WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'pending'
    """
)


def give_back(connection: Connection, ids: Collection[int]) -> None:
    """Leave notices that were taken up and not claimed to whoever comes first."""
    if ids:
        connection.execute(_GIVE_BACK, {"ids": sorted(ids)})
