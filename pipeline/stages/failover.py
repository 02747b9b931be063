"""Fail-over: what provably was not sent goes to another sender when its own cannot send.

Moved messages go back to the first stage, so that every rule is asked again, of the other sender.
Nothing brings them back when their first sender has recovered.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import Reason
from pipeline.stages.books import Books
from pipeline.stages.facts import gather
from pipeline.stages.unavailable import unavailable
from pipeline.store import campaigns, due, senders

# Only what is ready and in nobody's hands: it was never sent, or was provably refused, and its cap
# and quota were given back.
_MOVE = text(
    """
    WITH moved AS (
        UPDATE messages
        SET state = 'deferred', not_before = :now, sender_id = NULL, reason = NULL, rule = NULL
        WHERE id IN (
            SELECT id FROM messages
            WHERE sender_id = :sender AND campaign_id = :campaign
              AND state = 'ready' AND lease_until IS NULL
            ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED
        )
        RETURNING id
    )
    INSERT INTO decisions (message_id, decided_at, stage, outcome, reason, detail)
    SELECT id, :now, 'dispatch', 'defer', :reason,
           jsonb_build_object('explanation', 'another sender is looked for', 'saw',
               jsonb_build_object('sender', CAST(:code AS text), 'detail', CAST(:detail AS text)))
    FROM moved
    """
)


def move(
    connection: Connection, *, books: Books, now: datetime, patience: timedelta, most: int
) -> Mapping[str, int]:
    """Take messages from senders that cannot send, where another may; how many, by sender code.

    Args:
        now: business instant.
        patience: business time for which an account must have rested.
        most: at most so many messages.
    """
    known = {sender.id: sender for sender in senders.select_senders(connection)}
    stuck = {
        sender_id: why
        for sender_id, why in unavailable(connection, list(known.values())).items()
        if why.reason is not Reason.ACCOUNT_RESTS or now - why.since >= patience
    }
    if not stuck:
        return {}
    pairs = due.ready_pairs(connection, of=stuck)
    moved: Counter[str] = Counter()
    for sender_id, campaign_id in _movable(connection, pairs, known, books, now):
        sender = known[sender_id]
        left = most - moved.total()
        if left <= 0:
            break
        why = stuck[sender_id]
        values = {
            "sender": sender_id,
            "campaign": campaign_id,
            "code": sender.code,
            "reason": why.reason.value,
            "detail": why.detail[:200],
            "now": now,
            "most": left,
        }
        moved[sender.code] += connection.execute(_MOVE, values).rowcount
    return {code: amount for code, amount in moved.items() if amount}


def _movable(
    connection: Connection,
    pairs: Sequence[tuple[int, int]],
    known: Mapping[int, senders.Sender],
    books: Books,
    now: datetime,
) -> list[tuple[int, int]]:
    """The pairs for which the first stage will find another sender."""
    found = campaigns.by_ids(connection, {campaign for _, campaign in pairs})
    facts = {
        campaign.id: gather(connection, campaign, [], books=books, now=now)
        for campaign in found.values()
        if campaign.sender_code is None
    }
    return [
        (sender_id, campaign_id)
        for sender_id, campaign_id in pairs
        if campaign_id in facts and facts[campaign_id].stand_ins(known[sender_id].country)
    ]
