"""What a stack leaves on disk about its processes, so that the next start can clear them away."""

import json
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
import structlog

log = structlog.get_logger(__name__)

SAME_START_SECONDS = 2.0
"""The kernel counts starts from boot, and its idea of when that was moves by up to a second."""

END_SECONDS = 10.0
"""How long a process of a former stack has to finish its step before it is killed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedProcess:
    """One process; `started` is its start in seconds since 1970, as the kernel tells it."""

    role: str
    pid: int
    started: float

    @classmethod
    def of(cls, role: str, pid: int) -> "RecordedProcess | None":
        """The record of a running process; None: it has ended already."""
        try:
            return cls(role=role, pid=pid, started=psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None


def write_record(path: Path, processes: Sequence[RecordedProcess]) -> None:
    """Replace the record, so that no reader ever sees half of it."""
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps([asdict(process) for process in processes], indent=1))
    draft.replace(path)


def read_record(path: Path) -> list[RecordedProcess]:
    """The record; nothing where there is none, or none that can be read."""
    try:
        return [RecordedProcess(**entry) for entry in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):
        return []


def end_recorded(path: Path) -> int:
    """End what a stack that was killed has left behind; say how many processes.

    Only a process whose pid *and* start are those of the record is touched: a pid alone may be
    somebody else's by now.
    """
    found = [process for entry in read_record(path) if (process := _find(entry)) is not None]
    for process in found:
        log.warning("left_behind_ended", pid=process.pid)
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(found, timeout=END_SECONDS)
    for process in found:
        kill_group(process.pid)
    path.unlink(missing_ok=True)
    return len(found)


def kill_group(leader: int) -> None:
    """Kill what is left of a process group.

    The children of a Celery worker that was killed itself wait for work for ever otherwise.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _find(entry: RecordedProcess) -> psutil.Process | None:
    try:
        process = psutil.Process(entry.pid)
        same = abs(process.create_time() - entry.started) <= SAME_START_SECONDS
    except (psutil.NoSuchProcess, ValueError):
        return None
    return process if same else None
