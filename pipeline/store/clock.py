"""The origin of a time-lapse, shared by all processes of a stack."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

_FIX = text(
    """
    INSERT INTO clock_origins (start, speed, origin) VALUES (:start, :speed, :now)
    ON CONFLICT (start, speed) DO UPDATE SET origin = clock_origins.origin
    RETURNING origin
    """
)


def fix_origin(connection: Connection, *, start: datetime, speed: float, now: datetime) -> datetime:
    """The machine instant at which the clock with this start and speed showed `start`."""
    row = connection.execute(_FIX, {"start": start, "speed": speed, "now": now}).one()
    origin: datetime = row.origin
    return origin
