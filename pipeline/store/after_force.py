"""What left after an opt-out was in force: the proof that nothing did, or what broke the promise.

A person's wish binds the messages that it ends: marketing and public-service messages of the
businesses concerned, and every message where the number was somebody else's. It binds until the
person comes back: a consent that was given later and stood in the ledger when the message left, a
later START, or the lifting of the entry on the suppression list.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store.optout_period import CHOSEN, Period


@dataclass(frozen=True, kw_only=True, slots=True)
class SentAfter:
    """A message that left, or may have left, after an opt-out that forbade it was in force.

    Attributes:
        inbound_id: the earliest opt-out of the period that forbade it.
        state: what has become of the message.
        in_force_at: when that opt-out was in force.
        sent_at: when the request began; where `measured` is False, the first sign of it that
            anybody noted: the true beginning lies before.
        measured: False: the process that sent it ended before it wrote down when the request
            began, and only the provider, or the doubt of the dispatcher, tells of it.
    """

    message_id: int
    inbound_id: int
    campaign: str
    business: str
    phone: str | None
    state: str
    in_force_at: datetime
    sent_at: datetime
    measured: bool

    @property
    def gap(self) -> timedelta:
        """Business time from force to the request."""
        return self.sent_at - self.in_force_at


# Where the process ended between its commit and noting the time, the lane's own times stand in:
# the lane sees an opt-out only after its commit. Without evidence to the contrary, what stands in
# `sent_at` is the beginning of the request: a missing decision accuses, it does not excuse.
# Each step is materialised: left to itself the planner, which takes the steps for a row each,
# walks through every campaign for every opt-out.
_AFTER = text(
    f"""
    WITH forbidden AS (
        SELECT o.inbound_id, o.contact_id, o.businesses, '*' = ANY(o.businesses) AS everywhere,
               coalesce(o.in_force_at, o.cancelled_at, o.confirmed_at) AS in_force_at,
               least(i.occurred_at, o.received_at) AS left_at, i.scope = 'number' AS everything
        FROM opt_outs o JOIN inbound_messages i ON i.id = o.inbound_id
        WHERE {CHOSEN}
    ), touched AS MATERIALIZED (
        SELECT m.id, m.contact_id, m.campaign_id, m.state, m.sent_at, f.inbound_id, f.businesses,
               f.in_force_at, f.left_at, f.everywhere, f.everything
        FROM forbidden f JOIN messages m ON m.contact_id = f.contact_id
        WHERE m.sent_at > f.in_force_at OR m.state = 'in_doubt' AND m.sent_at IS NULL
    ), candidate AS MATERIALIZED (
        SELECT f.*, c.code AS campaign, c.business
        FROM touched f JOIN campaigns c ON c.id = f.campaign_id
        WHERE (c.category <> 'transactional' OR f.everything)
          AND (f.everywhere OR c.business = ANY(f.businesses))
          AND (CAST(:business AS text) IS NULL OR c.business = :business)
    ), later AS MATERIALIZED (
        SELECT n.*, coalesce(n.sent_at, e.doubted_at) AS at,
               n.sent_at IS NOT NULL AND (e.recorded OR NOT e.settled) AS measured
        FROM candidate n CROSS JOIN LATERAL (
            SELECT max(d.decided_at) FILTER (WHERE d.outcome = 'in_doubt') AS doubted_at,
                   coalesce(bool_or(d.stage = 'dispatch' AND d.outcome = 'in_doubt'
                                    OR d.detail->>'source' = 'status'), false) AS settled,
                   coalesce(bool_or(d.stage = 'delivery' AND d.outcome IN ('sent', 'in_doubt')
                                    AND d.detail->>'source' IS DISTINCT FROM 'status'), false)
                       AS recorded
            FROM decisions d WHERE d.message_id = n.id
        ) AS e
    )
    SELECT DISTINCT ON (l.id) l.id AS message_id, l.inbound_id, l.campaign, l.business, t.phone,
           CAST(l.state AS text) AS state, l.in_force_at, l.at AS sent_at, l.measured
    FROM later l JOIN contacts t ON t.id = l.contact_id
    WHERE l.at > l.in_force_at
      AND NOT EXISTS (
          SELECT FROM consent_events e
          WHERE e.contact_id = l.contact_id AND e.business = l.business AND NOT l.everywhere
            AND e.kind = 'granted' AND e.occurred_at > l.left_at AND e.recorded_at <= l.at)
      AND NOT EXISTS (
          SELECT FROM inbound_messages b
          WHERE b.contact_id = l.contact_id AND l.business = ANY(b.businesses) AND NOT l.everywhere
            AND b.intent = 'opt_in' AND b.occurred_at > l.left_at AND b.received_at <= l.at)
      AND NOT EXISTS (
          SELECT FROM suppressions s
          WHERE s.contact_id = l.contact_id
            AND s.business = CASE WHEN l.everywhere THEN '*' ELSE l.business END
            AND s.lifted_at > l.left_at AND s.lifted_at <= l.at)
    ORDER BY l.id, l.in_force_at, l.inbound_id
    """  # noqa: S608 - our own fragments; what operators write travels as parameters
)


def after_force(connection: Connection, period: Period) -> list[SentAfter]:
    """Every message that left, or may have left, after force, however shortly; by message."""
    rows = connection.execute(_AFTER, period.values()).mappings()
    return [SentAfter(**row) for row in rows]
