"""Messages in doubt: which there are, and what evidence makes of them.

Every settlement is guarded: what a status, a late answer or somebody else has settled meanwhile is
left as it is.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.quota import bucket_of
from pipeline.policy.vocabulary import MessageState
from pipeline.store import quotas


@dataclass(frozen=True, kw_only=True, slots=True)
class DoubtTotals:
    """How many messages are in doubt, and since when the oldest of them is (business time)."""

    amount: int
    oldest_at: datetime | None


_TOTALS = text(
    "SELECT count(*) AS amount, min(in_doubt_at) AS oldest FROM messages WHERE state = 'in_doubt'"
)


def totals(connection: Connection) -> DoubtTotals:
    """The messages in doubt; an index holds nothing else."""
    row = connection.execute(_TOTALS).one()
    return DoubtTotals(amount=row.amount, oldest_at=row.oldest)


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """A message in doubt, as an operator sees it.

    Attributes:
        campaign, sender, account: their public names.
        since: business instant of the claim after which nobody knows.
        explanation: what happened, as it was decided then; None: nothing was written.
        looked: how often its provider was asked.
    """

    id: int
    campaign: str
    sender: str | None
    account: str | None
    phone: str | None
    since: datetime | None
    attempt: int
    explanation: str | None
    looked: int


_FILTER = """
    WHERE m.state = 'in_doubt'
      AND (CAST(:campaign AS text) IS NULL OR c.code = :campaign)
      AND (CAST(:sender AS text) IS NULL OR s.code = :sender)
      AND (CAST(:before AS timestamptz) IS NULL OR m.in_doubt_at <= :before)
"""
_LISTED = text(
    f"""
    SELECT m.id, c.code AS campaign, s.code AS sender, s.provider AS account, p.phone,
           m.in_doubt_at AS since, m.attempt,
           d.detail ->> 'explanation' AS explanation, coalesce(l.looked, 0) AS looked
    FROM messages m
    JOIN campaigns c ON c.id = m.campaign_id
    LEFT JOIN senders s ON s.id = m.sender_id
    LEFT JOIN contacts p ON p.id = m.contact_id
    LEFT JOIN look_ups l ON l.message_id = m.id AND l.attempt = m.attempt
    LEFT JOIN LATERAL (
        SELECT detail FROM decisions
        WHERE message_id = m.id AND outcome = 'in_doubt'
        ORDER BY decided_at DESC LIMIT 1) d ON true
    {_FILTER}
    ORDER BY m.in_doubt_at, m.id LIMIT :most
    """  # noqa: S608 - a fragment of ours
)
_FOUND = text(
    f"""
    SELECT m.id FROM messages m
    JOIN campaigns c ON c.id = m.campaign_id
    LEFT JOIN senders s ON s.id = m.sender_id
    {_FILTER} AND m.id > :after
    ORDER BY m.id LIMIT :most
    """  # noqa: S608 - a fragment of ours
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DoubtFilter:
    """Which messages in doubt are meant: those that fit all that is given.

    Attributes:
        before: business instant; those that are in doubt since then or longer.
    """

    campaign: str | None = None
    sender: str | None = None
    before: datetime | None = None


def listed(connection: Connection, which: DoubtFilter, *, most: int) -> list[Doubt]:
    """The messages in doubt, those first that are so for longest."""
    rows = connection.execute(_LISTED, asdict(which) | {"most": most}).mappings()
    return [Doubt(**row) for row in rows]


def ids_after(connection: Connection, which: DoubtFilter, *, after: int, most: int) -> list[int]:
    """The ids above `after` of messages in doubt, in order."""
    values = asdict(which) | {"after": after, "most": most}
    return list(connection.execute(_FOUND, values).scalars())


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """A message that was in doubt until now.

    Attributes:
        claimed_at: business instant under which its cap and quota were reserved; None: unknown.
    """

    id: int
    campaign_id: int
    campaign: str
    sender_id: int
    claimed_at: datetime | None


# Locked in the order of the ids, as everybody locks them who takes several.
_SETTLE = text(
    """
    WITH verdict AS (
        SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:attempts AS int[]),
                             CAST(:provider_ids AS text[])) AS v (id, attempt, provider_id)
    ), held AS MATERIALIZED (
        SELECT m.id, m.in_doubt_at, v.provider_id
        FROM messages m JOIN verdict v USING (id)
        WHERE m.state = 'in_doubt' AND m.attempt = coalesce(v.attempt, m.attempt)
        ORDER BY m.id FOR UPDATE OF m
    ), moved AS (
        UPDATE messages m
        SET state = CAST(:state AS message_state), in_doubt_at = NULL, tries = 0,
            provider_id = coalesce(m.provider_id, h.provider_id),
            sent_at = CASE WHEN :state = 'sent' THEN coalesce(m.sent_at, h.in_doubt_at, :now) END,
            reason = NULL, rule = NULL, not_before = NULL,
            lease_until = CASE WHEN :state = 'accepted' THEN CAST(:lease AS timestamptz) END
        FROM held h WHERE m.id = h.id
        RETURNING m.id, m.campaign_id, m.sender_id, h.in_doubt_at AS claimed_at
    ), noted AS (
        INSERT INTO decisions (message_id, decided_at, stage, outcome, detail)
        SELECT id, :now, 'delivery', :outcome, CAST(:detail AS jsonb) FROM moved
    )
    SELECT moved.*, c.code AS campaign FROM moved JOIN campaigns c ON c.id = moved.campaign_id
    ORDER BY moved.id
    """
)


def settle(
    connection: Connection,
    ids: Sequence[int],
    *,
    state: MessageState,
    outcome: str,
    detail: Mapping[str, object],
    now: datetime,
    attempts: Sequence[int] | None = None,
    provider_ids: Sequence[str] | None = None,
    lease: datetime | None = None,
) -> list[Settled]:
    """Move messages that are still in doubt to `state`, with a decision each.

    Args:
        state: ``sent``, ``failed``, or ``accepted``: to be decided anew.
        detail: what is written beside the decision: where the evidence is from.
        attempts: the attempts that the evidence speaks of; None: whichever is in doubt.
        lease: machine instant after which the dispatcher takes up what is to be decided anew.

    Returns:
        Those that moved.
    """
    rows = connection.execute(
        _SETTLE,
        {
            "ids": list(ids),
            "attempts": [None] * len(ids) if attempts is None else list(attempts),
            "provider_ids": [None] * len(ids) if provider_ids is None else list(provider_ids),
            "state": state.value,
            "outcome": outcome,
            "detail": json.dumps(dict(detail)),
            "lease": lease,
            "now": now,
        },
    )
    return [Settled(**row) for row in rows.mappings()]


_SENDERS = text(
    """
    SELECT DISTINCT sender_id FROM messages
    WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'in_doubt' AND sender_id IS NOT NULL
    """
)


def lock_quotas(connection: Connection, ids: Collection[int]) -> None:
    """Lock the quotas of messages whose reservations may be given back, before the messages."""
    senders = connection.execute(_SENDERS, {"ids": list(ids)}).scalars().all()
    if senders:
        quotas.lock(connection, senders)


_LOCK = text(
    "SELECT id FROM messages WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR UPDATE"
)


def lock(connection: Connection, ids: Collection[int]) -> None:
    """Lock messages that are settled one way and another, before any of them is."""
    if ids:
        connection.execute(_LOCK, {"ids": list(ids)})


# The claim's instant, to the microsecond, names its reservation: a person has one message in a
# claim, so it need not be known which categories the cap counted.
_UNRESERVE = text(
    """
    WITH unsent AS (
        SELECT m.contact_id, c.business, array_agg(u.claimed_at) AS times
        FROM unnest(CAST(:ids AS bigint[]), CAST(:claimed_at AS timestamptz[]))
            AS u (id, claimed_at)
        JOIN messages m ON m.id = u.id
        JOIN campaigns c ON c.id = m.campaign_id
        GROUP BY m.contact_id, c.business
    ), held AS MATERIALIZED (
        SELECT f.contact_id, f.business, f.counted, unsent.times
        FROM frequency_use f JOIN unsent USING (contact_id, business)
        WHERE f.sent && unsent.times
        ORDER BY f.contact_id, f.business, f.counted
        FOR UPDATE OF f
    )
    UPDATE frequency_use f
    SET sent = ARRAY(SELECT t FROM unnest(f.sent) t WHERE t <> ALL(held.times))
    FROM held
    WHERE f.contact_id = held.contact_id AND f.business = held.business
      AND f.counted = held.counted
    """
)
# A sender without a quota has no row; one that has counts every claim.
_UNCOUNT = text(
    """
    UPDATE quota_use q SET used = greatest(0, q.used - u.unsent)
    FROM unnest(CAST(:senders AS bigint[]), CAST(:buckets AS timestamptz[]),
                CAST(:unsent AS int[])) AS u (sender_id, bucket, unsent)
    WHERE q.sender_id = u.sender_id AND q.bucket = u.bucket
    """
)


def give_back(connection: Connection, unsent: Sequence[Settled]) -> None:
    """Give back the caps and quotas of messages that never left; see `lock_quotas`."""
    known = [(one, one.claimed_at) for one in unsent if one.claimed_at is not None]
    if not known:
        return
    claims = {"ids": [one.id for one, _ in known], "claimed_at": [at for _, at in known]}
    connection.execute(_UNRESERVE, claims)
    used: dict[tuple[int, datetime], int] = {}
    for one, at in known:
        key = (one.sender_id, bucket_of(at))
        used[key] = used.get(key, 0) + 1
    connection.execute(
        _UNCOUNT,
        {
            "senders": [sender for sender, _ in used],
            "buckets": [bucket for _, bucket in used],
            "unsent": list(used.values()),
        },
    )


_UNSWEEP = text(
    "UPDATE campaigns SET swept = false WHERE swept AND id = ANY(CAST(:ids AS bigint[]))"
)


def reopen(connection: Connection, campaign_ids: Collection[int]) -> None:
    """Have campaigns that have ended end the messages too that came back to them."""
    connection.execute(_UNSWEEP, {"ids": sorted(campaign_ids)})
