"""What the provider made of a notice: recording answers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store import opt_outs
from pipeline.store.notices import NoticeState


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeEnd:
    """The end of one attempt.

    Attributes:
        confirmation: where its opt-out's confirmation stands by it.
        sender_id: who tries next; None: the same sender.
        lease_until: machine instant before which it is not tried again (``pending`` only).
        sent_at: business instant at which the request began, when it may have left.
        confirmed_at: business instant at which the provider had it.
    """

    id: int
    attempt: int
    state: NoticeState
    confirmation: str
    sender_id: int | None = None
    lease_until: datetime | None = None
    provider_id: str | None = None
    code: str | None = None
    sent_at: datetime | None = None
    confirmed_at: datetime | None = None


_LOCK = text(
    "SELECT inbound_id FROM notices WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE"
)


def lock(connection: Connection, ids: Collection[int]) -> None:
    """Lock notices, and then their opt-outs: in this order, as everybody locks both."""
    replies = connection.execute(_LOCK, {"ids": list(ids)}).scalars().all()
    opt_outs.lock(connection, replies)


# As with messages, the answer of a worker that was frozen past its lease settles the doubt. Where
# an operator has settled it already, as unsent or to be sent again, an acceptance still counts: the
# provider has it, and a second one would be one too many. A failure that the provider reported
# before our answer was written has its id beside it, and stands.
_RECORD = text(
    """
    WITH answer AS (
        SELECT * FROM unnest(
            CAST(:ids AS bigint[]), CAST(:attempts AS int[]), CAST(:states AS text[]),
            CAST(:confirmations AS text[]), CAST(:senders AS bigint[]),
            CAST(:leases AS timestamptz[]), CAST(:provider_ids AS text[]),
            CAST(:codes AS text[]), CAST(:sent AS timestamptz[]), CAST(:confirmed AS timestamptz[])
        ) AS a (id, attempt, state, confirmation, sender_id, lease_until, provider_id, code,
                sent_at, confirmed_at)
    ), moved AS (
        UPDATE notices n
        SET state = a.state, sender_id = coalesce(a.sender_id, n.sender_id),
            lease_until = a.lease_until, provider_id = a.provider_id, code = a.code,
            sent_at = a.sent_at
        FROM answer a
        WHERE n.id = a.id AND n.attempt = a.attempt
          AND (n.state IN ('sending', 'in_doubt')
               OR a.state = 'sent' AND n.state IN ('pending', 'failed') AND n.provider_id IS NULL)
        RETURNING n.id, n.inbound_id, n.kind
    ), followed AS (
        UPDATE opt_outs o
        SET confirmation = a.confirmation, confirmed_at = coalesce(a.confirmed_at, o.confirmed_at)
        FROM moved m JOIN answer a USING (id)
        WHERE m.kind = 'confirmation' AND o.inbound_id = m.inbound_id
    )
    SELECT id FROM moved
    """
)


def record(connection: Connection, ends: Sequence[NoticeEnd]) -> set[int]:
    """Write the ends of attempts; the ids that this moved. Others were settled meanwhile."""
    if not ends:
        return set()
    lock(connection, [end.id for end in ends])
    result = connection.execute(
        _RECORD,
        {
            "ids": [end.id for end in ends],
            "attempts": [end.attempt for end in ends],
            "states": [end.state.value for end in ends],
            "confirmations": [end.confirmation for end in ends],
            "senders": [end.sender_id for end in ends],
            "leases": [end.lease_until for end in ends],
            "provider_ids": [end.provider_id for end in ends],
            "codes": [end.code for end in ends],
            "sent": [end.sent_at for end in ends],
            "confirmed": [end.confirmed_at for end in ends],
        },
    )
    return set(result.scalars())
