"""Notices: what the lane writes to people by itself. Each is sent once, whatever is killed.

A notice is claimed by a guarded UPDATE, committed, sent, recorded (`notice_outcomes`), as a
campaign's message is. Where its opt-out's confirmation stands is written in the same statement, so
the two never differ. A welcome is not sent to somebody who has left again meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import Channel


class NoticeKind(StrEnum):
    """What a notice says."""

    CONFIRMATION = "confirmation"
    HELP = "help"
    WELCOME = "welcome"


class NoticeState(StrEnum):
    """A notice's life: ``pending → sending → sent``, or one of the others."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A notice that is to be."""

    inbound_id: int
    kind: NoticeKind
    contact_id: int
    business: str
    sender_id: int
    body: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A notice with all that sending it needs.

    Attributes:
        received_by: the sender that received the reply; None: none of ours did.
        phone: empty when the person is known by `user_id` alone.
        user_id: the id by which the sender's account knows the person, where there is no number.
        address, provider: the sender's.
        attempt: the attempts that were made so far.
    """

    id: int
    inbound_id: int
    kind: NoticeKind
    contact_id: int
    business: str
    body: str
    phone: str
    country: str
    received_by: int | None
    sender_id: int
    channel: Channel
    address: str
    provider: str
    rate_per_second: float
    attempt: int
    user_id: str | None = None


_ADD = text(
    """
    INSERT INTO notices (inbound_id, kind, contact_id, business, sender_id, body, state,
                         lease_until, created_at)
    SELECT inbound_id, kind, contact_id, business, sender_id, body, 'pending', :lease, :now
    FROM unnest(
        CAST(:inbound AS bigint[]), CAST(:kinds AS text[]), CAST(:contacts AS bigint[]),
        CAST(:businesses AS text[]), CAST(:senders AS bigint[]), CAST(:bodies AS text[])
    ) WITH ORDINALITY AS n (inbound_id, kind, contact_id, business, sender_id, body, place)
    ORDER BY place
    ON CONFLICT (inbound_id, kind) DO NOTHING
    RETURNING id
    """
)


def add(
    connection: Connection, drafts: Sequence[Draft], *, now: datetime, lease: datetime
) -> list[int]:
    """Store notices; a reply gets one of a kind, however often it is worked on.

    Args:
        lease: machine instant until which they are left to the worker that made them.

    Returns:
        The ids of the new ones, in the order of their drafts.
    """
    if not drafts:
        return []
    added = connection.execute(
        _ADD,
        {
            "inbound": [draft.inbound_id for draft in drafts],
            "kinds": [draft.kind.value for draft in drafts],
            "contacts": [draft.contact_id for draft in drafts],
            "businesses": [draft.business for draft in drafts],
            "senders": [draft.sender_id for draft in drafts],
            "bodies": [draft.body for draft in drafts],
            "now": now,
            "lease": lease,
        },
    )
    return sorted(added.scalars(), reverse=True)


_SUPERSEDED = """
    n.kind = 'welcome' AND EXISTS (
        SELECT FROM suppressions x WHERE x.contact_id = n.contact_id
        AND x.business IN (n.business, '*') AND x.lifted_at IS NULL)
"""

# One that can be sent no more ends here: the data were erased, or the sender may only confirm.
_TAKE_UP = text(
    f"""
    WITH chosen AS (
        SELECT n.id, n.inbound_id, n.kind, coalesce(c.phone, '') AS phone, d.user_id, c.country,
               i.sender_id AS received_by, s.channel, s.address, s.provider, s.rate_per_second,
               CASE WHEN coalesce(c.phone, d.user_id) IS NULL OR s.channel IS NULL
                    THEN 'unsendable'
                    WHEN {_SUPERSEDED} THEN 'superseded' END AS problem
        FROM notices n
        JOIN contacts c ON c.id = n.contact_id
        JOIN inbound_messages i ON i.id = n.inbound_id
        LEFT JOIN senders s
            ON s.id = n.sender_id AND (n.kind = 'confirmation' OR s.state = 'active')
        LEFT JOIN LATERAL (
            SELECT user_id FROM contact_identities
            WHERE contact_id = c.id AND account = lower(s.provider) AND c.phone IS NULL
              AND s.channel = 'whatsapp'
            ORDER BY created_at DESC LIMIT 1) d ON true
        WHERE n.id = ANY(CAST(:ids AS bigint[])) AND n.state = 'pending'
        ORDER BY n.id DESC FOR UPDATE OF n SKIP LOCKED
    ), hopeless AS (
        UPDATE opt_outs SET confirmation = 'failed'
        WHERE inbound_id IN (
            SELECT o.inbound_id FROM opt_outs o JOIN chosen USING (inbound_id)
            WHERE chosen.kind = 'confirmation' AND chosen.problem IS NOT NULL
            ORDER BY o.inbound_id FOR UPDATE OF o)
    )
    UPDATE notices n
    SET lease_until = :lease,
        state = CASE WHEN problem IS NULL THEN 'pending' ELSE 'failed' END,
        code = coalesce(problem, n.code)
    FROM chosen WHERE n.id = chosen.id
    RETURNING n.id, n.inbound_id, n.kind, n.contact_id, n.business, n.body, n.sender_id, n.attempt,
              n.state, chosen.phone, chosen.user_id, chosen.country, chosen.received_by,
              chosen.channel, chosen.address, chosen.provider, chosen.rate_per_second
    """  # noqa: S608 - a fragment of ours
)


def take_up(connection: Connection, ids: Collection[int], *, lease: datetime) -> list[Notice]:
    """The notices among `ids` that wait to be sent, leased, the oldest first."""
    if not ids:
        return []
    rows = connection.execute(_TAKE_UP, {"ids": sorted(ids), "lease": lease}).all()
    return [
        Notice(
            **{name: row._mapping[name] for name in Notice.__dataclass_fields__}
            | {"kind": NoticeKind(row.kind), "channel": Channel(row.channel)}
        )
        for row in sorted(rows, key=lambda row: -row.id)
        if row.state == NoticeState.PENDING
    ]


_CLAIM = text(
    f"""
    UPDATE notices n
    SET state = CASE WHEN superseded THEN 'failed' ELSE 'sending' END,
        code = CASE WHEN superseded THEN 'superseded' ELSE n.code END,
        attempt = n.attempt + CASE WHEN superseded THEN 0 ELSE 1 END, lease_until = :lease
    FROM (
        SELECT n.id, {_SUPERSEDED} AS superseded
        FROM unnest(CAST(:ids AS bigint[]), CAST(:senders AS bigint[])) AS w (id, sender_id)
        JOIN notices n ON n.id = w.id AND n.sender_id = w.sender_id
        WHERE n.state = 'pending'
        ORDER BY n.id FOR UPDATE OF n SKIP LOCKED
    ) free
    WHERE n.id = free.id
    RETURNING n.id, n.attempt, n.state
    """  # noqa: S608 - a fragment of ours
)


def claim(connection: Connection, wanted: Mapping[int, int], *, lease: datetime) -> dict[int, int]:
    """Take notices for sending, through the sender that each still has: id → attempt number.

    Args:
        wanted: notice id → sender id.
        lease: machine instant at which a notice that nobody has recorded is in doubt.
    """
    values = {"ids": list(wanted), "senders": list(wanted.values()), "lease": lease}
    rows = connection.execute(_CLAIM, values)
    return {row.id: row.attempt for row in rows if row.state == NoticeState.SENDING}
