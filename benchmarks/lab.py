"""A laboratory: a real stack in a temporary folder, with its processes' cost watched."""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
from sqlalchemy import text

from benchmarks import world
from benchmarks.world import Person
from config.logs import configure_logs
from config.settings import load_settings
from pipeline.policy.vocabulary import Stage
from pipeline.store.campaigns import Campaign
from workers.queues import queue_lengths
from workers.runtime import Runtime
from workers.servers import Servers
from workers.stack.record import read_record
from workers.stack.roles import Role
from workers.stack.supervisor import Stack

IMPORT_BATCH = 2000


@dataclass(slots=True)
class Lab:
    """A running stack with its store at hand."""

    stack: Stack
    runtime: Runtime
    campaigns: dict[str, Campaign] = field(default_factory=dict)

    def populate(self, crowd: Sequence[Person], *, rate_per_second: float = 5000.0) -> None:
        """Senders, campaigns, and the crowd's consents."""
        now = self.runtime.clock.now()
        countries = sorted({person.country for person in crowd})
        with self.runtime.transaction() as connection:
            self.campaigns = world.furnish(
                connection, now=now, rate_per_second=rate_per_second, countries=countries
            )
        for start in range(0, len(crowd), IMPORT_BATCH):
            batch = crowd[start : start + IMPORT_BATCH]
            with self.runtime.transaction() as connection:
                world.record_consents(connection, batch, now=now, seed=start)
        self.vacuum()

    def vacuum(self) -> None:
        """Do at once what PostgreSQL would do by itself a minute later."""
        engine = self.runtime.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("VACUUM ANALYZE"))

    def staged(self, messages: int) -> bool:
        """Whether so many messages were taken in, and none is before ``ready`` any more."""
        client = self.runtime.redis
        if client.xlen("recado:intake") or queue_lengths(client)[Stage.CONSENT]:
            return False
        with self.runtime.transaction() as connection:
            moving = connection.execute(_MOVING).scalar()
            return not moving and connection.execute(_TAKEN).scalar() == messages

    def sending(self) -> bool:
        """Whether a message is ready or on its way (what only waits is not asked about)."""
        with self.runtime.transaction() as connection:
            return bool(connection.execute(_SENDING).scalar())

    def on_the_wire(self) -> bool:
        """Whether a message was claimed and its answer is not recorded."""
        with self.runtime.transaction() as connection:
            return bool(connection.execute(_ON_THE_WIRE).scalar())

    def counts(self) -> dict[str, int]:
        """Messages by state."""
        with self.runtime.transaction() as connection:
            return {row.state: row.messages for row in connection.execute(_COUNTS)}

    def redis_bytes(self) -> int:
        """Memory that Redis uses."""
        used: int = self.runtime.redis.info("memory")["used_memory"]
        return used


_MOVING = text(
    "SELECT EXISTS (SELECT FROM messages WHERE lease_until IS NOT NULL "
    "AND state IN ('accepted', 'consented'))"
)
_SENDING = text(
    "SELECT EXISTS (SELECT FROM messages WHERE state = 'ready' AND lease_until IS NULL) "
    "OR EXISTS (SELECT FROM messages WHERE state IN ('ready', 'sending') "
    "AND lease_until IS NOT NULL)"
)
_ON_THE_WIRE = text("SELECT EXISTS (SELECT FROM messages WHERE state = 'sending')")
_TAKEN = text("SELECT count(*) FROM messages")
_COUNTS = text("SELECT CAST(state AS text) AS state, count(*) AS messages FROM messages GROUP BY 1")


@contextmanager
def laboratory(
    roles: Sequence[Role],
    *,
    clock_start: datetime = world.STARTS_AT,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Lab]:
    """A stack whose roles are not started yet; all of it is gone afterwards.

    Args:
        environment: further settings, e.g. a provider's address.
    """
    home = Path(tempfile.mkdtemp(prefix="recado-bench-"))
    settings = {
        "RECADO_HOME": str(home),
        "RECADO_CLOCK_START": clock_start.isoformat(),
        "RECADO_LOG_LEVEL": "WARNING",
        **(environment or {}),
    }
    configure_logs("console", "WARNING")
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    stack = Stack(
        home=home,
        roles=roles,
        env=dict(os.environ),
        find_servers=lambda: Servers.find(load_settings()),
        folder=Path.cwd(),
    )
    try:
        stack.open()
        runtime = Runtime(load_settings(), stack.servers, "recado-bench")
        try:
            yield Lab(stack, runtime)
        finally:
            runtime.engine.dispose()
            runtime.redis.close()
    finally:
        try:
            stack.stop()
        finally:  # Ctrl-C may have come again
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
            shutil.rmtree(home, ignore_errors=True)


@dataclass(slots=True)
class Cost:
    """What the stack's processes used between two moments.

    Attributes:
        cpu_seconds: by kind of process: ours, PostgreSQL, Redis.
        peak_bytes: the largest resident memory that any of our worker processes had.
    """

    cpu_seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: int = 0


@contextmanager
def watched(lab: Lab) -> Iterator[Cost]:
    """Watch the processes for as long as the block runs."""
    cost = Cost()
    servers = _server_pids(lab)
    before = _cpu(servers)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.25):
            cost.peak_bytes = max([cost.peak_bytes, *_worker_memory(servers)])

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield cost
    finally:
        after = _cpu(servers)
        done.set()
        thread.join()
        cost.cpu_seconds = {kind: after[kind] - before[kind] for kind in after}
        cost.peak_bytes = max([cost.peak_bytes, *_worker_memory(servers)])


def cpu_by_process(lab: Lab) -> dict[str, float]:
    """CPU seconds that each role, each server and this process have used so far."""
    used = {"benchmark": _seconds(psutil.Process())}
    roles = {entry.pid: entry.role for entry in read_record(lab.stack.home / "stack.json")}
    for pid, name in (roles | _server_pids(lab)).items():
        used[name] = sum(_seconds(process) for process in _family(pid))
    return used


def _server_pids(lab: Lab) -> dict[int, str]:
    home = str(lab.stack.home)
    postmaster = int((Path(home) / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    redis_pid: int = lab.runtime.redis.info("server")["process_id"]
    return {postmaster: "postgres", redis_pid: "redis"}


def _cpu(servers: dict[int, str]) -> dict[str, float]:
    used = {"ours": 0.0, "postgres": 0.0, "redis": 0.0}
    for process in psutil.Process().children(recursive=True):
        used["ours"] += _seconds(process)
    for pid, kind in servers.items():
        used[kind] += sum(_seconds(process) for process in _family(pid))
    return used


def _family(pid: int) -> "list[psutil.Process]":
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.Error:  # it has just ended
        return []


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:  # it has just ended
        return 0.0
    # What ended children used, too: PostgreSQL ends a backend with its connection.
    total: float = times.user + times.system + times.children_user + times.children_system
    return total


def _worker_memory(servers: dict[int, str]) -> list[int]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            name = process.name()
            if process.pid not in servers and not name.startswith(("postgres", "valkey")):
                found.append(process.memory_info().rss)
        except psutil.Error:
            continue
    return found
