"""The supervisor of a stack: every process of Recado on this machine, under one folder.

It starts the servers and the roles, starts again what dies, and stops all of it in order. It has
no thread of its own: whoever runs the stack calls `tend` now and then.
"""

import fcntl
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.store.engine import create_store_engine
from pipeline.store.schema import upgrade
from workers.servers import Servers
from workers.stack.interrupts import interrupts_held
from workers.stack.record import RecordedProcess, end_recorded, kill_group, write_record
from workers.stack.roles import Role
from workers.stack.tether import tethered

log = structlog.get_logger(__name__)

READY_SECONDS = 90.0
"""How long the roles may take until all of them give signs of life."""

GRACE_SECONDS = 50.0
"""How long a stopping role may take: the longest is the lane's worker, which completes its ledger,
waits for answers and writes them down (10, 25 and 10 seconds)."""

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0
"""Seconds before a role that died is started again: doubled each time it dies young."""

GROWN_UP_SECONDS = 30.0
"""A process that lived so long has been well: its next death starts with the first pause."""

MOST_DEATHS = 4
"""A role that dies so often before it was ever ready will not get ready."""

POLL_SECONDS = 0.05


class StackError(Exception):
    """The stack cannot be run; the text tells what to do."""


class StackBusyError(StackError):
    """Another stack runs in this folder."""


@dataclass(slots=True)
class _Child:
    role: Role
    process: "subprocess.Popen[bytes] | None" = None
    record: RecordedProcess | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    deaths: int = 0
    ready: bool = False
    log_start: int = 0


@dataclass(slots=True, eq=False)
class Stack:
    """See the module. Use it from one thread, the main one: the children are tied to it.

    Attributes:
        home: the folder that holds data, logs (``logs/<role>.log``) and the record.
        roles: what to run.
        env: the children's environment; the servers' addresses and the folder are added to it.
        find_servers: finds the servers, or starts the embedded ones; called once, after the
            folder is known to be free.
        folder: the children's working directory; None: this process's.
    """

    home: Path
    roles: Sequence[Role]
    env: Mapping[str, str]
    find_servers: Callable[[], Servers]
    folder: Path | None = None
    restarts: int = field(default=0, init=False)
    _servers: Servers | None = field(default=None, init=False)
    _redis: Redis | None = field(default=None, init=False)
    _lock: IO[str] | None = field(default=None, init=False)
    _children: dict[str, _Child] = field(default_factory=dict, init=False)

    @property
    def servers(self) -> Servers:
        """Where PostgreSQL and Redis are; only an open stack knows.

        Raises:
            StackError: the stack is not open.
        """
        if self._servers is None:
            raise StackError("the stack is not open")
        return self._servers

    @property
    def logs(self) -> Path:
        """The folder of the roles' logs."""
        return self.home / "logs"

    @property
    def environment(self) -> dict[str, str]:
        """The children's environment, complete."""
        return dict(self.env) | {
            "RECADO_HOME": str(self.home.resolve()),
            "RECADO_DATABASE_URL": self.servers.database_url,
            "RECADO_REDIS_URL": self.servers.redis_url,
        }

    def open(self) -> None:
        """Take the folder, clear away a killed stack's processes, start the servers.

        The schema is up to date afterwards.

        Raises:
            StackBusyError: another stack runs in this folder; nothing was touched.
            ServersError: a server cannot be reached or started.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        self._take_folder()
        end_recorded(self._record_path)
        self.logs.mkdir(exist_ok=True)
        with interrupts_held():  # a server that starts meanwhile must be ours to stop
            self._servers = self.find_servers()
        self._redis = Redis.from_url(
            self._servers.redis_url,
            socket_connect_timeout=1,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )
        engine = create_store_engine(self._servers.database_url, application="recado-stack")
        try:
            upgrade(engine)
        finally:
            engine.dispose()

    def start(self, *names: str) -> None:
        """Start the roles of these names; without names all that do not run yet."""
        for role in self.roles:
            if role.name not in self._children and (not names or role.name in names):
                child = self._children[role.name] = _Child(role)
                self._spawn(child)

    def wait(self, on_poll: Callable[[], None] = lambda: None) -> None:
        """Wait until every started role gives signs of life.

        Args:
            on_poll: called between two looks, for a progress display.

        Raises:
            StackError: a role does not get ready; the text names its log.
        """
        deadline = time.monotonic() + READY_SECONDS
        while waiting := self.tend():
            for child in (self._children[name] for name in waiting):
                late = time.monotonic() > deadline
                if late or child.deaths >= MOST_DEATHS:
                    raise StackError(self._complaint(child, late=late))
            on_poll()
            time.sleep(POLL_SECONDS)

    def tend(self) -> list[str]:
        """Look after the children: start again what died; the names of those not ready yet."""
        now = time.monotonic()
        for child in self._children.values():
            process = child.process
            if process is not None and process.poll() is not None:
                self._bury(child, now)
            elif process is None and now >= child.restart_at:
                self.restarts += 1
                self._spawn(child)
            elif process is not None and not child.ready and self._redis is not None:
                child.ready = child.role.is_ready(process.pid, self._redis)
        return [name for name, child in self._children.items() if not child.ready]

    def stop(self) -> None:
        """Stop the workers, then what they need, then the servers; safe to call at any time.

        A second Ctrl-C changes nothing: what would it leave behind?
        """
        with interrupts_held():
            self._stop()

    def _stop(self) -> None:
        helpers = [child for child in self._children.values() if child.role.helper]
        workers = [child for child in self._children.values() if not child.role.helper]
        for children in (workers, helpers):
            self._end(children)
        self._children.clear()
        if self._redis is not None:
            self._redis.close()
            self._redis = None
        if self._servers is not None:
            self._servers.close()
            self._servers = None
        if self._lock is not None:
            self._record_path.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    @property
    def _record_path(self) -> Path:
        return self.home / "stack.json"

    def _take_folder(self) -> None:
        lock = (self.home / "stack.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StackBusyError(
                f"another stack is running in {self.home}; stop it, or set RECADO_HOME to "
                "another folder"
            ) from None
        self._lock = lock

    def _spawn(self, child: _Child) -> None:
        path = self.logs / f"{child.role.name}.log"
        with path.open("ab") as output:
            child.log_start = output.tell()
            child.process = subprocess.Popen(  # noqa: S603 - our own commands, without a shell
                tethered(child.role.command, niceness=child.role.niceness),
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C in the terminal is for the supervisor, who stops them in order.
                start_new_session=True,
            )
        child.started_at = time.monotonic()
        child.ready = False
        child.record = RecordedProcess.of(child.role.name, child.process.pid)
        self._write_record()
        log.info("role_started", role=child.role.name, pid=child.process.pid)

    def _bury(self, child: _Child, now: float) -> None:
        """Note a death, clear away what the process left, and set the time of the restart."""
        if child.process is None:
            return
        kill_group(child.process.pid)
        grown_up = now - child.started_at > GROWN_UP_SECONDS
        child.deaths = 1 if grown_up else child.deaths + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (child.deaths - 1))
        log.warning(
            "role_died",
            role=child.role.name,
            pid=child.process.pid,
            exit_code=child.process.returncode,
            again_in_seconds=pause,
        )
        child.process, child.record, child.ready = None, None, False
        child.restart_at = now + pause
        self._write_record()

    def _end(self, children: Sequence[_Child]) -> None:
        processes = [child.process for child in children if child.process is not None]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("role_killed", pid=process.pid, after_seconds=GRACE_SECONDS)
            kill_group(process.pid)
            process.wait()

    def _write_record(self) -> None:
        records = [child.record for child in self._children.values() if child.record is not None]
        write_record(self._record_path, records)

    def _complaint(self, child: _Child, *, late: bool) -> str:
        path = self.logs / f"{child.role.name}.log"
        with path.open("rb") as file:
            file.seek(child.log_start)
            lines = file.read().decode(errors="replace").strip().splitlines()
        said = f": {lines[-1][:300]}" if lines else ""
        how = f"is not ready after {READY_SECONDS:.0f} s" if late else "ends right after its start"
        return f"{child.role.name} {how}; its log is {path}{said}"
