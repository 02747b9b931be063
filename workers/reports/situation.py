"""The state of the whole system, from Redis and from PostgreSQL."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis, ResponseError

from pipeline.limits.pace import Pace
from pipeline.producer import STREAM
from pipeline.store import overview, senders
from pipeline.store.overview import Overview
from workers import heartbeat
from workers.intake import DEAD_STREAM, GROUP
from workers.queues import queue_lengths
from workers.runtime import Runtime

MINUTE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What `recado status` shows.

    Attributes:
        now: business time.
        stream_lag: entries that no reader has taken yet; None: unknown.
        stream_pending: entries that a reader has taken and not finished.
        queues: chunks in each queue.
        memory: bytes that Redis uses; `memory_limit`: may use, None without a limit.
        roles: processes of each role that are alive.
        sent_per_second: over the last minute of machine time.
        slowed: messages a second of the senders that go slower than their own rate, by code.
    """

    now: datetime
    stream_entries: int
    stream_lag: int | None
    stream_pending: int
    dead_letters: int
    queues: dict[str, int]
    memory: int
    memory_limit: int | None
    roles: dict[str, int]
    sent_per_second: float
    slowed: dict[str, float]
    store: Overview


def read_situation(runtime: Runtime) -> Situation:
    """Everything at once; see `overview` for what it costs."""
    clock, client = runtime.clock, runtime.redis
    now = clock.now()
    shares = Pace(client).slowed()
    with runtime.transaction() as connection:
        store = overview.overview(connection, sent_since=now - clock.span(MINUTE_SECONDS), now=now)
        slowed = {
            sender.code: shares[sender.id] * sender.rate_per_second
            for sender in senders.select_senders(connection, ids=shares)
        }
    lag, pending = _group(client)
    memory: dict[str, Any] = client.info("memory")
    return Situation(
        now=now,
        stream_entries=client.xlen(STREAM),
        stream_lag=lag,
        stream_pending=pending,
        dead_letters=client.xlen(DEAD_STREAM),
        queues={stage.value: length for stage, length in queue_lengths(client).items()},
        memory=memory["used_memory"],
        memory_limit=memory.get("maxmemory") or None,
        roles=dict(Counter(process.role for process in heartbeat.alive(client))),
        sent_per_second=store.sent / MINUTE_SECONDS,
        slowed=slowed,
        store=store,
    )


def _group(client: "Redis") -> tuple[int | None, int]:
    try:
        groups = client.xinfo_groups(STREAM)
    except ResponseError:  # nobody has read or written the stream yet
        return 0, 0
    for group in groups:
        if group["name"] == GROUP.encode():
            return group["lag"], group["pending"]
    return None, 0
