"""Redis or PostgreSQL dies in the middle of a campaign, and comes back while everything runs."""

import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis, RedisError
from sqlalchemy import text

from pipeline.policy.vocabulary import Stage
from pipeline.producer import STREAM, Producer
from tests.faults.test_kill_everything import LEASES, ROLES, Stack
from tests.integration.world import NOW, World, numbers
from tests.own_servers import OwnServers, own, servers
from workers.reports.balance import ENDS
from workers.runtime import Runtime
from workers.sandbox.options import Behaviour
from workers.servers import Servers
from workers.stack.ports import port_answers
from workers.stack.roles import Role, sandbox_role

__all__ = ["own", "servers"]

Start = Callable[..., "subprocess.Popen[str]"]
WaitFor = Callable[..., None]

MESSAGES = 1500
FIRST = 1200
"""Enqueued before the fault, and decided by then."""

IN_HAND = 1250
"""Up to here the fault finds messages in the hands of a worker, or behind that."""

PAST_INTAKE = 1300
"""Up to here the fault finds messages in the database, and the rest still in the stream."""

BLOCKED = MESSAGES // 20
"""People who have given no consent; all are among the first."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A campaign on its way through a stack whose servers may go."""

    stack: Stack
    client: "Redis"
    processes: dict[str, "subprocess.Popen[str]"]
    rows: list[dict[str, Any]]
    logs: Path

    def counts(self) -> tuple[int, int, int]:
        """Messages accepted, sent, and at any end."""
        balance = self.stack.balance()
        ended = sum(balance.lines[end] for end in ENDS)
        return balance.accepted, balance.lines["sent"], ended

    def in_the_middle(self) -> bool:
        accepted, sent, ended = self.counts()
        return accepted == FIRST and sent >= 200 and accepted - ended >= 400

    def settled(self, accepted: int) -> bool:
        """Whether so many were accepted, all are at an end, and the stream is empty."""
        found, _, ended = self.counts()
        return found == ended == accepted and not self.client.xlen(STREAM)

    def logged(self, *events: str) -> bool:
        """Whether the processes have logged all of these."""
        logs = "".join(log.read_text() for log in self.logs.glob("process-*.log"))
        return all(f'"event": "{event}"' in logs for event in events)

    def freeze(self, name: str, wait_for: WaitFor) -> "psutil.Process":
        """Stop a process where it stands."""
        process = psutil.Process(self.processes[name].pid)
        process.suspend()
        wait_for(lambda: process.status() == psutil.STATUS_STOPPED, what=f"the stop of {name}")
        return process

    @contextmanager
    def stranded(self, wait_for: WaitFor) -> Iterator[None]:
        """Work everywhere: rows in the stream, chunks in the queues, a chunk in a worker's hands.

        The worker is held in the middle of its chunk, and intake before its next read, until the
        end of the context.
        """
        with self.stack.world.runtime.transaction() as connection:
            # Only the consent stage reads it.
            connection.execute(text("LOCK TABLE consents IN ACCESS EXCLUSIVE MODE"))
            self.stack.producer.send("us", self.rows[FIRST:IN_HAND])
            wait_for(self._waits_for_a_lock, what="a chunk in a worker's hands")
            self.stack.producer.send("us", self.rows[IN_HAND:PAST_INTAKE])
            for stage in (Stage.CONSENT, Stage.THROTTLE):
                wait_for(lambda stage=stage: self.client.llen(stage), what=f"a chunk for {stage}")
            intake = self.freeze("intake", wait_for)
            wait_for(lambda: not self._reads_under_way(), what="the end of intake's read")
            self.stack.producer.send("us", self.rows[PAST_INTAKE:])
            yield
        intake.resume()

    def _waits_for_a_lock(self) -> bool:
        return bool(self.stack.world.query("SELECT FROM pg_locks WHERE NOT granted"))

    def _reads_under_way(self) -> list[str]:
        blocked = [client for client in self.client.client_list() if "b" in client["flags"]]
        return [client["cmd"] for client in blocked if client["cmd"] == "xreadgroup"]

    def check_nothing_sent_twice(self) -> set[int]:
        """That no message and no person stands twice in the sandbox's log; what it took."""
        taken = self.stack.taken()
        for name in ("message_id", "to"):
            times = Counter(entry[name] for entry in taken)
            assert not [entry for entry in taken if times[entry[name]] > 1]
        return {int(entry["message_id"]) for entry in taken}

    def check_all_live(self) -> None:
        ended = [name for name, process in self.processes.items() if process.poll() is not None]
        assert not ended


@pytest.fixture
def scene(
    runtime: Runtime,
    servers: Servers,
    start: Start,
    free_port: int,
    tmp_path: Path,
    wait_for: WaitFor,
) -> Iterator[Scene]:
    """The middle of a campaign; the last rows are not enqueued yet."""
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

    rows = _furnish(World(runtime))
    start_role(sandbox_role(free_port, Behaviour(latency_ms=20), log=str(tmp_path / "log")))
    processes = {role.name: start_role(role) for role in ROLES}
    with Redis.from_url(servers.redis_url) as client:
        stack = Stack(start_role, World(runtime), sandbox, Producer(client))
        found = Scene(stack, client, processes, rows, tmp_path)
        wait_for(lambda: port_answers(free_port), what="the sandbox")
        stack.producer.send("us", rows[:FIRST])
        wait_for(found.in_the_middle, timeout=40, what="the middle of the campaign")
        yield found


def _furnish(world: World) -> list[dict[str, Any]]:
    """A campaign that takes some seconds, and its rows in an order drawn at random."""
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    world.sender(rate_per_second=200.0)
    world.sender("es", country="ES", registration=None, rate_per_second=100.0)
    world.campaign()
    american = MESSAGES * 2 // 3
    phones = [*numbers(american, seed=seed), *numbers(MESSAGES - american, "ES", seed=seed)]
    random.Random(seed).shuffle(phones)
    world.consent(world.contacts(phones)[BLOCKED:])
    first = phones[:FIRST]
    random.Random(seed + 1).shuffle(first)
    everybody = [*first, *phones[FIRST:]]
    return [{"to": phone, "position": place} for place, phone in enumerate(everybody)]


def _answers(client: "Redis") -> bool:
    try:
        return bool(client.ping())
    except RedisError:  # away, or still reading its file
        return False


@pytest.mark.parametrize("keeps", [True, False], ids=["with its data", "empty"])
def test_everything_past_intake_goes_on_when_redis_comes_back(
    scene: Scene, own: OwnServers, wait_for: WaitFor, *, keeps: bool
) -> None:
    with scene.stranded(wait_for):
        start_again = own.kill_valkey()
    # The held worker's chunk ends now: it can neither pass its rows on nor acknowledge them.
    notices = ("dispatch_waits", "intake_waits", "enqueue_failed")
    wait_for(lambda: scene.logged(*notices), what="a notice of the fault")
    assert scene.stack.balance().waiting > 0, "the campaign was over before the fault"
    if not keeps:
        own.wipe_valkey()
    start_again()
    wait_for(lambda: _answers(scene.client), what="the return of Redis")

    accepted = MESSAGES if keeps else PAST_INTAKE
    wait_for(lambda: scene.settled(accepted), timeout=40, what="the end of what was accepted")
    assert keeps or scene.logged("recovered"), "no chunk was lost"
    scene.check_nothing_sent_twice()

    scene.stack.producer.send("us", scene.rows)
    wait_for(lambda: scene.settled(MESSAGES), timeout=30, what="the end of every message")
    taken = scene.check_nothing_sent_twice()
    assert taken == scene.stack.in_state("sent")
    assert len(taken) == MESSAGES - BLOCKED
    assert scene.stack.balance().lines["blocked"] == BLOCKED
    scene.check_all_live()


def test_everything_goes_on_when_postgresql_comes_back_from_a_crash(
    scene: Scene, own: OwnServers, wait_for: WaitFor
) -> None:
    own.crash_postgres()
    scene.stack.producer.send("us", scene.rows[FIRST:])
    wait_for(lambda: scene.logged("dispatch_waits", "intake_waits"), what="a notice of the fault")
    own.acquire()
    # A lease outlives the outage: whatever will be in doubt still counts as being sent.
    on_the_wire = scene.stack.in_state("sending") | scene.stack.in_state("in_doubt")

    wait_for(lambda: scene.settled(MESSAGES), timeout=60, what="the end of every message")
    sent, in_doubt = scene.stack.in_state("sent"), scene.stack.in_state("in_doubt")
    print(f"{len(on_the_wire)} on the wire, {len(in_doubt)} in doubt")  # noqa: T201 - a figure
    taken = scene.check_nothing_sent_twice()
    assert in_doubt <= on_the_wire
    assert sent <= taken <= sent | in_doubt
    assert len(sent) + len(in_doubt) == MESSAGES - BLOCKED
    assert scene.stack.balance().lines["blocked"] == BLOCKED
    scene.check_all_live()
