"""Every worker is killed, or asked to stop, in the middle of a campaign, and started again."""

import json
import os
import random
import signal
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis

from pipeline.policy.vocabulary import Stage
from pipeline.producer import Producer
from pipeline.store import campaigns
from tests.integration.world import NOW, World, numbers
from workers.reports.balance import ENDS, Balance, balance_of
from workers.runtime import Runtime
from workers.sandbox.options import Behaviour
from workers.servers import Servers
from workers.stack.roles import Role, recado_role, sandbox_role, worker_role

Start = Callable[..., "subprocess.Popen[str]"]
WaitFor = Callable[..., None]

MESSAGES = 6000
LAST = 1000
"""Enqueued right before the end, so that intake too has something in its hands."""

ROLES = (
    recado_role("intake"),
    worker_role("bulk", (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE), processes=1),
    worker_role("delivery", (Stage.DELIVERY,), processes=2),
    recado_role("dispatch"),
)

LEASES = {"STREAM": 2, "QUEUE": 4, "SENDING": 5}
"""Seconds: short, or the test would wait a minute and a half for each."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The workers of one campaign, and what can be seen of it from outside."""

    start_role: Callable[[Role], "subprocess.Popen[str]"]
    world: World
    sandbox: str
    producer: Producer

    def start(self) -> list["subprocess.Popen[str]"]:
        return [self.start_role(role) for role in ROLES]

    def balance(self) -> Balance:
        with self.world.runtime.transaction() as connection:
            campaign = campaigns.by_codes(connection, ["us"])["us"]
            return balance_of(campaigns.counts(connection, campaign.id))

    def in_the_middle(self) -> bool:
        lines = self.balance().lines
        return lines["sent"] >= 500 and lines["waiting"] >= 500

    def settled(self) -> bool:
        balance = self.balance()
        return balance.accepted == MESSAGES and sum(balance.lines[end] for end in ENDS) == MESSAGES

    def taken(self) -> list[dict[str, Any]]:
        """What the sandbox took, in order."""
        with urllib.request.urlopen(f"{self.sandbox}/sandbox/log") as answer:  # noqa: S310 - our own server
            entries: list[dict[str, Any]] = [json.loads(line) for line in answer]
        return [entry for entry in entries if entry["status"] in (200, 201)]

    def in_state(self, state: str) -> set[int]:
        return {id_ for id_, found in self.world.states().items() if found == state}


@pytest.fixture
def world(runtime: Runtime) -> World:
    return World(runtime)


@pytest.fixture
def stack(
    world: World, servers: Servers, start: Start, free_port: int, tmp_path: Path, wait_for: WaitFor
) -> Iterator[Stack]:
    sandbox = f"http://127.0.0.1:{free_port}"
    env = {
        "RECADO_CLOCK_START": NOW.isoformat(),
        "RECADO_PROVIDERS__SANDBOX__KIND": "sandbox",
        "RECADO_PROVIDERS__SANDBOX__BASE_URL": sandbox,
        "RECADO_PROVIDERS__SANDBOX__REQUEST_TIMEOUT": "4",
    } | {f"RECADO_LEASES__{name}_SECONDS": str(seconds) for name, seconds in LEASES.items()}

    def start_role(role: Role) -> "subprocess.Popen[str]":
        _, _, module, *arguments = role.command
        return start(*arguments, module=module, env=env)

    log = start_role(sandbox_role(free_port, Behaviour(latency_ms=20), log=str(tmp_path / "log")))
    assert log.poll() is None
    wait_for(lambda: _answers(sandbox), what="the sandbox")
    with Redis.from_url(servers.redis_url) as client:
        yield Stack(start_role, world, sandbox, Producer(client))


def _answers(sandbox: str) -> bool:
    try:
        with urllib.request.urlopen(f"{sandbox}/healthz"):  # noqa: S310 - our own server
            return True
    except OSError:
        return False


def _furnish(world: World, seed: int) -> list[dict[str, Any]]:
    """A campaign, and its rows; every twentieth person has given no consent."""
    world.sender(rate_per_second=900.0)
    world.sender("es", country="ES", registration=None, rate_per_second=500.0)
    world.campaign()
    phones = [
        *numbers(MESSAGES * 2 // 3, seed=seed),
        *numbers(MESSAGES - MESSAGES * 2 // 3, "ES", seed=seed),
    ]
    random.Random(seed).shuffle(phones)
    world.consent(world.contacts(phones[: MESSAGES * 19 // 20]))
    random.Random(seed + 1).shuffle(phones)
    return [{"to": phone, "position": place} for place, phone in enumerate(phones)]


def _begin(stack: Stack, wait_for: WaitFor) -> list["subprocess.Popen[str]"]:
    """Start everything, and wait until the campaign is in full swing."""
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    rows = _furnish(stack.world, seed)
    processes = stack.start()
    stack.producer.send("us", rows[:-LAST])
    wait_for(stack.in_the_middle, timeout=60, what="the middle of the campaign")
    stack.producer.send("us", rows[-LAST:])
    return processes


def _kill(processes: list["subprocess.Popen[str]"]) -> None:
    """End every process and its children at once, without a word."""
    family = [
        member
        for process in processes
        for member in (psutil.Process(process.pid), *psutil.Process(process.pid).children())
    ]
    for member in family:
        os.kill(member.pid, signal.SIGKILL)
    for process in processes:
        process.wait(10)
    psutil.wait_procs(family, 10)


def _twice(stack: Stack, taken: list[dict[str, Any]]) -> list[object]:
    """What the sandbox took more than once, with what was decided for each."""
    times = Counter(entry["message_id"] for entry in taken)
    twice = [id_ for id_, count in times.items() if count > 1][:3]
    decisions = stack.world.query(
        "SELECT message_id, decided_at, stage, outcome, detail FROM decisions"
        " WHERE message_id = ANY(CAST(:ids AS bigint[])) ORDER BY message_id, ctid",
        ids=[int(id_) for id_ in twice],
    )
    return [*(entry for entry in taken if entry["message_id"] in twice), *decisions]


def _finish(stack: Stack, wait_for: WaitFor) -> None:
    """Start everything again, wait for the end, and see that nothing was sent twice."""
    stack.start()
    wait_for(stack.settled, timeout=90, what="the end of every message")


def test_nothing_is_lost_or_sent_twice_when_every_worker_is_killed(
    stack: Stack, wait_for: WaitFor
) -> None:
    processes = _begin(stack, wait_for)

    _kill(processes)
    assert stack.balance().lines["waiting"] > 0, "the campaign was over before the kill"
    on_the_wire = stack.in_state("sending")

    _finish(stack, wait_for)
    balance = stack.balance()
    print(f"{balance.lines}, {len(on_the_wire)} on the wire at the kill")  # noqa: T201 - a figure
    taken = stack.taken()
    assert not _twice(stack, taken)
    sent, in_doubt = stack.in_state("sent"), stack.in_state("in_doubt")
    assert in_doubt <= on_the_wire
    assert sent <= {int(entry["message_id"]) for entry in taken} <= sent | in_doubt
    assert balance.lines["blocked"] == MESSAGES // 20
    assert len(sent) + len(in_doubt) == MESSAGES - MESSAGES // 20


def test_nothing_is_in_doubt_when_every_worker_is_asked_to_stop(
    stack: Stack, wait_for: WaitFor
) -> None:
    processes = _begin(stack, wait_for)

    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(40)
    assert stack.balance().lines["waiting"] > 0, "the campaign was over before the stop"
    assert not stack.in_state("sending")

    _finish(stack, wait_for)
    taken = stack.taken()
    assert not _twice(stack, taken)
    assert not stack.in_state("in_doubt")
    assert stack.in_state("sent") == {int(entry["message_id"]) for entry in taken}
    assert len(taken) == MESSAGES - MESSAGES // 20
