"""Replies without an id of their source: whether one that comes is one that has come."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class Earlier:
    """A reply of the last minutes.

    Attributes:
        intent: what it was taken for.
    """

    provider_id: str
    intent: str | None


_EARLIER = text(
    """
    SELECT m.provider_id, m.intent
    FROM unnest(CAST(:since AS text[]), CAST(:until AS text[])) AS span (since, until)
    JOIN inbound_messages m
      ON m.source = :account AND m.provider_id >= span.since AND m.provider_id < span.until
    ORDER BY m.provider_id
    """
)


def earlier(
    connection: Connection, account: str, spans: Collection[tuple[str, str]]
) -> list[Earlier]:
    """The replies of an account whose ids lie in these spans, ordered by their ids.

    Args:
        spans: (first, first beyond), of ids in lower-case letters and digits alone: every
            collation orders those alike.
    """
    wanted = sorted(spans)
    rows = connection.execute(
        _EARLIER,
        {
            "account": account,
            "since": [since for since, _ in wanted],
            "until": [until for _, until in wanted],
        },
    )
    return [Earlier(row.provider_id, row.intent) for row in rows]
