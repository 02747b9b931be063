"""How much waits in PostgreSQL, and how much room it has left."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.engine import Connection

# Bounded: whoever asks wants to know whether it is too much, not by how much.
_UNDECIDED = text(
    """
    SELECT count(*) FROM (
        SELECT FROM messages
        WHERE lease_until IS NOT NULL AND state IN ('accepted', 'consented') LIMIT :most) undecided
    """
)
_SERVER = text(
    """
    SELECT (SELECT sum(numbackends) FROM pg_stat_database) AS connections,
           current_setting('max_connections')::int
               - current_setting('superuser_reserved_connections')::int AS connections_limit,
           pg_database_size(current_database()) AS bytes
    """
)


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreLoad:
    """What PostgreSQL tells.

    Attributes:
        undecided: messages taken in about which no stage has decided; at most what was asked for.
        connections: sessions, of everybody who uses the server.
        connections_limit: how many there may be of such as ours.
        bytes: the size of the database on the disk.
    """

    undecided: int
    connections: int
    connections_limit: int
    bytes: int


def undecided(connection: Connection, *, most: int) -> int:
    """How many messages wait for the first stages; counts no further than `most`."""
    return int(connection.scalar(_UNDECIDED, {"most": most}) or 0)


def read_load(connection: Connection, *, most_undecided: int) -> StoreLoad:
    """Ask PostgreSQL; milliseconds, and a tenth of a second when very much waits."""
    server = connection.execute(_SERVER).one()
    return StoreLoad(
        undecided=undecided(connection, most=most_undecided),
        connections=int(server.connections),
        connections_limit=int(server.connections_limit),
        bytes=int(server.bytes),
    )
