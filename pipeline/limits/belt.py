"""What Redis holds of ours, and how much room it has left."""

from dataclasses import dataclass
from typing import Any

from redis import Redis, ResponseError
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError

_NO_WRITES = ("MISCONF", "NOREPLICAS")
"""Answers without a class of their own: its disk is full, and too few replicas follow it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Belt:
    """What Redis tells.

    Attributes:
        memory: bytes that it uses; None: our user may not ask (``INFO``).
        memory_limit: bytes that it may use: ``maxmemory``, or where that is not set the host's.
        stream: entries of the stream.
    """

    memory: int | None
    memory_limit: int | None
    stream: int


def read_belt(client: "Redis", stream: str) -> Belt:
    """Ask Redis, in one exchange; it costs it some 30 microseconds.

    Raises:
        RedisError: it does not answer.
    """
    with client.pipeline(transaction=False) as pipe:
        pipe.xlen(stream)
        pipe.info("memory")
        entries, memory = answers(pipe.execute(raise_on_error=False))
    return belt_of(memory, entries)


def answers(found: list[Any]) -> list[Any]:
    """The answers of a pipeline that ends with ``INFO memory``: of it {} where we may not ask.

    Raises:
        RedisError: what another command of the pipeline was answered with.
    """
    *others, memory = found
    for answer in others:
        if isinstance(answer, Exception):
            raise answer
    if isinstance(memory, Exception) and not isinstance(memory, NoPermissionError):
        raise memory
    return [*others, {} if isinstance(memory, Exception) else memory]


def belt_of(memory: dict[str, Any], entries: int) -> Belt:
    """The same from answers that were had already."""
    limit = memory.get("maxmemory") or memory.get("total_system_memory")
    return Belt(memory=memory.get("used_memory"), memory_limit=limit or None, stream=entries)


def refuses_writes(error: ResponseError) -> bool:
    """Whether Redis takes no writes for now: whoever tries later may succeed."""
    return isinstance(error, (OutOfMemoryError, ReadOnlyError)) or str(error).startswith(_NO_WRITES)
