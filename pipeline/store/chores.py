"""Work that one process at a time does now and then, whichever comes first."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

_TAKE = text(
    """
    INSERT INTO chores AS c (name, lease_until) VALUES (:name, :until)
    ON CONFLICT (name) DO UPDATE SET lease_until = :until WHERE c.lease_until <= :machine_now
    RETURNING true
    """
)
_KEEP = text("UPDATE chores SET lease_until = :until WHERE name = :name")


def take(connection: Connection, name: str, *, machine_now: datetime, until: datetime) -> bool:
    """Take a chore that is to be done and that nobody has; say whether it was had.

    Args:
        until: machine instant after which somebody else may take it.
    """
    values = {"name": name, "until": until, "machine_now": machine_now}
    return connection.execute(_TAKE, values).first() is not None


def keep(connection: Connection, name: str, *, until: datetime) -> None:
    """Keep a chore that was taken, or say when it is to be done again."""
    connection.execute(_KEEP, {"name": name, "until": until})
