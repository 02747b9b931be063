"""When to slow down: what stands before Redis and PostgreSQL, measured against what they bear.

One function says it for everybody: the producer waits by it, intake stops reading by it, the
dispatcher warns by it, ``/readyz`` tells it, and an interface that takes messages over HTTP answers
429 with `retry_after_seconds`. Webhooks never ask: what people write is taken whatever waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Pressure(StrEnum):
    """What is under pressure; the public names."""

    REDIS_MEMORY = "redis_memory"
    STREAM = "stream"
    UNDECIDED = "undecided"
    DATABASE_CONNECTIONS = "database_connections"


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What there is of each, and what it may come to; an amount that is unknown is None.

    Attributes:
        memory, memory_limit: bytes that Redis uses, and may use.
        stream, stream_limit: entries of the stream that no intake has finished.
        undecided, undecided_limit: messages taken in about which no stage has decided.
        connections, connections_limit: sessions at PostgreSQL.
    """

    memory: int | None = None
    memory_limit: int | None = None
    stream: int | None = None
    stream_limit: int | None = None
    undecided: int | None = None
    undecided_limit: int | None = None
    connections: int | None = None
    connections_limit: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Strain:
    """Something that is under pressure.

    Attributes:
        share: of what it may come to, 1 is all of it.
        producers_wait: nothing is to be added until it is over. Otherwise somebody should look.
    """

    pressure: Pressure
    share: float
    producers_wait: bool


@dataclass(frozen=True, slots=True)
class _Marks:
    """Shares from which somebody should look, and from which producers wait."""

    look: float
    wait: float
    retry_after_seconds: int


_MARKS = {
    # At 100 % Redis refuses writes, and what a worker has just taken from a queue is lost until
    # its lease ends. What is in the stream already still becomes queues, hence the distance.
    Pressure.REDIS_MEMORY: _Marks(0.6, 0.8, 15),
    # The ways of working: a full stream and a full table of undecided messages are a producer
    # that is faster than the stages, which is what they are limited for.
    Pressure.STREAM: _Marks(1.0, 1.0, 2),
    Pressure.UNDECIDED: _Marks(1.0, 1.0, 5),
    # A process that finds no connection does nothing at all, the opt-out lane included.
    Pressure.DATABASE_CONNECTIONS: _Marks(0.8, 0.95, 15),
}

DANGERS = frozenset({Pressure.REDIS_MEMORY, Pressure.DATABASE_CONNECTIONS})
"""What a person has to do something about; the others pass by themselves."""


def strains(load: Load) -> list[Strain]:
    """What is under pressure, in the order of `Pressure`; what is unknown is not."""
    found = []
    for pressure, used, limit in (
        (Pressure.REDIS_MEMORY, load.memory, load.memory_limit),
        (Pressure.STREAM, load.stream, load.stream_limit),
        (Pressure.UNDECIDED, load.undecided, load.undecided_limit),
        (Pressure.DATABASE_CONNECTIONS, load.connections, load.connections_limit),
    ):
        if used is None or not limit:
            continue
        share, marks = used / limit, _MARKS[pressure]
        if share >= marks.look:
            waits = share >= marks.wait
            found.append(Strain(pressure=pressure, share=share, producers_wait=waits))
    return found


def retry_after_seconds(found: Sequence[Strain]) -> int | None:
    """In how many seconds a producer may try again; None: it need not wait."""
    waits = [_MARKS[one.pressure].retry_after_seconds for one in found if one.producers_wait]
    return max(waits, default=None)
