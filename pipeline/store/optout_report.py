"""What the opt-out lane owes now: sums that are cheap enough for every scrape and every alarm.

What it has done over a period stands in ``optout_period``.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.engine import Connection


class OpenClocks(NamedTuple):
    """The opt-outs whose confirmation is owed, failed or in doubt.

    Attributes:
        past_half: those of them whose clock is past half of its deadline, or past all of it.
        past_deadline: those of them whose deadline has passed.
        oldest_received_at: None: there are none.
    """

    open: int
    past_half: int
    past_deadline: int
    oldest_received_at: datetime | None


class Waiting(NamedTuple):
    """Replies that wait, and since when the oldest does; None: there are none."""

    amount: int
    oldest_received_at: datetime | None


# The predicate is that of the partial index, word for word: the planner compares them.
_OPEN_CLOCKS = text(
    """
    SELECT count(*) AS open,
           count(*) FILTER (WHERE :now > received_at + (deadline_at - received_at) / 2)
               AS past_half,
           count(*) FILTER (WHERE :now > deadline_at) AS past_deadline,
           min(received_at) AS oldest_received_at
    FROM opt_outs WHERE confirmation IN ('due', 'in_doubt', 'failed')
    """
)
_REVIEWS = text(
    """
    SELECT count(*) AS amount, min(received_at) AS oldest_received_at
    FROM inbound_messages WHERE intent = 'review' AND decision IS NULL
    """
)
# A reply that waits for a person is that person's to handle, not the lane's.
_UNHANDLED = text(
    """
    SELECT count(*) AS amount, min(received_at) AS oldest_received_at
    FROM inbound_messages
    WHERE handled_at IS NULL AND (intent IS DISTINCT FROM 'review' OR decision IS NOT NULL)
    """
)
_NOTICES = text("SELECT state, count(*) AS notices FROM notices GROUP BY state ORDER BY state")


def open_clocks(connection: Connection, now: datetime) -> OpenClocks:
    """The clocks that run at the business instant `now`; reads nothing but the open ones."""
    return OpenClocks(*connection.execute(_OPEN_CLOCKS, {"now": now}).one())


def reviews_waiting(connection: Connection) -> Waiting:
    """The replies that were held because nobody could tell what they mean."""
    return Waiting(*connection.execute(_REVIEWS).one())


def unhandled(connection: Connection) -> Waiting:
    """The replies about which the lane still has something to do."""
    return Waiting(*connection.execute(_UNHANDLED).one())


def notices_by_state(connection: Connection) -> dict[str, int]:
    """The lane's own messages ever made, by state; reads the table: a tenth of a second a million.

    A state without any is left out.
    """
    return {row.state: row.notices for row in connection.execute(_NOTICES)}
