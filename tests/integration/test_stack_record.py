"""What a killed stack leaves behind is ended by the next one; what only looks like it is not."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from workers.stack.record import RecordedProcess, end_recorded, read_record, write_record


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True
    )
    yield process
    process.kill()
    process.wait(10)


def _recorded(process: "subprocess.Popen[bytes]") -> RecordedProcess:
    found = RecordedProcess.of("sleeper", process.pid)
    assert found is not None
    return found


def test_a_process_with_the_recorded_start_is_ended(
    sleeper: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    record = tmp_path / "stack.json"
    write_record(record, [_recorded(sleeper)])

    assert end_recorded(record) == 1

    assert not psutil.pid_exists(sleeper.pid)
    assert read_record(record) == []


def test_a_process_that_only_has_the_pid_is_left_alone(
    sleeper: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    record = tmp_path / "stack.json"
    own = _recorded(sleeper)
    write_record(record, [replace(own, started=own.started - 3600)])

    assert end_recorded(record) == 0

    assert sleeper.poll() is None


@pytest.mark.parametrize("content", ["", "{", '[{"pid": 1}]', '["x"]'])
def test_a_record_that_cannot_be_read_ends_nothing(content: str, tmp_path: Path) -> None:
    record = tmp_path / "stack.json"
    record.write_text(content)

    assert end_recorded(record) == 0


def test_a_process_that_has_ended_has_no_record(sleeper: "subprocess.Popen[bytes]") -> None:
    sleeper.kill()
    sleeper.wait(10)

    assert RecordedProcess.of("sleeper", sleeper.pid) is None
