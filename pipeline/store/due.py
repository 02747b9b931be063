"""What is due: rows whose time has come; and what goes out next.

Each function takes a bounded number of rows with ``FOR UPDATE SKIP LOCKED``: any number of
dispatchers may run them side by side.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

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
    JOIN senders s ON s.id = pair.sender_id
    WHERE CASE WHEN CAST(:of AS bigint[]) IS NULL THEN s.state = 'active'
               ELSE s.id = ANY(CAST(:of AS bigint[])) END
    """
)
# What was handed out has a try; what was refused has none, and waits for its next one.
_HANDED = text(
    """
    SELECT sender_id, count(*) AS messages FROM messages
    WHERE state = 'ready' AND lease_until IS NOT NULL AND tries > 0 GROUP BY sender_id
    """
)


def ready_pairs(
    connection: Connection, *, of: Collection[int] | None = None
) -> list[tuple[int, int]]:
    """The (sender, campaign) pairs, both active, that have messages to hand out.

    Args:
        of: only of these senders, whatever their state.
    """
    rows = connection.execute(_PAIRS, {"of": None if of is None else sorted(of)})
    return [(row.sender_id, row.campaign_id) for row in rows]


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
        SELECT m.id, m.tries, b.sender_id, b.amount,
               row_number() OVER (PARTITION BY b.sender_id, b.campaign_id ORDER BY m.id) AS turn
        FROM budget b CROSS JOIN LATERAL (
            SELECT id, tries FROM messages
            WHERE sender_id = b.sender_id AND campaign_id = b.campaign_id
              AND state = 'ready' AND lease_until IS NULL
            ORDER BY id LIMIT b.amount FOR UPDATE SKIP LOCKED) m
    ), chosen AS (
        SELECT id, tries FROM (
            SELECT id, tries, amount,
                   row_number() OVER (PARTITION BY sender_id ORDER BY turn, id) AS place
            FROM candidate) ranked
        WHERE place <= amount
    )
    UPDATE messages m SET lease_until = :lease, tries = greatest(m.tries, 1)
    FROM chosen WHERE m.id = chosen.id
    RETURNING m.id, chosen.tries
    """
)


def hand_out(
    connection: Connection,
    pairs: Sequence[tuple[int, int]],
    amounts: Mapping[int, int],
    *,
    lease: datetime,
) -> dict[int, int]:
    """Give each sender up to `amounts[sender]` of its ready messages, fairly over its campaigns.

    Returns:
        Each message's id → how often it was taken up in vain; see ``recovery``.
    """
    wanted = [pair for pair in pairs if amounts.get(pair[0], 0) > 0]
    if not wanted:
        return {}
    result = connection.execute(
        _HAND_OUT,
        {
            "senders": [sender for sender, _ in wanted],
            "campaigns": [campaign for _, campaign in wanted],
            "amounts": [amounts[sender] for sender, _ in wanted],
            "lease": lease,
        },
    )
    return {row.id: row.tries for row in sorted(result)}


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
