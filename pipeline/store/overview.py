"""The state of everything, in a few queries, for `recado status`."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store import optout_report


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
        oldest_moving_at: when the oldest message arrived that is neither deferred nor at its end.
        sent: messages sent since the instant that was asked about.
        replies_waiting: replies about which the opt-out lane still has something to do.
        opt_outs_open: opt-outs whose confirmation is owed, failed or in doubt.
        opt_outs_past_half, opt_outs_past_deadline: those of them whose clock is so far.
        oldest_opt_out_at: when the oldest of them was received.
        reviews_waiting: replies that wait for a person's decision.
    """

    states: dict[str, int]
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
    senders: list[SenderLoad]


_STATES = text(
    """
    SELECT state::text AS state, count(*) AS messages,
           count(*) FILTER (WHERE sent_at > :since) AS sent, min(created_at) AS oldest
    FROM messages GROUP BY state ORDER BY state
    """
)
_SENDERS = text(
    """
    SELECT s.code, s.state, s.state_reason, s.rate_per_second,
           coalesce(w.ready, 0) AS ready, coalesce(w.handed, 0) AS handed
    FROM senders s LEFT JOIN (
        SELECT sender_id, count(*) FILTER (WHERE lease_until IS NULL) AS ready,
               count(*) FILTER (WHERE lease_until IS NOT NULL) AS handed
        FROM messages WHERE state = 'ready' GROUP BY sender_id
    ) w ON w.sender_id = s.id
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


def overview(connection: Connection, *, sent_since: datetime, now: datetime) -> Overview:
    """Everything at once. Counts every message: tenths of a second a million.

    Args:
        now: the business instant by which the opt-out clocks are judged.
    """
    states = connection.execute(_STATES, {"since": sent_since}).all()
    replies = optout_report.unhandled(connection)
    clocks = optout_report.open_clocks(connection, now)
    reviews = optout_report.reviews_waiting(connection)
    return Overview(
        states={row.state: row.messages for row in states},
        oldest_moving_at=min((row.oldest for row in states if row.state in _MOVING), default=None),
        sent=sum(row.sent for row in states),
        replies_waiting=replies.amount,
        oldest_reply_at=replies.oldest_received_at,
        opt_outs_open=clocks.open,
        opt_outs_past_half=clocks.past_half,
        opt_outs_past_deadline=clocks.past_deadline,
        oldest_opt_out_at=clocks.oldest_received_at,
        reviews_waiting=reviews.amount,
        oldest_review_at=reviews.oldest_received_at,
        senders=[SenderLoad(**row) for row in connection.execute(_SENDERS).mappings()],
    )


def suspended_senders(connection: Connection, campaign_id: int) -> list[SenderLoad]:
    """The suspended senders that hold ready messages of a campaign."""
    rows = connection.execute(_SUSPENDED, {"campaign": campaign_id}).mappings()
    return [SenderLoad(**row) for row in rows]
