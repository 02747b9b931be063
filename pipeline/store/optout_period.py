"""The opt-outs of a period: how many, how soon each was obeyed, and what broke a deadline.

Everything is chosen by the instant of receipt, from `start` up to and not including `end`. Each
function reads the opt-outs of the period once, by their index; none looks at people one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """Which opt-outs are meant.

    Attributes:
        business: only those that concern this business; None: all of them.
    """

    start: datetime
    end: datetime
    business: str | None = None

    def values(self) -> dict[str, Any]:
        """The parameters that `CHOSEN` takes."""
        return {"start": self.start, "end": self.end, "business": self.business}


CHOSEN = """
    o.received_at >= :start AND o.received_at < :end
    AND (CAST(:business AS text) IS NULL OR o.businesses && ARRAY[:business, '*'])
"""
"""The condition on a row `o` of ``opt_outs`` that it belongs to the period."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Opt-outs that have something in common.

    Attributes:
        by: ``origin``, ``country``, ``business``, ``confirmation``, or ``all`` for all of them.
        repeated: the person had left already.
        shortest_deadline, longest_deadline: seconds from receipt.
        rules: those that set the deadlines; empty: no pack had one, and the strictest was taken.
    """

    by: str
    name: str
    opt_outs: int
    people: int
    complaints: int
    repeated: int
    shortest_deadline: float
    longest_deadline: float
    rules: Sequence[str]


_GROUP_COLUMNS = """
    count(*) AS opt_outs, count(DISTINCT o.contact_id) AS people,
    count(*) FILTER (WHERE o.complaint) AS complaints,
    count(*) FILTER (WHERE o.repeated) AS repeated,
    CAST(extract(epoch FROM min(o.deadline_at - o.received_at)) AS float8) AS shortest_deadline,
    CAST(extract(epoch FROM max(o.deadline_at - o.received_at)) AS float8) AS longest_deadline,
    array_remove(array_agg(DISTINCT o.rule), NULL) AS rules
"""
_GROUPS = text(
    f"""
    SELECT CASE WHEN grouping(o.origin) = 0 THEN 'origin'
                WHEN grouping(o.country) = 0 THEN 'country'
                WHEN grouping(o.confirmation) = 0 THEN 'confirmation' ELSE 'all' END AS by,
           coalesce(o.origin, o.country, o.confirmation, 'all') AS name, {_GROUP_COLUMNS}
    FROM opt_outs o WHERE {CHOSEN}
    GROUP BY GROUPING SETS ((o.origin), (o.country), (o.confirmation), ())
    HAVING count(*) > 0
    UNION ALL
    SELECT 'business', b.business, {_GROUP_COLUMNS}
    FROM opt_outs o CROSS JOIN LATERAL unnest(o.businesses) AS b (business)
    WHERE {CHOSEN} AND (CAST(:business AS text) IS NULL OR b.business IN (:business, '*'))
    GROUP BY b.business
    ORDER BY 1, 2
    """  # noqa: S608 - our own fragments; what operators write travels as parameters
)


def groups(connection: Connection, period: Period) -> list[Group]:
    """The opt-outs counted by origin, country, business and confirmation, and all together."""
    rows = connection.execute(_GROUPS, period.values()).mappings()
    return [Group(**row) for row in rows]


@dataclass(frozen=True, kw_only=True, slots=True)
class StageTimes:
    """How long after receipt a stage was reached; seconds of business time.

    Attributes:
        stage: ``force``, ``cancelled`` or ``confirmed``.
        country: None: every country's together.
        reached: opt-outs that have reached it.
        late: those of them that did so after their deadline.
        open: opt-outs that have it still before them.
        slowest_id: the `inbound_id` of the slowest.
    """

    stage: str
    country: str | None
    reached: int
    late: int
    open: int
    p50: float | None
    p99: float | None
    slowest: float | None
    slowest_id: int | None


# A confirmation counts once it is settled. Those that nobody owes have no instant of their own:
# they are neither reached nor open.
_STAGES = """
    CROSS JOIN LATERAL (VALUES
        ('force', o.in_force_at, o.in_force_at IS NULL),
        ('cancelled', o.cancelled_at, o.cancelled_at IS NULL),
        ('confirmed',
         CASE WHEN o.confirmation NOT IN ('due', 'in_doubt', 'failed') THEN o.confirmed_at END,
         o.confirmation IN ('due', 'in_doubt', 'failed'))
    ) AS s (stage, at, open)
"""
# The greatest pair of (seconds, id) is the slowest with its id; an array of every id would have to
# be sorted for it.
_TIMES = text(
    f"""
    SELECT stage, country, count(seconds) AS reached,
           count(*) FILTER (WHERE at > deadline_at) AS late,
           count(*) FILTER (WHERE open) AS open,
           (percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY seconds)) AS percentiles,
           max(ARRAY[seconds, CAST(inbound_id AS numeric)]) FILTER (WHERE at IS NOT NULL) AS slowest
    FROM (
        SELECT o.inbound_id, o.country, o.deadline_at, s.stage, s.at, s.open,
               extract(epoch FROM s.at - o.received_at) AS seconds
        FROM opt_outs o {_STAGES} WHERE {CHOSEN}
    ) AS timed
    GROUP BY GROUPING SETS ((stage, country), (stage))
    ORDER BY array_position(ARRAY['force', 'cancelled', 'confirmed'], stage),
             grouping(country) DESC, country
    """  # noqa: S608 - our own fragments; what operators write travels as parameters
)


def stage_times(connection: Connection, period: Period) -> list[StageTimes]:
    """The times of every stage, all countries together first, then each."""
    return [_times(row) for row in connection.execute(_TIMES, period.values())]


def _times(row: Row[Any]) -> StageTimes:
    p50, p99 = row.percentiles or (None, None)
    slowest, slowest_id = row.slowest or (None, None)
    return StageTimes(
        stage=row.stage,
        country=row.country,
        reached=row.reached,
        late=row.late,
        open=row.open,
        p50=None if p50 is None else float(p50),
        p99=None if p99 is None else float(p99),
        slowest=None if slowest is None else float(slowest),
        slowest_id=None if slowest_id is None else int(slowest_id),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderOptOuts:
    """The opt-outs that one sender received, beside what it sent in the period.

    Attributes:
        sender: its code; None: the replies came to an address that is no sender's.
        repeated: of people who had left already; no message of the sender drove them away.
        sent: messages that a provider took, whatever became of them.
    """

    sender: str | None
    opt_outs: int
    complaints: int
    repeated: int
    sent: int

    @property
    def rate(self) -> float | None:
        """Opt-outs, each person's first only, a message sent; None: nothing was sent."""
        return (self.opt_outs - self.repeated) / self.sent if self.sent else None


_SENDERS = text(
    f"""
    WITH received AS (
        SELECT o.sender_id, count(*) AS opt_outs, count(*) FILTER (WHERE o.complaint) AS complaints,
               count(*) FILTER (WHERE o.repeated) AS repeated
        FROM opt_outs o WHERE {CHOSEN} GROUP BY o.sender_id
    ), sent AS (
        SELECT sender_id, count(*) AS messages FROM messages
        WHERE sent_at >= :start AND sent_at < :end GROUP BY sender_id
    )
    SELECT s.code AS sender, coalesce(r.opt_outs, 0) AS opt_outs,
           coalesce(r.complaints, 0) AS complaints, coalesce(r.repeated, 0) AS repeated,
           coalesce(m.messages, 0) AS sent
    FROM received r FULL JOIN sent m ON m.sender_id = r.sender_id
    LEFT JOIN senders s ON s.id = coalesce(r.sender_id, m.sender_id)
    WHERE r.opt_outs IS NOT NULL OR CAST(:business AS text) IS NULL OR s.business = :business
    ORDER BY s.code NULLS LAST
    """  # noqa: S608 - our own fragments; what operators write travels as parameters
)


def by_sender(connection: Connection, period: Period) -> list[SenderOptOuts]:
    """Every sender that sent or received something; counts the messages: it reads all of them."""
    rows = connection.execute(_SENDERS, period.values()).mappings()
    return [SenderOptOuts(**row) for row in rows]


@dataclass(frozen=True, kw_only=True, slots=True)
class Breach:
    """An opt-out that was not obeyed, or not confirmed, by its deadline.

    Attributes:
        stage: ``force`` or ``confirmation``.
        kind: ``late``: it came after the deadline; ``open``: it has not come yet.
        phone: None: the person is known by no number.
        reached_at: when it came.
    """

    inbound_id: int
    stage: str
    kind: str
    phone: str | None
    country: str
    businesses: list[str]
    origin: str
    confirmation: str
    rule: str | None
    received_at: datetime
    deadline_at: datetime
    reached_at: datetime | None


_BREACHES = text(
    f"""
    SELECT o.inbound_id, b.stage, b.kind, c.phone, o.country, o.businesses, o.origin,
           o.confirmation, o.rule, o.received_at, o.deadline_at, b.reached_at
    FROM opt_outs o
    JOIN contacts c ON c.id = o.contact_id
    CROSS JOIN LATERAL (
        SELECT CASE s.stage WHEN 'confirmed' THEN 'confirmation' ELSE s.stage END AS stage,
               s.at AS reached_at,
               CASE WHEN s.at > o.deadline_at THEN 'late'
                    WHEN s.open AND :now > o.deadline_at THEN 'open' END AS kind
        FROM (SELECT 1) AS one {_STAGES} WHERE s.stage <> 'cancelled'
    ) AS b
    WHERE {CHOSEN} AND b.kind IS NOT NULL
    ORDER BY o.received_at, o.inbound_id, b.stage DESC
    """  # noqa: S608 - our own fragments; what operators write travels as parameters
)


def breaches(connection: Connection, period: Period, *, now: datetime) -> list[Breach]:
    """Every breach of a deadline, the oldest first; `now` is the business instant to judge by."""
    rows = connection.execute(_BREACHES, period.values() | {"now": now}).mappings()
    return [Breach(**row) for row in rows]


_BUSINESSES = text("SELECT business FROM campaigns UNION SELECT business FROM senders")


def known_businesses(connection: Connection) -> set[str]:
    """Every business that has a campaign or a sender."""
    return set(connection.execute(_BUSINESSES).scalars())
