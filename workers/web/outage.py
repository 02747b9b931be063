"""What a failed transaction tells: is the database away, is it busy, or is it the event?"""

from enum import StrEnum

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class Trouble(StrEnum):
    """Why a transaction has failed."""

    AWAY = "away"
    """No transaction succeeds now."""
    BUSY = "busy"
    """This one met another, or took too long; later it may succeed."""
    EVENT = "event"
    """It would fail again."""


AWAY_CLASSES = ("08", "53", "57P", "58")
"""SQLSTATE: connection lost, out of resources, shutting down, a failing disk."""

AWAY_STATES = frozenset({"25006", "42P01", "42703"})
"""A standby that only reads; a schema that is not (yet) the one of this version."""

BUSY_STATES = ("40", "55P03", "57014")
"""Deadlock, lock not had in time, statement cut off."""


def trouble_of(error: Exception) -> Trouble:
    """What kind of trouble an error of a transaction is."""
    if isinstance(error, PoolTimeoutError | InterfaceError):
        return Trouble.AWAY
    if not isinstance(error, DBAPIError):
        return Trouble.EVENT
    state = getattr(error.orig, "sqlstate", None)
    if state is not None and state.startswith(BUSY_STATES):
        return Trouble.BUSY
    if error.connection_invalidated or (state is None and isinstance(error, OperationalError)):
        return Trouble.AWAY
    if state is not None and (state in AWAY_STATES or state.startswith(AWAY_CLASSES)):
        return Trouble.AWAY
    return Trouble.EVENT
