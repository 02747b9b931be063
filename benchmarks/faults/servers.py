"""PostgreSQL and Valkey that may be killed, frozen and started again."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.sql import SQL, Literal
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.embedded import EmbeddedServers
from workers.servers import Servers

RETURN_SECONDS = 30.0
DISK_BYTES = 768 * 1024 * 1024

_POLL_SECONDS = 0.02


@dataclass(slots=True)
class BreakableServers:
    """The two servers of one folder.

    Attributes:
        home: where their data is; keep it short: the path of a Unix socket has 107 characters.
    """

    home: Path
    _holds: list[EmbeddedServers] = field(default_factory=list)
    _valkeys: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def acquire(self) -> Servers:
        """Start what does not run, as any command of ours does on its start."""
        self._holds.append(EmbeddedServers(self.home))
        addresses = self._holds[-1].acquire()
        return Servers(addresses.database_url, addresses.redis_url)

    def release(self) -> None:
        """Stop both, whatever state they are in."""
        for process in (self.valkey(), *self.postgres()):
            if process is not None:
                with suppress(psutil.Error):
                    process.resume()
        for hold in self._holds:
            hold.release()
        for valkey in self._valkeys:
            valkey.kill()
            valkey.wait(10)

    def valkey(self) -> "psutil.Process | None":
        """Valkey's process; None: it does not run."""
        with suppress(OSError, psutil.NoSuchProcess):
            return psutil.Process(self._valkey_record()["pid"])
        return None

    def restart_valkey(self, *, keep: bool) -> None:
        """End Valkey without a word, and start it again where it was.

        Args:
            keep: with the data that it has written; else it has lost everything.
        """
        record, process = self._valkey_record(), self.valkey()
        if process is None:
            raise RuntimeError("Valkey does not run")
        program = process.exe()
        process.kill()
        process.wait(10)
        data = self.home / "valkey"
        if not keep:
            for file in data.glob("appendonlydir/*"):
                file.unlink()
        options = {
            "port": record["port"],
            "bind": "127.0.0.1",
            "dir": data,
            "appendonly": "yes",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        parts = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        started = subprocess.Popen(  # noqa: S603 - the program that ran before
            [program, *parts], stdout=subprocess.DEVNULL, start_new_session=True
        )
        self._valkeys.append(started)
        (data / "server.json").write_text(json.dumps(record | {"pid": started.pid}))
        self.await_valkey()

    def await_valkey(self) -> None:
        """Wait until Valkey answers.

        Raises:
            TimeoutError: it does not.
        """
        deadline = time.monotonic() + RETURN_SECONDS
        with self.redis() as client:
            while True:
                try:
                    client.ping()
                except RedisError:  # away, or still reading its file
                    if time.monotonic() > deadline:
                        raise TimeoutError("Valkey does not come back") from None
                    time.sleep(_POLL_SECONDS)
                else:
                    return

    def redis(self) -> "Redis":
        """A connection of our own, without retries."""
        return Redis(
            port=self._valkey_record()["port"],
            socket_connect_timeout=1,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
        )

    def postgres(self) -> "list[psutil.Process]":
        """PostgreSQL's processes, the first of them their parent; none when it does not run."""
        try:
            first_line = (self.home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0]
            postmaster = psutil.Process(int(first_line))
            return [postmaster, *postmaster.children(recursive=True)]
        except (OSError, ValueError, psutil.NoSuchProcess):
            return []

    def crash_postgres(self) -> None:
        """End PostgreSQL as ``pg_ctl stop -m immediate`` does: it has its log to replay."""
        postmaster = self.postgres()[0]
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(20)

    def _valkey_record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "valkey" / "server.json").read_text())
        return found

    @property
    def is_small_disk(self) -> bool:
        """Whether their data is on a disk of its own, which may be filled."""
        return self.home.is_mount()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Fill their disk for as long as the block runs."""
        ballast = self.home / "ballast"
        try:
            with ballast.open("wb") as file, suppress(OSError):
                while True:
                    file.write(bytes(1024 * 1024))
                    file.flush()
            yield
        finally:
            ballast.unlink()

    @staticmethod
    def bound_log(database_url: str, size: str) -> None:
        """Bound what PostgreSQL's log takes of the disk, e.g. ``256MB``."""
        change = SQL("ALTER SYSTEM SET max_wal_size = {}").format(Literal(size))
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(change)
            connection.execute("SELECT pg_reload_conf()")

    def is_up(self, database_url: str) -> bool:
        """Whether PostgreSQL takes a connection."""
        try:
            psycopg.connect(database_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk of its own at a folder, where this machine lets us mount one; says whether it did."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "recado-faults", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0  # noqa: S603 - fixed
    try:
        yield mounted
    finally:
        if mounted:
            # Lazily: whoever ends a little later than we thought must not keep it.
            subprocess.run(["umount", "--lazy", str(folder)], check=False)  # noqa: S603, S607 - fixed
