"""Signs of life: which roles run, on which hosts.

Each long-running process keeps a key a role in Redis that expires soon after its last beat.
"""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import structlog
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)

PREFIX = "recado:alive:"
EVERY_SECONDS = 5.0
EXPIRE_SECONDS = 15


class Heartbeat:
    """Beats for the roles of one process, from a thread, until stopped.

    Args:
        redis_url: where the keys are kept; the connection is the thread's own.
        roles: e.g. ``["intake"]``, or the queues that a Celery worker reads.
        working: asked before every beat; while it says False no beat is made, so that a process
            whose work is stuck does not look alive.
    """

    def __init__(
        self, redis_url: str, roles: Sequence[str], working: Callable[[], bool] = lambda: True
    ) -> None:
        self._client: Redis = Redis.from_url(
            redis_url,
            socket_connect_timeout=3,
            socket_timeout=3,
            retry=Retry(NoBackoff(), 0),
        )
        place = f"{socket.gethostname()}:{os.getpid()}"
        self._keys = [f"{PREFIX}{role}:{place}" for role in roles]
        self._working = working
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and say at once that the process is gone."""
        self._stopped.set()
        self._thread.join(timeout=10)
        try:
            self._client.delete(*self._keys)
        except RedisError:
            log.info("heartbeat_left_to_expire", seconds=EXPIRE_SECONDS)
        self._client.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        silent = False
        while not self._stopped.is_set():
            try:
                if self._working():
                    self._beat()
                silent = False
            except RedisError as error:
                if not silent:
                    log.warning("heartbeat_silent", error=type(error).__name__)
                silent = True
            self._stopped.wait(EVERY_SECONDS)

    def _beat(self) -> None:
        with self._client.pipeline(transaction=False) as pipe:
            for key in self._keys:
                pipe.set(key, "1", ex=EXPIRE_SECONDS)
            pipe.execute()


@dataclass(frozen=True, order=True, slots=True)
class Alive:
    """A process that has given a sign of life within the last seconds."""

    role: str
    host: str
    pid: int


def alive(client: "Redis", role: str | None = None) -> list[Alive]:
    """The processes that are alive, of one role or of all, in order."""
    pattern = f"{PREFIX}{role or '*'}:*"
    found = []
    for key in client.scan_iter(match=pattern, count=1000):
        name, host, pid = key.decode().removeprefix(PREFIX).rsplit(":", 2)
        found.append(Alive(name, host, int(pid)))
    return sorted(found)


def alive_here(client: "Redis", role: str) -> list[Alive]:
    """The processes of a role on this host."""
    return [process for process in alive(client, role) if process.host == socket.gethostname()]
