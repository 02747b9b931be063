"""A stack of real processes over servers of its own, each of which may be broken."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from redis import RedisError
from sqlalchemy.exc import DBAPIError

from benchmarks.faults.proxy import LossyWire
from benchmarks.faults.servers import BreakableServers
from benchmarks.traffic import RequestLog
from workers.faultpoints import FaultPoint
from workers.runtime import Runtime
from workers.sandbox import client
from workers.stack.record import read_record
from workers.stack.supervisor import Stack

_POLL_SECONDS = 0.1

T = TypeVar("T")


@dataclass(slots=True)
class Scene:
    """A running stack. Use it from the main thread: `tend` starts again what has died.

    Attributes:
        folder: holds everything, the roles' logs in ``home/logs``.
        servers: PostgreSQL and Valkey.
        wire: between Valkey and those who publish: intake, the stages, the dispatchers.
        runtime: the store and Redis, for looking.
        log: what the provider was asked.
        faults: what was broken so far, in words.
    """

    folder: Path
    servers: BreakableServers
    wire: LossyWire
    stack: Stack
    runtime: Runtime
    log: RequestLog
    sandbox_port: int
    faults: list[str] = field(default_factory=list)
    _frozen: set[str] = field(default_factory=set)

    def wait(self, condition: Callable[[], object], *, seconds: float) -> bool:
        """Tend the stack until a condition holds; False when it does not in time."""
        deadline = time.monotonic() + seconds
        while not self._holds(condition):
            if time.monotonic() > deadline:
                return False
            self.stack.tend()
            time.sleep(_POLL_SECONDS)
        return True

    def pause(self, seconds: float) -> None:
        """Let the stack run for a while."""
        self.wait(lambda: False, seconds=seconds)

    def behave(self, **changes: object) -> None:
        """Change how the provider answers; see `Behaviour`."""
        client.behave(self.sandbox_port, **changes)

    def start(self, *names: str) -> None:
        """Start further roles, and wait until they are ready."""
        self.stack.start(*names)
        self.stack.wait()

    def pid(self, role: str) -> int | None:
        """The leader of a role's processes; None: it does not run now."""
        for entry in read_record(self.stack.home / "stack.json"):
            if entry.role == role:
                return entry.pid
        return None

    def running(self) -> list[str]:
        """The roles that run now, but for the provider."""
        entries = read_record(self.stack.home / "stack.json")
        return [entry.role for entry in entries if entry.role != "sandbox"]

    def send_signal(self, role: str, number: signal.Signals) -> bool:
        """Send a signal to all processes of a role; False when it does not run."""
        pid = self.pid(role)
        if pid is None:
            return False
        try:
            # SIGTERM is for the leader, who ends its children in order.
            (os.kill if number is signal.SIGTERM else os.killpg)(pid, number)
        except ProcessLookupError:
            return False
        if number in (signal.SIGSTOP, signal.SIGCONT):
            (self._frozen.add if number is signal.SIGSTOP else self._frozen.discard)(role)
        return True

    def order(self, role: str, point: FaultPoint, action: str) -> Callable[[], bool]:
        """Have a role break at a place when it next comes there.

        Returns:
            Whether it has.
        """
        folder = self.folder / "orders" / role
        draft, order = folder / "draft", folder / point.value
        draft.write_text(action)
        draft.rename(order)
        if action == "freeze":
            self._frozen.add(role)
        return lambda: not order.exists()

    def withdraw(self, role: str, point: FaultPoint) -> None:
        """Take back an order that nobody has come by."""
        (self.folder / "orders" / role / point.value).unlink(missing_ok=True)

    def thaw(self) -> None:
        """Wake every role that was frozen."""
        for role in list(self._frozen):
            self.send_signal(role, signal.SIGCONT)
        self._frozen.clear()

    def _holds(self, condition: Callable[[], object]) -> bool:
        return bool(self.ask(condition))

    @staticmethod
    def ask(question: Callable[[], T]) -> T | None:
        """The answer; None while PostgreSQL or Redis is away: it was asked at a bad moment."""
        try:
            return question()
        except (DBAPIError, RedisError):
            return None
