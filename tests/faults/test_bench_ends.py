"""A benchmark that is told to end leaves nothing behind: no process, no disk, no folder."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

PROJECT = Path(__file__).parents[2]

WaitFor = Callable[..., None]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: the path of a Unix socket may have 107 characters."""
    made = Path(tempfile.mkdtemp(prefix="rf-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def _of(folder: Path) -> list[str]:
    """The processes that were started with something in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(folder) in word for word in process.cmdline()):
                found.append(process.name())
        except psutil.Error:  # it has just ended
            continue
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ("faults", "--runs", "1", "--only", "crowd", "--messages", "200"),
        ("delivery", "--messages", "1000"),
    ],
    ids=["faults", "delivery"],
)
def test_sigterm_ends_a_benchmark_with_everything_that_it_started(
    arguments: tuple[str, ...], folder: Path, wait_for: WaitFor
) -> None:
    command = [sys.executable, "-m", "workers.cli.main", "bench", *arguments]
    env = os.environ | {"TMPDIR": str(folder)}
    bench = subprocess.Popen(
        command, cwd=PROJECT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: list(folder.glob("*/**/server.json")), timeout=60, what="a server")
        assert _of(folder)
        bench.send_signal(signal.SIGTERM)
        bench.wait(60)
    finally:
        bench.kill()
        bench.wait(10)

    assert bench.returncode not in (0, -signal.SIGTERM, -signal.SIGKILL)
    assert not _of(folder)
    assert str(folder) not in Path("/proc/mounts").read_text()
    assert not list(folder.glob("recado-*"))
