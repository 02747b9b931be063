"""`recado intake`: from the stream to PostgreSQL, and on to the first queue.

An entry is acknowledged and removed only after its rows are committed. A reader that dies
leaves its entries to the others, who claim them after a while.
"""

import os
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import structlog
from redis import Redis, RedisError, ResponseError
from redis.exceptions import OutOfMemoryError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from pipeline.policy.vocabulary import Stage
from pipeline.stages import intake
from pipeline.stages.intake import Chunk, Refusal
from pipeline.store import load
from workers.clock import machine_now
from workers.faultpoints import FaultPoint, reach
from workers.queues import follow
from workers.runtime import Runtime

log = structlog.get_logger(__name__)

STREAM = "recado:intake"
DEAD_STREAM = "recado:intake:dead"
GROUP = "recado"

ENTRIES = 8
"""Entries read at once; of a full thousand messages each they make one transaction of 8,000."""

MOST_READINGS = 5
"""An entry whose readers died so often is set aside."""

HOLD_SECONDS = 0.5
"""Machine time between two looks at how much waits for the stages."""

Entry = tuple[bytes, dict[bytes, bytes]]


class IntakeReader:
    """Reads the stream as one consumer of the group.

    Args:
        runtime: the means of this process.
        running: asked before every read; False ends `run`.
    """

    def __init__(self, runtime: Runtime, running: Callable[[], bool] = lambda: True) -> None:
        self._runtime = runtime
        self._running = running
        self._name = f"{socket.gethostname()}-{os.getpid()}"
        self._cursor = b"0-0"
        self._taken_over: dict[bytes, int] = {}
        self._leases = runtime.settings.leases
        self._most_undecided = runtime.settings.intake.undecided
        self._look_at = 0.0
        self._holding = False

    def run(self) -> None:
        """Read until told to stop, through any absence of Redis or PostgreSQL."""
        pause = 0.1
        while self._running():
            try:
                self._ensure_group()
                pause = 0.1
                while self._running():
                    if self.holds():
                        time.sleep(HOLD_SECONDS)
                    else:
                        self.step(block_ms=500)
            except (RedisError, DBAPIError) as error:
                # Nothing is lost: what was not acknowledged comes again.
                log.warning("intake_waits", error=type(error).__name__, seconds=pause)
                self._uncount()
                time.sleep(pause)
                pause = min(5.0, pause * 2)

    def holds(self) -> bool:
        """Whether so much waits for the stages that reading pauses; looks once in `HOLD_SECONDS`.

        The stream then fills, and producers wait: what nobody can work on yet is not to become
        rows, queues and leases that run out.
        """
        if time.monotonic() < self._look_at:
            return self._holding
        with self._runtime.transaction() as connection:
            waiting = load.undecided(connection, most=self._most_undecided)
        self._look_at = time.monotonic() + HOLD_SECONDS
        holding = waiting >= self._most_undecided
        if holding and not self._holding:
            log.info("intake_holds", undecided=waiting)
        elif self._holding and not holding:
            log.info("intake_goes_on", undecided=waiting)
        self._holding = holding
        return holding

    def step(self, *, block_ms: int) -> int:
        """Take in what is there, waiting up to `block_ms` for it; say how many entries."""
        entries = self._abandoned() or self._fresh(block_ms)
        if entries:
            self._take_in(entries)
        return len(entries)

    def _ensure_group(self) -> None:
        try:
            self._runtime.redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except OutOfMemoryError:
            # Asked for nothing new it would answer all the same. To read makes room.
            if not self._runtime.redis.xinfo_groups(STREAM):
                raise
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def _fresh(self, block_ms: int) -> list[Entry]:
        try:
            answer = self._runtime.redis.xreadgroup(
                GROUP, self._name, {STREAM: ">"}, count=ENTRIES, block=block_ms
            )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._ensure_group()  # Redis came back without its data
            return []
        return _entries(answer)

    def _abandoned(self) -> list[Entry]:
        """An entry whose reader has died: alone, for it may be what the reader died of."""
        try:
            answer = self._runtime.redis.xautoclaim(
                STREAM,
                GROUP,
                self._name,
                int(self._leases.stream_seconds * 1000),
                start_id=self._cursor,
                count=1,
            )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._ensure_group()
            return []
        self._cursor = answer[0]
        found = [(entry_id, fields) for entry_id, fields in answer[1] if fields]
        self._taken_over = {entry_id: self._readings(entry_id) for entry_id, _ in found}
        return found

    def _readings(self, entry_id: bytes) -> int:
        """How often readers have taken an entry, this time included."""
        found = self._runtime.redis.xpending_range(STREAM, GROUP, entry_id, entry_id, 1)
        return int(found[0]["times_delivered"]) if found else 1

    def _uncount(self) -> None:
        """A server is away, and this reader lives: what it had in hand is not to blame."""
        taken, self._taken_over = self._taken_over, {}
        for entry_id, readings in taken.items():
            with suppress(RedisError):
                self._runtime.redis.xclaim(
                    STREAM,
                    GROUP,
                    self._name,
                    0,
                    [entry_id],
                    retrycount=max(1, readings - 1),
                    justid=True,
                )

    def _take_in(self, entries: list[Entry]) -> None:
        chunks: list[tuple[bytes, Chunk]] = []
        refused: list[tuple[bytes, Refusal]] = []
        for entry_id, fields in entries:
            read = self._judge(entry_id) or intake.read_entry(fields)
            if isinstance(read, Refusal):
                refused.append((entry_id, read))
            else:
                chunks.append((entry_id, read))
        if chunks:
            self._store_or_part(chunks, dict(entries))
        # Last: a Redis that is full takes no dead letter, and what is stored makes room there.
        for entry_id, refusal in refused:
            self._bury(entry_id, dict(entries)[entry_id], refusal)

    def _judge(self, entry_id: bytes) -> Refusal | None:
        """Set an entry aside that was in the hands of too many readers when they died."""
        readings = self._taken_over.get(entry_id, 1)
        if readings <= MOST_READINGS:
            return None
        detail = f"{readings - 1} readers have taken it, and none has come to its end"
        return Refusal(reason="set_aside", detail=detail)

    def _store_or_part(self, chunks: list[tuple[bytes, Chunk]], fields: dict[bytes, Any]) -> None:
        """Store chunks together; when that fails for what they hold, each alone.

        An entry that cannot be stored even alone is set aside, or it would stop the stream.
        """
        try:
            self._store(chunks, fields)
        except (RedisError, OperationalError, InterfaceError):
            raise  # a server is away: the entries come again
        except Exception as error:  # noqa: BLE001 - whatever an entry provokes, the stream goes on
            if len(chunks) > 1:
                for chunk in chunks:
                    self._store_or_part([chunk], fields)
                return
            ((entry_id, _),) = chunks
            # Without the traceback: it may quote a row.
            log.error("entry_unusable", entry=entry_id.decode(), error=type(error).__name__)  # noqa: TRY400
            detail = f"its rows cannot be stored ({type(error).__name__}); see the reader's log"
            self._bury(entry_id, fields[entry_id], Refusal(reason="unusable", detail=detail))

    def _store(self, chunks: list[tuple[bytes, Chunk]], fields: dict[bytes, Any]) -> None:
        with self._runtime.transaction() as connection:
            taken = intake.run(
                connection,
                [chunk for _, chunk in chunks],
                now=self._runtime.clock.now(),
                lease=machine_now() + self._leases.queue,
            )
        reach(FaultPoint.TAKEN_IN)
        unknown = {id(chunk) for chunk in taken.unknown}
        done = [entry_id for entry_id, chunk in chunks if id(chunk) not in unknown]
        self._forget(done)
        log.info("intake_done", entries=len(done), messages=len(taken.ids))
        follow(Stage.INTAKE, taken.ids)
        for entry_id, chunk in chunks:
            if id(chunk) in unknown:
                detail = f"campaign {chunk.campaign[:80]!r} does not exist; create it first"
                refusal = Refusal(reason="unknown_campaign", detail=detail)
                self._bury(entry_id, fields[entry_id], refusal)

    def _bury(self, entry_id: bytes, fields: dict[bytes, bytes], refusal: Refusal) -> None:
        """Move an entry that cannot be used to the dead-letter stream, in one step."""
        log.warning("entry_refused", entry=entry_id.decode(), reason=refusal.reason)
        bury(self._runtime.redis, entry_id, fields, refusal)

    def _forget(self, entry_ids: Iterable[bytes]) -> None:
        ids = list(entry_ids)
        if ids:
            with self._runtime.redis.pipeline(transaction=True) as pipe:
                pipe.xack(STREAM, GROUP, *ids)
                pipe.xdel(STREAM, *ids)
                pipe.execute()


def bury(client: "Redis", entry_id: bytes, fields: dict[bytes, bytes], refusal: Refusal) -> None:
    """Put an entry into the dead-letter stream with its reason, and take it off the stream."""
    with client.pipeline(transaction=True) as pipe:
        letter: dict[Any, Any] = {**fields, "entry": entry_id}
        pipe.xadd(DEAD_STREAM, letter | {"reason": refusal.reason, "detail": refusal.detail})
        pipe.xack(STREAM, GROUP, entry_id)
        pipe.xdel(STREAM, entry_id)
        pipe.execute()


def _entries(answer: Any) -> list[Entry]:
    if not answer:
        return []
    streams = answer.items() if isinstance(answer, dict) else answer
    found: list[Entry] = []
    for _, listed in streams:
        # The newer protocol nests one list deeper.
        rows = listed[0] if listed and isinstance(listed[0], list) else listed
        found += [(entry_id, fields) for entry_id, fields in rows]
    return found
