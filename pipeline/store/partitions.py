"""The months of ``decisions``: making them ahead, and dropping them when they are old.

A month is a partition from its first instant in UTC to the next one's. What has no month of its own
goes to ``decisions_rest``; so a month that nobody made in time costs nothing but a slower removal.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store.large_tables import REST

PATIENCE = timedelta(seconds=0.5)
"""How long a change of the partitions waits for its lock: whoever comes after it waits, too."""

_LIST = text(
    """
    SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound,
           pg_total_relation_size(c.oid) AS bytes, greatest(c.reltuples, 0) AS rows
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'decisions'::regclass ORDER BY c.relname
    """
)
_CROWDED = text(
    "SELECT EXISTS (SELECT FROM decisions_rest WHERE decided_at >= :start AND decided_at < :end)"
)
_PATIENCE = text(
    "SELECT set_config('lock_timeout', :lock, true), set_config('statement_timeout', :work, true)"
)
# Two dispatchers that start together make the months one after the other. Any constant that
# nothing else in the database locks.
_MONTHS_LOCK = 7_230_462_003
_ALONE = text("SELECT pg_advisory_xact_lock(:key)")
_END = re.compile(r" TO \('([^']+)'\)$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """A part of ``decisions``.

    Attributes:
        ends_at: what it holds was decided before this; None: it takes what no other does.
        rows: about so many, by the planner's statistics.
    """

    name: str
    ends_at: datetime | None
    bytes: int
    rows: int


def listed(connection: Connection) -> list[Partition]:
    """Every part of ``decisions``, by name."""
    connection.execute(text("SET LOCAL timezone = 'UTC'"))
    return [
        Partition(name=row.name, ends_at=_end(row.bound), bytes=row.bytes, rows=int(row.rows))
        for row in connection.execute(_LIST)
    ]


def make(connection: Connection, start: datetime, end: datetime) -> str | None:
    """Give the month from `start` to `end` a partition of its own.

    Inserts do not wait for it: only those into ``decisions_rest`` do, for as long as that takes to
    be read, which holds next to nothing.

    Returns:
        Its name; None: it has one, or its first decisions are in ``decisions_rest`` already and
        the others follow them there.

    Raises:
        DBAPIError: a lock was not had in time, or the role may not make tables. Nothing changed.
    """
    name = f"decisions_{start:%Y_%m}"
    connection.execute(_ALONE, {"key": _MONTHS_LOCK})
    if any(_covers(part, name, end) for part in listed(connection)):
        return None
    if connection.scalar(_CROWDED, {"start": start, "end": end}):
        return None
    _be_brief(connection)
    connection.exec_driver_sql(
        f"CREATE TABLE {name} (LIKE decisions INCLUDING DEFAULTS INCLUDING COMMENTS)"
    )
    # ATTACH lets others insert meanwhile; PARTITION OF would not.
    connection.exec_driver_sql(
        f"ALTER TABLE decisions ATTACH PARTITION {name} "
        f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
    )
    return name


def drop(connection: Connection, part: Partition) -> None:
    """Remove a part of ``decisions`` with all that it holds: milliseconds, however large it is.

    Raises:
        DBAPIError: a lock was not had in time. Nothing changed.
    """
    if part.name == REST or part.ends_at is None:
        raise ValueError("what takes the rest is not dropped")
    _be_brief(connection)
    connection.exec_driver_sql(f"DROP TABLE {part.name}")


def _be_brief(connection: Connection) -> None:
    lock = f"{int(PATIENCE.total_seconds() * 1000)}ms"
    connection.execute(_PATIENCE, {"lock": lock, "work": "5s"})


def _covers(part: Partition, name: str, end: datetime) -> bool:
    """Whether the month is this part, or lies in the one that an upgrade made of what there was."""
    until = part.ends_at
    return part.name == name or (
        part.name == "decisions_before" and until is not None and until >= end
    )


def _end(bound: str) -> datetime | None:
    found = _END.search(bound)
    return None if found is None else datetime.fromisoformat(found.group(1))


def old(parts: Sequence[Partition], before: datetime) -> list[Partition]:
    """The parts all of which was decided before that instant."""
    return [part for part in parts if part.ends_at is not None and part.ends_at <= before]
