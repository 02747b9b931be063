"""What holds for the whole code base: queues and tasks match, one clock, short files."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.policy.vocabulary import Stage
from workers.queues import FOLLOWING, QUEUED_STAGES, QUEUES, task_name
from workers.stack.roles import standard_roles

PROJECT = Path(__file__).parent.parent.parent
PACKAGES = ("workers", "pipeline", "config", "benchmarks")
CLOCK = PROJECT / "workers" / "clock.py"
LONGEST_FILE = 300

READS_THE_TIME = {
    ("time", "time"),
    ("time", "time_ns"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("pendulum", "now"),
    ("pendulum", "today"),
}


def _sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((PROJECT / package).rglob("*.py"))


def _tasks() -> dict[str, str]:
    """Task name → function, as the decorators in workers/tasks.py register them."""
    tree = ast.parse((PROJECT / "workers" / "tasks.py").read_text())
    found: dict[str, str] = {}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "app.task":
                (name,) = [word.value for word in decorator.keywords if word.arg == "name"]
                stage = Stage[ast.unparse(name).split("Stage.")[1].rstrip(")")]
                found[task_name(stage)] = node.name
    return found


def test_every_queue_has_its_task_and_every_task_its_queue() -> None:
    queues = {queue.name for queue in QUEUES}

    assert queues == {stage.value for stage in QUEUED_STAGES}
    assert _tasks().keys() == {task_name(Stage(queue)) for queue in queues}


def test_every_queue_is_read_by_a_process_of_the_standard_stack() -> None:
    read = [
        queue
        for role in standard_roles()
        if "--queues" in role.command
        for queue in role.command[role.command.index("--queues") + 1].split(",")
    ]

    assert sorted(read) == sorted(queue.name for queue in QUEUES)


def test_opt_outs_have_workers_of_their_own() -> None:
    shared = [
        role.name
        for role in standard_roles()
        if "--queues" in role.command
        and Stage.OPTOUT in role.command[role.command.index("--queues") + 1].split(",")
        and role.command[role.command.index("--queues") + 1] != Stage.OPTOUT
    ]

    assert not shared


def test_whatever_follows_a_stage_has_a_queue() -> None:
    assert set(FOLLOWING.values()) <= set(QUEUED_STAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_only_the_clock_module_reads_the_time(package: str) -> None:
    readers = [
        f"{path.relative_to(PROJECT)}:{node.lineno} {ast.unparse(node)}"
        for path in sorted((PROJECT / package).rglob("*.py"))
        if path != CLOCK
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and (ast.unparse(node.value).rpartition(".")[2], node.attr) in READS_THE_TIME
    ]

    assert not readers


def test_the_linter_refuses_a_read_of_the_clock(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("import time\n\nSTARTED = time.time()\n")

    ruff = subprocess.run(
        [
            *(sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "TID251"),
            *("--config", str(PROJECT / "pyproject.toml"), "--output-format", "concise"),
            str(module),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ruff.returncode == 1, ruff.stderr
    assert "Only workers/clock.py reads the time" in ruff.stdout


def test_no_sql_reads_the_time() -> None:
    readers = [
        str(path.relative_to(PROJECT))
        for path in _sources()
        if path.is_relative_to(PROJECT / "pipeline" / "store")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and any(word in node.value.lower() for word in ("now()", "current_timestamp"))
    ]

    assert not readers


def test_no_file_is_too_long_to_read() -> None:
    long = {
        str(path.relative_to(PROJECT)): lines
        for path in _sources()
        if "migrations/versions" not in path.as_posix()
        and (lines := path.read_text().count("\n")) > LONGEST_FILE
    }

    assert not long
