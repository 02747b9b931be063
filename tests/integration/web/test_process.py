"""`recado web` as a process: where it listens, what it tells the lane, how it ends."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.integration.web.calling import ACCOUNTS, OUR_NUMBER, PUBLIC_URL, Caller, reply
from tests.integration.web.conftest import WaitFor
from tests.integration.world import World, numbers
from workers.servers import Servers

Start = Callable[..., "subprocess.Popen[str]"]
Recado = Callable[..., "subprocess.CompletedProcess[str]"]

PHONES = numbers(5)


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """The usual one, with the accounts of the tests."""
    accounts = {
        f"RECADO_PROVIDERS__{name.upper()}__{field.upper()}": value
        for name, values in ACCOUNTS.items()
        for field, value in values.items()
    }
    more = {"RECADO_WEB__PUBLIC_URL": PUBLIC_URL, "RECADO_LOG_LEVEL": "INFO"}
    return environment | accounts | more


def logged(folder: Path) -> list[dict[str, Any]]:
    """Every line that the process has written, to whichever stream."""
    lines = (folder / "process-0.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def listening(folder: Path, wait_for: WaitFor) -> Caller:
    def ports() -> list[int]:
        return [line["port"] for line in logged(folder) if line["event"] == "web_listening"]

    wait_for(ports, what="a web process that listens")
    return Caller(f"http://127.0.0.1:{ports()[0]}")


def test_a_reply_reaches_the_lanes_queue_and_sigterm_ends_it_cleanly(
    start: Start,
    recado: Recado,
    world: World,
    servers: Servers,
    tmp_path: Path,
    wait_for: WaitFor,
) -> None:
    world.sender("us", provider="tw", address=OUR_NUMBER)
    process = start("web", "--port", "0")
    caller = listening(tmp_path, wait_for)

    for number, phone in enumerate(PHONES):
        assert caller.twilio(reply("STOP", phone, f"SM{number}")).status == 200
    assert recado("health", "web").returncode == 0
    process.terminate()
    assert process.wait(20) == 0

    assert len(world.query("SELECT FROM opt_outs WHERE in_force_at IS NOT NULL")) == len(PHONES)
    with Redis.from_url(servers.redis_url) as client:
        chunks = [json.loads(chunk) for chunk in client.lrange("optout", 0, -1)]
    assert chunks
    events = [line["event"] for line in logged(tmp_path)]
    assert events == ["web_listening", "stopping", "stopped"]
    assert recado("health", "web").returncode == 1


def test_without_redis_it_starts_takes_and_stops(
    start: Start, world: World, tmp_path: Path, wait_for: WaitFor
) -> None:
    world.sender("us", provider="tw", address=OUR_NUMBER)
    process = start("web", "--port", "0", env={"RECADO_REDIS_URL": "redis://127.0.0.1:9/0"})
    caller = listening(tmp_path, wait_for)

    for number, phone in enumerate(PHONES):
        assert caller.twilio(reply("STOP", phone, f"SM{number}")).status == 200
    assert len(world.query("SELECT FROM suppressions")) == len(PHONES)
    wait_for(
        lambda: "enqueue_failed" in [line["event"] for line in logged(tmp_path)],
        what="the attempt to tell the lane",
    )
    process.terminate()
    assert process.wait(20) == 0


def test_a_port_that_is_taken_is_said_in_one_line(
    recado: Recado, servers: Servers, session_servers: Servers
) -> None:
    assert servers != session_servers
    port = Redis.from_url(servers.redis_url).connection_pool.connection_kwargs["port"]
    ended = recado("web", "--port", str(port))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"cannot listen on 127.0.0.1, port {port}" in ended.stderr


def test_an_account_of_twilio_without_a_public_address_is_warned_of(
    start: Start, tmp_path: Path, wait_for: WaitFor, environment: dict[str, str]
) -> None:
    del environment["RECADO_WEB__PUBLIC_URL"]
    start("web", "--port", "0")
    listening(tmp_path, wait_for)
    assert "web_public_url_unset" in [line["event"] for line in logged(tmp_path)]
