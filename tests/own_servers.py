"""Servers that one test has to itself and may break, in place of the session's.

A test file that imports the fixtures `own` and `servers` has every other fixture work with these.
"""

import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from pipeline.store.engine import create_store_engine
from pipeline.store.schema import upgrade
from workers.embedded import EmbeddedServers
from workers.servers import Servers


@dataclass(slots=True)
class OwnServers:
    """Servers that one test may break; see `EmbeddedServers`."""

    home: Path
    holds: list[EmbeddedServers] = field(default_factory=list)
    valkeys: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def acquire(self) -> Servers:
        """Start what does not run, as any command of ours does on its start."""
        self.holds.append(EmbeddedServers(self.home))
        addresses = self.holds[-1].acquire()
        return Servers(addresses.database_url, addresses.redis_url)

    def kill_valkey(self) -> Callable[[], None]:
        """End Valkey without a word; calling the answer starts it again where it was."""
        record = json.loads((self.home / "valkey" / "server.json").read_text())
        process = psutil.Process(record["pid"])
        options = {
            "port": record["port"],
            "bind": "127.0.0.1",
            "dir": self.home / "valkey",
            "appendonly": "yes",
            "save": "",
        }
        parts = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        command = [process.exe(), *parts]
        process.kill()
        process.wait(10)

        def start_again() -> None:
            self.valkeys.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))

        return start_again

    def wipe_valkey(self) -> None:
        """Lose everything that the ended Valkey knew."""
        shutil.rmtree(self.home / "valkey")
        (self.home / "valkey").mkdir()

    def crash_postgres(self) -> None:
        """End PostgreSQL as ``pg_ctl stop -m immediate`` does: it has its log to replay."""
        postmaster = self.postgres_processes()[0]
        postmaster.send_signal(signal.SIGQUIT)
        postmaster.wait(20)

    def postgres_processes(self) -> list["psutil.Process"]:
        """PostgreSQL's processes, the first of them their parent."""
        first_line = (self.home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0]
        postmaster = psutil.Process(int(first_line))
        return [postmaster, *postmaster.children(recursive=True)]

    def release(self) -> None:
        for valkey in self.valkeys:
            valkey.kill()
            valkey.wait(10)
        for hold in self.holds:
            hold.release()


@pytest.fixture
def own() -> Iterator[OwnServers]:
    # Short on purpose: the path of a Unix socket may have 107 characters.
    home = Path(tempfile.mkdtemp(prefix="recado-away-"))
    servers = OwnServers(home / "home")
    yield servers
    servers.release()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def servers(own: OwnServers) -> Servers:
    """In place of the session's: every other fixture works with these."""
    addresses = own.acquire()
    engine = create_store_engine(addresses.database_url)
    upgrade(engine)
    engine.dispose()
    return addresses
