"""What the provider made of a message: recording answers, and giving back what was not sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import MessageState, Reason
from pipeline.store import arrays


@dataclass(frozen=True, kw_only=True, slots=True)
class SendOutcome:
    """The end of one attempt.

    Attributes:
        state: ``sent``, ``failed``, ``expired``, ``in_doubt``; ``ready`` to try again soon,
            ``deferred`` later.
        label: the decision's outcome: ``sent``, ``failed``, ``in_doubt``, ``retry``, ``unsent``,
            or ``block`` with `reason`.
        claimed_at: the business instant of the claim, under which the cap was reserved.
        counted: the categories of that cap; None: no cap was reserved.
        unsent: the message provably did not leave: its cap is given back.
        lease_until: machine instant before which it is not tried again (``ready`` only).
        not_before: business instant before which it is not tried again (``deferred`` only).
        sent_at: business instant at which the request began.
        reason: why it does not go now, where the answer is not all that there is to it.
    """

    id: int
    attempt: int
    state: MessageState
    label: str
    claimed_at: datetime
    counted: str | None = None
    unsent: bool = False
    provider_id: str | None = None
    sent_at: datetime | None = None
    lease_until: datetime | None = None
    not_before: datetime | None = None
    code: str | None = None
    explanation: str | None = None
    reason: Reason | None = None


# A worker that was frozen past its lease finds its message in doubt; its answer is the evidence
# that settles it, provided that the attempt is still the same.
_RECORD = text(
    """
    WITH answer AS (
        SELECT * FROM unnest(
            CAST(:ids AS bigint[]), CAST(:attempts AS int[]), CAST(:states AS message_state[]),
            CAST(:labels AS text[]), CAST(:provider_ids AS text[]),
            CAST(:sent_at AS timestamptz[]), CAST(:leases AS timestamptz[]),
            CAST(:not_before AS timestamptz[]), CAST(:codes AS text[]),
            CAST(:explanations AS text[]), CAST(:reasons AS text[])
        ) AS a (id, attempt, state, label, provider_id, sent_at, lease_until, not_before, code,
                explanation, reason)
    ), moved AS (
        UPDATE messages m
        SET state = CASE WHEN m.state IN ('delivered', 'undelivered') THEN m.state ELSE a.state END,
            provider_id = a.provider_id, sent_at = a.sent_at,
            lease_until = a.lease_until, not_before = a.not_before, reason = a.reason, rule = NULL,
            in_doubt_at = CASE WHEN a.state = 'in_doubt' THEN m.in_doubt_at END,
            refusals = m.refusals + CASE WHEN a.label = 'retry' THEN 1 ELSE 0 END
        FROM answer a
        WHERE m.id = a.id AND m.attempt = a.attempt
          AND (m.state IN ('sending', 'in_doubt')
               OR a.state = 'sent' AND m.sent_at IS DISTINCT FROM a.sent_at)
        RETURNING m.id
    ), noted AS (
        INSERT INTO decisions (message_id, decided_at, stage, outcome, reason, detail)
        SELECT a.id, :now, 'delivery', a.label, a.reason,
               CASE WHEN a.code IS NOT NULL OR a.explanation IS NOT NULL THEN
                   jsonb_build_object('code', a.code, 'explanation', a.explanation) END
        FROM answer a JOIN moved USING (id)
    )
    SELECT id FROM moved
    """
)

_WAITING = frozenset({MessageState.READY, MessageState.DEFERRED})

# A campaign that ended while the message was on its way has to end this one too.
_UNSWEEP = text(
    """
    UPDATE campaigns SET swept = false
    WHERE swept AND id IN (
        SELECT campaign_id FROM messages WHERE id = ANY(CAST(:ids AS bigint[])))
    """
)

# People are locked in the order in which claims lock them. A person with two messages among them
# gets both back: an UPDATE that finds two rows for one target would apply one of them.
_UNRESERVE = text(
    """
    WITH unsent AS (
        SELECT m.contact_id, c.business, u.counted, array_agg(u.claimed_at) AS times
        FROM unnest(CAST(:ids AS bigint[]), CAST(:counted AS text[]),
                    CAST(:claimed_at AS timestamptz[])) AS u (id, counted, claimed_at)
        JOIN messages m ON m.id = u.id
        JOIN campaigns c ON c.id = m.campaign_id
        GROUP BY m.contact_id, c.business, u.counted
    ), held AS MATERIALIZED (
        SELECT f.contact_id, f.business, f.counted, unsent.times
        FROM frequency_use f JOIN unsent USING (contact_id, business, counted)
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


def record(connection: Connection, outcomes: Sequence[SendOutcome], *, now: datetime) -> set[int]:
    """Write the ends of attempts; an attempt that was settled otherwise meanwhile is left alone.

    The caps of what provably did not leave are given back in the same transaction.

    Returns:
        The ids that were recorded.
    """
    if not outcomes:
        return set()
    # In one order, as everybody locks them who takes several.
    outcomes = sorted(outcomes, key=lambda outcome: outcome.id)
    result = connection.execute(
        _RECORD,
        {
            "ids": arrays.integers(o.id for o in outcomes),
            "attempts": arrays.integers(o.attempt for o in outcomes),
            "states": arrays.texts(o.state.value for o in outcomes),
            "labels": arrays.texts(o.label for o in outcomes),
            "provider_ids": arrays.texts(o.provider_id for o in outcomes),
            "sent_at": arrays.instants(o.sent_at for o in outcomes),
            "leases": arrays.instants(o.lease_until for o in outcomes),
            "not_before": arrays.instants(o.not_before for o in outcomes),
            "codes": arrays.texts(o.code for o in outcomes),
            "explanations": arrays.texts(o.explanation for o in outcomes),
            "reasons": arrays.texts(o.reason for o in outcomes),
            "now": now,
        },
    )
    recorded = set(result.scalars())
    back = [o.id for o in outcomes if o.state in _WAITING and o.id in recorded]
    if back:
        connection.execute(_UNSWEEP, {"ids": back})
    unsent = [o for o in outcomes if o.unsent and o.counted and o.id in recorded]
    if unsent:
        connection.execute(
            _UNRESERVE,
            {
                "ids": [o.id for o in unsent],
                "counted": [o.counted for o in unsent],
                "claimed_at": [o.claimed_at for o in unsent],
            },
        )
    return recorded
