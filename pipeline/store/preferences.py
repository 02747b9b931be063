"""What people prefer: channels, topics and hours, by business."""

from collections.abc import Collection
from datetime import time

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.preferences import Preference, WeeklyHours
from pipeline.policy.vocabulary import Channel

_OF = text(
    """
    SELECT contact_id, channels, topics, hours FROM preferences
    WHERE contact_id = ANY(CAST(:contacts AS bigint[])) AND business = :business
    """
)


def of(connection: Connection, contacts: Collection[int], business: str) -> dict[int, Preference]:
    """The wishes of these people towards a business; who has none is left out."""
    rows = connection.execute(_OF, {"contacts": list(contacts), "business": business})
    return {
        row.contact_id: Preference(
            channels=None if row.channels is None else frozenset(map(Channel, row.channels)),
            topics=None if row.topics is None else frozenset(row.topics),
            hours=None if row.hours is None else _hours(row.hours),
        )
        for row in rows
    }


def _hours(stored: dict[str, list[list[str]]]) -> WeeklyHours:
    return tuple(
        (int(day), tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in spans))
        for day, spans in sorted(stored.items())
    )
