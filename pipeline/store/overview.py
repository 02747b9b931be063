"""The state of everything, in a few queries, for `recado status`."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store import account_rests, doubts, optout_report, set_aside
from pipeline.store.account_rests import Rest


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderLoad:
    """A sender and what waits for it.

    Attributes:
        ready: messages that wait for their turn.
        handed: messages that were given out and are not sent yet.
    """

    code: str
    state: str
    state_reason: str | None
    rate_per_second: float
    ready: int
    handed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """What the database tells.

    Attributes:
        states: messages by state.
        states_estimated: there are so many messages that those at their ends were not counted:
            their numbers are the planner's statistics, a few per cent off. The others are exact.
        oldest_moving_at: when the oldest message arrived that is neither deferred nor at its end.
        sent: messages sent since the instant that was asked about.
        replies_waiting: replies about which the opt-out lane still has something to do.
        opt_outs_open: opt-outs whose confirmation is owed, failed or in doubt.
        opt_outs_past_half, opt_outs_past_deadline: those of them whose clock is so far.
        oldest_opt_out_at: when the oldest of them was received.
        reviews_waiting: replies that wait for a person's decision.
        resting: provider accounts through which nothing is sent for now.
        in_doubt: messages of which nobody knows whether they were sent.
        set_aside: messages that ended whoever took them up; they wait for an operator.
    """

    states: dict[str, int]
    states_estimated: bool
    oldest_moving_at: datetime | None
    sent: int
    replies_waiting: int
    oldest_reply_at: datetime | None
    opt_outs_open: int
    opt_outs_past_half: int
    opt_outs_past_deadline: int
    oldest_opt_out_at: datetime | None
    reviews_waiting: int
    oldest_review_at: datetime | None
    in_doubt: int
    oldest_doubt_at: datetime | None
    set_aside: int
    senders: list[SenderLoad]
    resting: list[Rest]


LARGE_BYTES = 512 * 1024 * 1024
"""Messages above this are not counted one by one: it would take a second and more each time."""

_BYTES = text("SELECT pg_relation_size('messages')")
_STATES = text(
    """
    SELECT state::text AS state, count(*) AS messages,
           count(*) FILTER (WHERE sent_at > :since) AS sent, min(created_at) AS oldest
    FROM messages GROUP BY state ORDER BY state
    """
)
# Each part by the partial index that holds it: as much work as there is on its way.
_LIVE = text(
    """
    SELECT state::text AS state, sum(messages)::bigint AS messages, min(oldest) AS oldest FROM (
        SELECT state, count(*) AS messages, min(created_at) AS oldest
        FROM messages WHERE lease_until IS NOT NULL GROUP BY state
        UNION ALL
        SELECT 'ready', count(*), min(created_at)
        FROM messages WHERE state = 'ready' AND lease_until IS NULL
        UNION ALL
        SELECT 'deferred', count(*), NULL FROM messages WHERE state = 'deferred'
        UNION ALL
        SELECT 'in_doubt', count(*), NULL FROM messages WHERE state = 'in_doubt'
    ) parts
    WHERE messages > 0 GROUP BY state
    """
)
_AT_ENDS = text(
    """
    SELECT s.state, (c.reltuples * s.share)::bigint AS messages
    FROM pg_class c, pg_stats p, LATERAL unnest(
        CAST(CAST(p.most_common_vals AS text) AS text[]), p.most_common_freqs) AS s (state, share)
    WHERE c.oid = 'messages'::regclass AND p.schemaname = current_schema()
      AND p.tablename = 'messages' AND p.attname = 'state'
      AND s.state IN ('sent', 'delivered', 'undelivered', 'blocked', 'expired', 'cancelled',
                      'failed')
    """
)
_SENT = text("SELECT count(*) FROM messages WHERE sent_at > :since")
_SENDERS = text(
    """
    SELECT s.code, s.state, s.state_reason, s.rate_per_second,
           coalesce(w.ready, 0) AS ready, coalesce(h.handed, 0) AS handed
    FROM senders s LEFT JOIN (
        SELECT sender_id, count(*) AS ready FROM messages
        WHERE state = 'ready' AND lease_until IS NULL GROUP BY sender_id
    ) w ON w.sender_id = s.id LEFT JOIN (
        SELECT sender_id, count(*) AS handed FROM messages
        WHERE state = 'ready' AND lease_until IS NOT NULL GROUP BY sender_id
    ) h ON h.sender_id = s.id
    ORDER BY s.code
    """
)
_SUSPENDED = text(
    """
    SELECT s.code, s.state, s.state_reason, s.rate_per_second, count(*) AS ready, 0 AS handed
    FROM messages m JOIN senders s ON s.id = m.sender_id
    WHERE m.campaign_id = :campaign AND m.state = 'ready' AND s.state = 'suspended'
    GROUP BY s.id ORDER BY s.code
    """
)
_MOVING = frozenset({"accepted", "consented", "ready", "sending"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Counts:
    states: dict[str, int]
    estimated: bool
    oldest_moving_at: datetime | None
    sent: int


def overview(
    connection: Connection, *, sent_since: datetime, now: datetime, large_bytes: int = LARGE_BYTES
) -> Overview:
    """Everything at once, in a time that depends on what is on its way, not on what is over.

    Args:
        now: the business instant by which the opt-out clocks are judged.
        large_bytes: a larger table of messages is not counted row by row.
    """
    counts = _counts(connection, sent_since, large_bytes)
    replies = optout_report.unhandled(connection)
    clocks = optout_report.open_clocks(connection, now)
    reviews = optout_report.reviews_waiting(connection)
    doubted = doubts.totals(connection)
    return Overview(
        states=counts.states,
        states_estimated=counts.estimated,
        oldest_moving_at=counts.oldest_moving_at,
        sent=counts.sent,
        replies_waiting=replies.amount,
        oldest_reply_at=replies.oldest_received_at,
        opt_outs_open=clocks.open,
        opt_outs_past_half=clocks.past_half,
        opt_outs_past_deadline=clocks.past_deadline,
        oldest_opt_out_at=clocks.oldest_received_at,
        reviews_waiting=reviews.amount,
        oldest_review_at=reviews.oldest_received_at,
        in_doubt=doubted.amount,
        oldest_doubt_at=doubted.oldest_at,
        set_aside=set_aside.count(connection),
        senders=[SenderLoad(**row) for row in connection.execute(_SENDERS).mappings()],
        resting=list(account_rests.read(connection).values()),
    )


def _counts(connection: Connection, since: datetime, large_bytes: int) -> _Counts:
    ends = {}
    if int(connection.scalar(_BYTES) or 0) > large_bytes:
        ends = {row.state: row.messages for row in connection.execute(_AT_ENDS)}
    if not ends:  # it is small, or nobody has analysed it yet
        rows = connection.execute(_STATES, {"since": since}).all()
        sent = sum(row.sent for row in rows)
    else:
        rows = connection.execute(_LIVE).all()
        sent = int(connection.scalar(_SENT, {"since": since}) or 0)
    states = {row.state: row.messages for row in rows} | ends
    return _Counts(
        states=dict(sorted(states.items())),
        estimated=bool(ends),
        oldest_moving_at=min((row.oldest for row in rows if row.state in _MOVING), default=None),
        sent=sent,
    )


def suspended_senders(connection: Connection, campaign_id: int) -> list[SenderLoad]:
    """The suspended senders that hold ready messages of a campaign."""
    rows = connection.execute(_SUSPENDED, {"campaign": campaign_id}).mappings()
    return [SenderLoad(**row) for row in rows]
