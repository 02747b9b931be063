"""What somebody dropped: rows whose lease ran out, and the one among them that is to blame.

A row's ``tries`` counts how often it was taken up since it last moved on. The first time it is
dropped nothing is known: its chunk may have been lost with Redis. From then on its chunks are
watched: whoever takes one up says so first (`take_up`). So a row that waits in a long queue, or
while no worker runs, is never blamed. Each time that a watched chunk is dropped its rows come back
in smaller company, at last alone; one that was dropped `MOST_TRIES` times is set aside, and all
the others have moved on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from pipeline.policy.vocabulary import MessageState, Reason

MOST_TRIES = 5
"""A row that was dropped so often is set aside."""

WHOLE_CHUNK = 1000
SMALL_CHUNK = 50
"""Rows that come back together after they were dropped once, and twice; afterwards one by one."""

MOST_CHUNKS = 200
"""Small chunks that come back at once: what is left over comes back with the next round."""


def chunk_size(tries: int) -> int:
    """How many rows of so many tries may be taken up together."""
    return {0: WHOLE_CHUNK, 1: WHOLE_CHUNK, 2: SMALL_CHUNK}.get(tries, 1)


def in_chunks(tries: dict[int, int], *, most: int = WHOLE_CHUNK) -> list[tuple[int, list[int]]]:
    """Rows (id → tries) in chunks of their tries: (tries, ids), those without tries first.

    Args:
        most: ids in one chunk, where their tries allow more.
    """
    chunks = []
    for count, group in groupby(
        sorted(tries, key=lambda id_: (tries[id_], id_)), tries.__getitem__
    ):
        ids, size = list(group), min(most, chunk_size(count))
        chunks += [(count, ids[start : start + size]) for start in range(0, len(ids), size)]
    return chunks


# A row that was handed out has a try already, and one whose back-off is over has none.
_LAPSED = text(
    """
    SELECT id, state, tries FROM messages
    WHERE lease_until IS NOT NULL
      AND (state IN ('accepted', 'consented') AND lease_until <= :unstaged_before
           OR state IN ('ready', 'sending') AND lease_until <= :machine_now)
    ORDER BY lease_until LIMIT :most FOR UPDATE SKIP LOCKED
    """
)
_RENEW = text(
    """
    UPDATE messages SET lease_until = :lease, tries = greatest(tries, 1)
    WHERE id = ANY(CAST(:ids AS bigint[]))
    """
)
_DOUBT = text(
    """
    WITH moved AS (
        UPDATE messages
        SET state = 'in_doubt', lease_until = NULL, in_doubt_at = coalesce(in_doubt_at, :now)
        WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'sending' RETURNING id
    )
    INSERT INTO decisions (message_id, decided_at, stage, outcome, detail)
    SELECT id, :now, 'dispatch', 'in_doubt',
           jsonb_build_object('explanation', 'the worker ended between claiming and recording')
    FROM moved
    """
)
_UNHAND = text("UPDATE messages SET lease_until = NULL WHERE id = ANY(CAST(:ids AS bigint[]))")
_SET_ASIDE = text(
    """
    WITH dropped AS (
        SELECT id, state FROM messages WHERE id = ANY(CAST(:ids AS bigint[]))
    ), moved AS (
        UPDATE messages m
        SET state = 'failed', reason = :reason, rule = NULL, lease_until = NULL, not_before = NULL
        FROM dropped d WHERE m.id = d.id
        RETURNING m.id, m.tries, d.state AS before
    )
    INSERT INTO decisions (message_id, decided_at, stage, outcome, reason, detail)
    SELECT id, :now, 'dispatch', 'failed', :reason,
           jsonb_build_object('before', before, 'tries', tries, 'explanation',
                              'whoever took it up ended, or failed, again and again')
    FROM moved
    """
)


@dataclass(kw_only=True, slots=True)
class Lapsed:
    """What was dropped.

    Attributes:
        accepted, consented: chunks to put into the queues of those states, and to watch.
        ready: messages that are back in the pool.
        sending: messages that are in doubt from now on.
        set_aside: messages that were dropped too often.
    """

    accepted: list[list[int]] = field(default_factory=list)
    consented: list[list[int]] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)
    sending: list[int] = field(default_factory=list)
    set_aside: list[int] = field(default_factory=list)

    def any(self) -> bool:
        """Whether there is anything to tell; a ready row's lapsed back-off is not."""
        return bool(self.accepted or self.consented or self.sending or self.set_aside)


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
    again without evidence. What was dropped too often is set aside.
    """
    rows = connection.execute(
        _LAPSED, {"machine_now": machine_now, "unstaged_before": unstaged_before, "most": most}
    ).all()
    lapsed = Lapsed()
    unstaged: dict[MessageState, dict[int, int]] = {
        MessageState.ACCEPTED: {},
        MessageState.CONSENTED: {},
    }
    for row in rows:
        _sort(row, lapsed, unstaged)
    lapsed.accepted = _chunks(unstaged[MessageState.ACCEPTED])
    lapsed.consented = _chunks(unstaged[MessageState.CONSENTED])
    again = [id_ for chunk in lapsed.accepted + lapsed.consented for id_ in chunk]
    if again:
        connection.execute(_RENEW, {"ids": again, "lease": lease})
    if lapsed.sending:
        connection.execute(_DOUBT, {"ids": lapsed.sending, "now": now})
    if lapsed.ready:
        connection.execute(_UNHAND, {"ids": lapsed.ready})
    if lapsed.set_aside:
        values = {"ids": lapsed.set_aside, "now": now, "reason": Reason.SET_ASIDE.value}
        connection.execute(_SET_ASIDE, values)
    return lapsed


def _sort(
    row: Row[tuple[int, str, int]], lapsed: Lapsed, unstaged: dict[MessageState, dict[int, int]]
) -> None:
    state = MessageState(row.state)
    if state is MessageState.SENDING:
        lapsed.sending.append(row.id)
    elif row.tries >= MOST_TRIES:
        lapsed.set_aside.append(row.id)
    elif state is MessageState.READY:
        lapsed.ready.append(row.id)
    else:
        unstaged[state][row.id] = max(row.tries, 1)


def _chunks(tries: dict[int, int]) -> list[list[int]]:
    chunks = [ids for _, ids in in_chunks(tries)]
    return chunks[:MOST_CHUNKS]


# A queue may hold several copies of one chunk, and an older one is larger than its rows' tries
# allow by now: whoever takes that up leaves them, for they come back alone.
_TAKE_UP = text(
    """
    UPDATE messages m SET tries = m.tries + CASE WHEN m.tries > 0 THEN 1 ELSE 0 END
    FROM (SELECT id FROM messages
          WHERE id = ANY(CAST(:ids AS bigint[])) AND state = CAST(:state AS message_state)
            AND CASE WHEN tries <= 1 THEN :whole WHEN tries = 2 THEN :small ELSE 1 END >= :size
          ORDER BY id FOR UPDATE) held
    WHERE m.id = held.id
    RETURNING m.id
    """
)
_PUT_DOWN = text(
    """
    UPDATE messages m SET tries = m.tries - 1
    FROM (SELECT id FROM messages
          WHERE id = ANY(CAST(:ids AS bigint[])) AND state = CAST(:state AS message_state)
            AND tries > 0
          ORDER BY id FOR UPDATE) held
    WHERE m.id = held.id
    """
)


def take_up(connection: Connection, ids: Sequence[int], *, state: MessageState) -> list[int]:
    """Say that a watched chunk is in hand; commit it before anything else is done with it.

    Returns:
        The rows that may be worked on in this company.
    """
    values = {"ids": list(ids), "state": state.value, "size": len(ids)}
    sizes = {"whole": WHOLE_CHUNK, "small": SMALL_CHUNK}
    return sorted(connection.execute(_TAKE_UP, values | sizes).scalars())


def put_down(connection: Connection, ids: Sequence[int], *, state: MessageState) -> None:
    """Say that a stage is done with rows of a watched chunk that wait for another in one state."""
    connection.execute(_PUT_DOWN, {"ids": list(ids), "state": state.value})
