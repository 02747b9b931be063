"""`recado up`: one stack a folder, whatever dies comes back, and nothing is left behind.

The tests share one stack and go on from where the one before left it: a start takes its time.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from workers.stack.roles import BULK_NICENESS

PROJECT = Path(__file__).parent.parent.parent

BULK = {"intake", "bulk", "delivery", "dispatch"}
ROLES = {"sandbox", "intake", "bulk", "delivery", "optout", "dispatch", "web"}

WaitFor = Callable[..., None]


class RunningStack:
    """`recado up` as a process, in a folder of its own, over embedded servers."""

    def __init__(self, folder: Path, wait_for: WaitFor) -> None:
        self.home = folder / "home"
        self.output = folder / "up.log"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("RECADO_")} | {
            "RECADO_HOME": str(self.home),
            "PYTHONPATH": str(PROJECT),
        }
        self._folder = folder
        self._wait_for = wait_for

    def start(self) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "workers.cli.main", "up"],
                env=self.env,
                cwd=self._folder,
                stdout=output,
                stderr=output,
            )
        self._wait_for(self.is_up, timeout=90, what="the stack")

    def is_up(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return "the stack is up" in self.output.read_text()

    def second_up(self) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "workers.cli.main", "up"],
            env=self.env,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def pids(self) -> dict[str, int]:
        """Role → process id, as the stack has recorded them."""
        record = json.loads((self.home / "stack.json").read_text())
        return {entry["role"]: entry["pid"] for entry in record}

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="module")
def stack(wait_for: WaitFor) -> Iterator[RunningStack]:
    # Short on purpose: the path of a Unix socket may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="recado-up-"))
    running = RunningStack(folder, wait_for)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def family(pids: Iterable[int]) -> list[int]:
    """The processes below these."""
    return [below.pid for pid in pids for below in psutil.Process(pid).children(recursive=True)]


def runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_every_role_runs_and_the_addresses_are_told(stack: RunningStack) -> None:
    assert stack.pids().keys() == ROLES
    assert all(runs(pid) for pid in stack.pids().values())
    told = stack.output.read_text()
    assert "PostgreSQL  postgresql://" in told
    assert "Redis       redis://127.0.0.1:" in told
    assert all((stack.home / "logs" / f"{role}.log").exists() for role in ROLES)


def test_bulk_work_ranks_behind_the_webhooks_and_the_opt_out_lane(stack: RunningStack) -> None:
    own = psutil.Process(stack.process.pid).nice()
    urgent = {role: pid for role, pid in stack.pids().items() if role in ("web", "optout")}
    bulk = {role: pid for role, pid in stack.pids().items() if role in BULK}
    assert urgent.keys() | bulk.keys() == ROLES - {"sandbox"}

    for pids, nicenesses in ((urgent, {own}), (bulk, {min(19, own + BULK_NICENESS)})):
        processes = [*pids.values(), *family(pids.values())]
        assert {psutil.Process(pid).nice() for pid in processes} == nicenesses
    # Each role leads a session, and Linux may rank sessions first.
    group = Path("/proc/self/autogroup")
    if group.exists():
        for role, pid in stack.pids().items():
            rank = f"nice {BULK_NICENESS if role in BULK else 0}\n"
            assert Path(f"/proc/{pid}/autogroup").read_text().endswith(rank), role


def test_a_second_stack_in_the_folder_is_refused_and_harms_nothing(stack: RunningStack) -> None:
    before = stack.pids()

    second = stack.second_up()

    assert second.returncode == 1
    assert "another stack is running in" in second.stderr
    assert "Traceback" not in second.stderr
    assert stack.pids() == before
    assert all(runs(pid) for pid in before.values())
    assert stack.process.poll() is None


def test_a_worker_that_is_killed_is_started_again(stack: RunningStack, wait_for: WaitFor) -> None:
    before = stack.pids()
    orphans = family([before["delivery"]])
    assert orphans

    os.kill(before["delivery"], signal.SIGKILL)

    def is_back() -> bool:
        pid = stack.pids().get("delivery", before["delivery"])
        return pid != before["delivery"] and runs(pid)

    wait_for(is_back, what="a new delivery worker")
    others = {role: pid for role, pid in stack.pids().items() if role != "delivery"}
    assert others == {role: pid for role, pid in before.items() if role != "delivery"}
    assert not any(runs(pid) for pid in orphans)
    assert "role_died" in stack.output.read_text()


def test_a_killed_supervisor_takes_its_children_along_and_can_start_again(
    stack: RunningStack, wait_for: WaitFor
) -> None:
    before = stack.pids()
    everybody = [*before.values(), *family(before.values())]

    stack.process.kill()
    stack.process.wait(10)

    def all_ended() -> bool:
        return not any(runs(pid) for pid in everybody)

    wait_for(all_ended, timeout=40, what="the end of every child")

    stack.start()
    after = stack.pids()
    assert after.keys() == ROLES
    assert not set(after.values()) & set(before.values())


def test_sigterm_stops_everything(stack: RunningStack) -> None:
    roles = stack.pids().values()
    everybody = [*roles, *family(roles)]

    assert stack.stop() == 0

    assert not any(runs(pid) for pid in everybody)
    assert not (stack.home / "stack.json").exists()
    assert not (stack.home / "postgres" / "postmaster.pid").exists()
