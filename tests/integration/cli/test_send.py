import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.producer import STREAM
from workers.heartbeat import alive
from workers.runtime import Runtime

BULK = ("-A", "workers", "worker", "-c", "1", "--without-gossip", "--without-mingle")


@pytest.fixture
def stack(
    start: Callable[..., Any],
    recado: Callable[..., Any],
    runtime: Runtime,
    senders_file: Path,
    wait_for: Callable[..., None],
    tmp_path: Path,
) -> Callable[[], None]:
    """Every process that a message passes, and an active sender."""

    def run() -> None:
        assert recado("senders", "import", senders_file).returncode == 0
        start("sandbox", "--port", "0")
        log = tmp_path / "process-0.log"
        wait_for(lambda: "http" in log.read_text(), what="the sandbox")
        address = next(line for line in log.read_text().splitlines() if line.startswith("http"))
        provider = {
            "RECADO_PROVIDERS__SANDBOX__KIND": "sandbox",
            "RECADO_PROVIDERS__SANDBOX__BASE_URL": address,
        }
        start("intake")
        start("dispatch")
        start(*BULK, "-n", "bulk@%h", "-Q", "consent,window,throttle", module="celery")
        start(*BULK, "-n", "delivery@%h", "-Q", "delivery", module="celery", env=provider)
        roles = {"intake", "dispatch", "consent", "window", "throttle", "delivery"}
        wait_for(
            lambda: {process.role for process in alive(runtime.redis)} >= roles,
            timeout=40,
            what="a heartbeat of every role",
        )

    return run


def test_sends_and_waits_until_the_balance_closes(
    stack: Callable[[], None],
    recado: Callable[..., Any],
    campaign_file: Callable[..., Path],
    recipients_file: Callable[..., Path],
    new_yorkers: Callable[[int], Sequence[str]],
) -> None:
    stack()
    file = recipients_file(*new_yorkers(30), "nonsense,Bob", "+12125550100,Ann", "+12125550190")
    done = recado("send", campaign_file(), file, "--wait", "--timeout", "30", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["refused"] == 1
    assert report["refusals"][0]["line"] == 34
    balance = report["balance"]
    assert balance["accepted"] == report["enqueued"] == 32
    assert balance["sent"] == 30
    assert balance["reasons"]["blocked"] == {"duplicate": 1, "invalid_number": 1}

    again = recado("send", campaign_file(), file, "--wait", "--timeout", "30")
    assert again.returncode == 0, again.stderr
    assert (
        "32 accepted = 30 sent + 2 blocked + 0 expired + 0 cancelled + 0 failed + 0 in doubt"
        in again.stdout
    )


def test_says_which_process_is_missing(
    recado: Callable[..., Any],
    campaign_file: Callable[..., Path],
    recipients_file: Callable[..., Path],
    new_yorkers: Callable[[int], Sequence[str]],
    runtime: Runtime,
) -> None:
    file = recipients_file(*new_yorkers(3))
    done = recado("send", campaign_file(), file, "--wait", "--timeout", "1")
    assert done.returncode == 1
    assert "no process runs: recado intake" in done.stderr
    assert "Traceback" not in done.stderr
    assert runtime.redis.xlen(STREAM) == 1


def test_an_unusable_recipients_file_creates_nothing(
    recado: Callable[..., Any],
    campaign_file: Callable[..., Path],
    recipients_file: Callable[..., Path],
    runtime: Runtime,
) -> None:
    done = recado("send", campaign_file(), recipients_file("x", header="number,name"))
    assert done.returncode == 2
    assert "recipients.csv:1: to is missing in the header" in done.stderr
    assert runtime.redis.xlen(STREAM) == 0


def test_without_a_schema_it_says_what_to_run(
    unmigrated: Any,
    recado: Callable[..., Any],
    campaign_file: Callable[..., Path],
    recipients_file: Callable[..., Path],
) -> None:
    env = {"RECADO_DATABASE_URL": unmigrated.database_url}
    done = recado("send", campaign_file(), recipients_file("+12125550100,Ann"), env=env)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("run: recado db upgrade")
    assert recado("db", "upgrade", env=env).returncode == 0
    assert recado("send", campaign_file(), recipients_file(), env=env).returncode == 2


def test_without_redis_it_ends_with_one_line(recado: Callable[..., Any], free_port: int) -> None:
    env = {"RECADO_REDIS_URL": f"redis://127.0.0.1:{free_port}/0"}
    done = recado("status", env=env)
    assert done.returncode == 1
    assert "check RECADO_REDIS_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_database_ends_with_one_line(recado: Callable[..., Any], free_port: int) -> None:
    env = {"RECADO_DATABASE_URL": f"postgresql://127.0.0.1:{free_port}/x"}
    done = recado("db", "upgrade", env=env)
    assert done.returncode == 1
    assert "check RECADO_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
