"""A lane as in production: a Celery worker, the dispatcher, the sandbox, each a process."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.policy.vocabulary import Stage
from tests.integration.repliers import Repliers
from tests.integration.world import NOW, World
from workers.queues import enqueue
from workers.runtime import Runtime
from workers.sandbox import client
from workers.sandbox.options import Behaviour
from workers.stack.roles import Role, recado_role, sandbox_role, worker_role

Start = Callable[..., "subprocess.Popen[str]"]
WaitFor = Callable[..., None]

WORKER = worker_role("optout", (Stage.OPTOUT,), processes=1)
DISPATCHER = recado_role("dispatch")


@dataclass(slots=True)
class Scene:
    """The lane's processes, and what can be seen of them from outside."""

    world: World
    repliers: Repliers
    port: int
    wait_for: WaitFor
    env: dict[str, str]
    _start: Start
    _started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(self, role: Role, **env: str) -> "subprocess.Popen[str]":
        _, _, module, *arguments = role.command
        process = self._start(*arguments, module=module, env=self.env | env)
        self._started.append(process)
        return process

    def worker(self, **env: str) -> "subprocess.Popen[str]":
        """A worker of the lane, once it reads its queue."""
        process = self.start(WORKER, **env)
        redis = self.world.runtime.redis
        self.wait_for(lambda: WORKER.is_ready(process.pid, redis), what="the worker")
        return process

    def kill(self, process: "subprocess.Popen[str]") -> None:
        """End a process and its children at once, without a word."""
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children()]
        for member in family:
            os.kill(member.pid, signal.SIGKILL)
        process.wait(10)
        psutil.wait_procs(family, 10)

    def tell(self, *ids: int) -> None:
        """As the webhook does after its commit."""
        assert enqueue(Stage.OPTOUT, ids)

    def behave(self, **changes: object) -> None:
        client.behave(self.port, **changes)

    def taken(self) -> list[dict[str, Any]]:
        """What the sandbox took, in order, a repeated one each time."""
        log = _read(f"http://127.0.0.1:{self.port}/sandbox/log")
        entries: list[dict[str, Any]] = [json.loads(line) for line in log.splitlines()]
        return [entry for entry in entries if entry["status"] in (200, 201)]

    def confirmations(self) -> list[str]:
        rows = self.world.query("SELECT confirmation FROM opt_outs ORDER BY inbound_id")
        return [row.confirmation for row in rows]

    def attempts(self) -> int:
        return sum(notice.attempt for notice in self.repliers.notices())

    def wait_for_notices(self, state: str, count: int = 1, *, timeout: float = 20) -> None:
        def there() -> bool:
            states = [row.state for row in self.repliers.notices()]
            return states.count(state) == count

        self.wait_for(there, timeout=timeout, what=f"{count} notices {state}")

    def wait_until_handled(self, *ids: int) -> None:
        self.wait_for(
            lambda: all(self.repliers.reply(id_).handled_at for id_ in ids), what="the ledger"
        )


@pytest.fixture
def lane(
    request: pytest.FixtureRequest,
    runtime: Runtime,
    start: Start,
    free_port: int,
    tmp_path: Path,
    wait_for: WaitFor,
) -> Scene:
    """A sandbox that runs; workers are the test's to start."""
    request.getfixturevalue("belt")  # what is enqueued here goes to this test's Redis
    env = {
        "RECADO_CLOCK_START": NOW.isoformat(),
        "RECADO_PROVIDERS__SANDBOX__KIND": "sandbox",
        "RECADO_PROVIDERS__SANDBOX__BASE_URL": f"http://127.0.0.1:{free_port}",
        "RECADO_LOG_LEVEL": "INFO",
    }
    world = World(runtime)
    world.sender("us")
    found = Scene(world, Repliers(world), free_port, wait_for, env, start)
    found.start(sandbox_role(free_port, Behaviour(), log=str(tmp_path / "log")))
    wait_for(lambda: _answers(free_port), what="the sandbox")
    return found


def _answers(port: int) -> bool:
    try:
        return bool(_read(f"http://127.0.0.1:{port}/healthz"))
    except OSError:
        return False


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own server
        content: bytes = answer.read()
        return content
