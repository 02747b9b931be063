"""What is due: rows whose time has come, or whose lease ran out; and what goes out next.

Each function takes a bounded number of rows with ``FOR UPDATE SKIP LOCKED``: any number of
dispatchers may run them side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import MessageState

_RELEASE = text(
    """
    UPDATE messages SET state = 'accepted', lease_until = :lease, reason = NULL, rule = NULL,
                        not_before = NULL
    WHERE id IN (
        SELECT id FROM messages WHERE state = 'deferred' AND not_before <= :now
        ORDER BY not_before, id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    RETURNING id
    """
)


def release(connection: Connection, *, now: datetime, lease: datetime, most: int) -> list[int]:
    """Bring deferred messages whose time has come back to the first stage."""
    result = connection.execute(_RELEASE, {"now": now, "lease": lease, "most": most})
    return sorted(result.scalars())


_CLOSE = text(
    """
    UPDATE messages SET state = 'deferred', not_before = :now, lease_until = NULL, rule = NULL,
                        reason = CASE WHEN window_closes_at <= :now THEN 'window_closed' END
    WHERE id IN (
        SELECT id FROM messages
        WHERE state = 'ready' AND lease_until IS NULL
          AND least(window_closes_at, look_again_at) <= :now
        ORDER BY least(window_closes_at, look_again_at) LIMIT :most FOR UPDATE SKIP LOCKED
    )
    """
)


def close_windows(connection: Connection, *, now: datetime, most: int) -> int:
    """Send ready messages back to be decided again; say how many.

    They are those whose window has closed, and those whose decisions no longer hold.
    """
    return connection.execute(_CLOSE, {"now": now, "most": most}).rowcount


_LAPSED = text(
    """
    SELECT id, state FROM messages
    WHERE lease_until IS NOT NULL
      AND (state IN ('accepted', 'consented') AND lease_until <= :unstaged_before
           OR state IN ('ready', 'sending') AND lease_until <= :machine_now)
    ORDER BY lease_until LIMIT :most FOR UPDATE SKIP LOCKED
    """
)
_RENEW = text("UPDATE messages SET lease_until = :lease WHERE id = ANY(CAST(:ids AS bigint[]))")
_DOUBT = text(
    """
    WITH moved AS (
        UPDATE messages SET state = 'in_doubt', lease_until = NULL
        WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'sending' RETURNING id
    )
    INSERT INTO decisions (message_id, decided_at, stage, outcome, detail)
    SELECT id, :now, 'dispatch', 'in_doubt',
           jsonb_build_object('explanation', 'the worker ended between claiming and recording')
    FROM moved
    """
)
_UNHAND = text("UPDATE messages SET lease_until = NULL WHERE id = ANY(CAST(:ids AS bigint[]))")


@dataclass(frozen=True, slots=True)
class Lapsed:
    """Messages whose lease ran out, by the state they were left in."""

    accepted: list[int]
    consented: list[int]
    ready: list[int]
    sending: list[int]

    def any(self) -> bool:
        """Whether there is anything to tell; a ready row's lapsed back-off is not."""
        return bool(self.accepted or self.consented or self.sending)


def recover(
    connection: Connection,
    *,
    now: datetime,
    machine_now: datetime,
    unstaged_before: datetime,
    lease: datetime,
    most: int,
) -> Lapsed:
    """Take up what somebody dropped.

    Args:
        unstaged_before: machine instant before which the lease of a message that waits in a
            stage's queue must have ended.

    Messages before ``ready`` get a new lease, and must be enqueued again by the caller; ready
    ones return to the pool; those that were being sent are in doubt, and nobody sends them
    again without evidence.
    """
    rows = connection.execute(
        _LAPSED, {"machine_now": machine_now, "unstaged_before": unstaged_before, "most": most}
    ).all()
    by_state: dict[str, list[int]] = {}
    for row in rows:
        by_state.setdefault(row.state, []).append(row.id)
    lapsed = Lapsed(
        accepted=by_state.pop(MessageState.ACCEPTED, []),
        consented=by_state.pop(MessageState.CONSENTED, []),
        sending=by_state.pop(MessageState.SENDING, []),
        ready=by_state.pop(MessageState.READY, []),
    )
    if lapsed.accepted or lapsed.consented:
        ids = lapsed.accepted + lapsed.consented
        connection.execute(_RENEW, {"ids": ids, "lease": lease})
    if lapsed.sending:
        connection.execute(_DOUBT, {"ids": lapsed.sending, "now": now})
    if lapsed.ready:
        connection.execute(_UNHAND, {"ids": lapsed.ready})
    return lapsed


# A walk along the index from one (sender, campaign) to the next: as many steps as there are
# pairs, however many messages wait.
_PAIRS = text(
    """
    WITH RECURSIVE pair AS (
        (SELECT sender_id, campaign_id FROM messages
         WHERE state = 'ready' AND lease_until IS NULL
         ORDER BY sender_id, campaign_id LIMIT 1)
        UNION ALL
        SELECT next.sender_id, next.campaign_id FROM pair CROSS JOIN LATERAL (
            SELECT m.sender_id, m.campaign_id FROM messages m
            WHERE m.state = 'ready' AND m.lease_until IS NULL
              AND (m.sender_id, m.campaign_id) > (pair.sender_id, pair.campaign_id)
            ORDER BY m.sender_id, m.campaign_id LIMIT 1) next
    )
    SELECT pair.sender_id, pair.campaign_id
    FROM pair
    JOIN campaigns c ON c.id = pair.campaign_id AND c.state = 'active'
    JOIN senders s ON s.id = pair.sender_id AND s.state = 'active'
    """
)
_HANDED = text(
    """
    SELECT sender_id, count(*) AS messages FROM messages
    WHERE state = 'ready' AND lease_until IS NOT NULL GROUP BY sender_id
    """
)


def ready_pairs(connection: Connection) -> list[tuple[int, int]]:
    """The (sender, campaign) pairs, both active, that have messages to hand out."""
    return [(row.sender_id, row.campaign_id) for row in connection.execute(_PAIRS)]


def handed_out(connection: Connection) -> dict[int, int]:
    """How many messages each sender has been given that were not claimed yet."""
    return {row.sender_id: row.messages for row in connection.execute(_HANDED)}


# Campaigns of one sender take turns: the first message of each, then the second of each.
_HAND_OUT = text(
    """
    WITH budget AS (
        SELECT * FROM unnest(CAST(:senders AS bigint[]), CAST(:campaigns AS bigint[]),
                             CAST(:amounts AS int[])) AS b (sender_id, campaign_id, amount)
    ), candidate AS (
        SELECT m.id, b.sender_id, b.amount,
               row_number() OVER (PARTITION BY b.sender_id, b.campaign_id ORDER BY m.id) AS turn
        FROM budget b CROSS JOIN LATERAL (
            SELECT id FROM messages
            WHERE sender_id = b.sender_id AND campaign_id = b.campaign_id
              AND state = 'ready' AND lease_until IS NULL
            ORDER BY id LIMIT b.amount FOR UPDATE SKIP LOCKED) m
    ), chosen AS (
        SELECT id FROM (
            SELECT id, amount,
                   row_number() OVER (PARTITION BY sender_id ORDER BY turn, id) AS place
            FROM candidate) ranked
        WHERE place <= amount
    )
    UPDATE messages SET lease_until = :lease WHERE id IN (SELECT id FROM chosen) RETURNING id
    """
)


def hand_out(
    connection: Connection,
    pairs: Sequence[tuple[int, int]],
    amounts: Mapping[int, int],
    *,
    lease: datetime,
) -> list[int]:
    """Give each sender up to `amounts[sender]` of its ready messages, fairly over its campaigns."""
    wanted = [pair for pair in pairs if amounts.get(pair[0], 0) > 0]
    if not wanted:
        return []
    result = connection.execute(
        _HAND_OUT,
        {
            "senders": [sender for sender, _ in wanted],
            "campaigns": [campaign for _, campaign in wanted],
            "amounts": [amounts[sender] for sender, _ in wanted],
            "lease": lease,
        },
    )
    return sorted(result.scalars())


_POSTPONE = text(
    """
    WITH moved AS (
        UPDATE messages SET state = 'deferred', not_before = :until, reason = :reason, rule = :rule,
                            lease_until = NULL
        WHERE id IN (
            SELECT id FROM messages
            WHERE sender_id = :sender AND state = 'ready' AND lease_until IS NULL
            ORDER BY campaign_id, id LIMIT :most FOR UPDATE SKIP LOCKED
        )
        RETURNING id
    )
    INSERT INTO decisions (message_id, decided_at, stage, outcome, reason, rule)
    SELECT id, :now, 'dispatch', 'defer', :reason, :rule FROM moved
    """
)


def postpone(
    connection: Connection,
    sender_id: int,
    *,
    until: datetime,
    reason: str,
    rule: str | None,
    now: datetime,
    most: int,
) -> int:
    """Defer a sender's ready messages, e.g. because its quota is used up; say how many."""
    values = {
        "sender": sender_id,
        "until": until,
        "reason": reason,
        "rule": rule,
        "now": now,
        "most": most,
    }
    return connection.execute(_POSTPONE, values).rowcount
