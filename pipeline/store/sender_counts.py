"""What senders sent, by the hour, and what people and carriers made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.instants import in_utc
from pipeline.policy.thresholds import Counts

HOUR = timedelta(hours=1)


def hour_of(moment: datetime) -> datetime:
    """The start of the hour that counts what happens at `moment`.

    Raises:
        ValueError: `moment` is naive.
    """
    return in_utc(moment).replace(minute=0, second=0, microsecond=0)


# The last lock that a transaction takes: whoever holds a row here waits for nobody.
_COUNT = text(
    """
    INSERT INTO sender_hours AS h (sender_id, hour, sent, violations)
    SELECT sender_id, :hour, sent, violations
    FROM unnest(CAST(:ids AS bigint[]), CAST(:sent AS int[]), CAST(:violations AS int[]))
        AS c (sender_id, sent, violations)
    ORDER BY sender_id
    ON CONFLICT (sender_id, hour) DO UPDATE
    SET sent = h.sent + EXCLUDED.sent, violations = h.violations + EXCLUDED.violations
    """
)


def count(
    connection: Connection,
    *,
    sent: Mapping[int, int],
    violations: Mapping[int, int],
    now: datetime,
) -> None:
    """Count messages by sender id: what a provider took, and what was refused as violating.

    It belongs at the end of a transaction.
    """
    ids = sorted(sent.keys() | violations.keys())
    if ids:
        connection.execute(
            _COUNT,
            {
                "ids": ids,
                "sent": [sent.get(id_, 0) for id_ in ids],
                "violations": [violations.get(id_, 0) for id_ in ids],
                "hour": hour_of(now),
            },
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A period of one sender, from an instant (exclusive) until now.

    Hours are counted whole. What nobody can tell counts against the sender: of the hour in which
    the period begins the violations count, the messages sent do not. After a lift, whose hour was
    counted when it was lifted, both are exact.

    Attributes:
        lifted: the period begins with a lift; `less_sent` and `less_violations` are what its hour
            had counted before it.
    """

    sender_id: int
    since: datetime
    lifted: bool = False
    less_sent: int = 0
    less_violations: int = 0

    @property
    def sent_from(self) -> datetime:
        """The first hour whose messages count."""
        start = hour_of(self.since)
        return start if self.lifted or start == in_utc(self.since) else start + HOUR


# Joined as a whole and not sender by sender: where one sender has most of the opt-outs, the planner
# would read all of them for each. The earliest instants bound what is read at all.
_READ = text(
    """
    WITH span AS MATERIALIZED (
        SELECT * FROM unnest(
            CAST(:ids AS bigint[]), CAST(:since AS timestamptz[]),
            CAST(:sent_from AS timestamptz[]), CAST(:violations_from AS timestamptz[])
        ) WITH ORDINALITY AS w (sender_id, since, sent_from, violations_from, place)
    ), handed AS (
        SELECT w.place, sum(h.sent) FILTER (WHERE h.hour >= w.sent_from) AS sent,
               sum(h.violations) AS violations
        FROM span w
        JOIN sender_hours h ON h.sender_id = w.sender_id AND h.hour >= w.violations_from
        WHERE h.hour >= :earliest_hour
        GROUP BY w.place
    ), gone AS (
        SELECT w.place, count(*) FILTER (WHERE NOT o.repeated) AS opt_outs,
               count(DISTINCT o.contact_id) FILTER (WHERE o.complaint) AS complainants,
               count(*) FILTER (WHERE o.complaint) AS complaints
        FROM span w
        JOIN opt_outs o ON o.sender_id = w.sender_id AND o.received_at > w.since
        WHERE o.received_at > :earliest
        GROUP BY w.place
    )
    SELECT coalesce(h.sent, 0) AS sent, coalesce(h.violations, 0) AS violations,
           coalesce(g.opt_outs, 0) AS opt_outs, coalesce(g.complainants, 0) AS complainants,
           coalesce(g.complaints, 0) AS complaints
    FROM span w LEFT JOIN handed h USING (place) LEFT JOIN gone g USING (place)
    ORDER BY w.place
    """
)


def read(connection: Connection, spans: Sequence[Span]) -> list[Counts]:
    """What was counted in each of these periods, in their order."""
    if not spans:
        return []
    rows = connection.execute(
        _READ,
        {
            "ids": [span.sender_id for span in spans],
            "since": [span.since for span in spans],
            "sent_from": [span.sent_from for span in spans],
            "violations_from": [hour_of(span.since) for span in spans],
            "earliest": min(span.since for span in spans),
            "earliest_hour": min(hour_of(span.since) for span in spans),
        },
    ).all()
    return [
        Counts(
            sent=max(0, row.sent - span.less_sent),
            violations=max(0, row.violations - span.less_violations),
            opt_outs=row.opt_outs,
            complainants=row.complainants,
            complaints=row.complaints,
        )
        for span, row in zip(spans, rows, strict=True)
    ]


_HOUR = text("SELECT sent, violations FROM sender_hours WHERE sender_id = :id AND hour = :hour")


def in_hour(connection: Connection, sender_id: int, *, now: datetime) -> tuple[int, int]:
    """(messages sent, violations) that the hour of `now` has counted so far."""
    row = connection.execute(_HOUR, {"id": sender_id, "hour": hour_of(now)}).one_or_none()
    return (0, 0) if row is None else (row.sent, row.violations)
