"""Building a scene, and clearing it away."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from benchmarks import world
from benchmarks.faults.proxy import LossyWire
from benchmarks.faults.scene import Scene
from benchmarks.faults.servers import BreakableServers, small_disk
from benchmarks.packs import without_thresholds
from benchmarks.traffic import RequestLog
from config.settings import LeaseSettings, Settings
from pipeline.policy.vocabulary import Stage
from workers.runtime import Runtime
from workers.sandbox import client
from workers.sandbox.options import Behaviour
from workers.stack.interrupts import interrupts_held
from workers.stack.ports import free_port
from workers.stack.roles import Role, recado_role, sandbox_role, web_role, worker_role
from workers.stack.supervisor import Stack

LEASES = LeaseSettings(stream_seconds=2, queue_seconds=4, sending_seconds=5)
"""Short, or each fault would cost a minute and a half."""

REQUEST_TIMEOUT = 3
"""Seconds: an answer comes before the lease on its message ends, or not at all."""

LOOK_UP_SECONDS = 0.5
"""To the first look-up of a doubt; by the fourth, 8 seconds later, its absence proves something."""

LOG_BYTES = "256MB"
"""PostgreSQL's own log, which must not fill a disk on which several campaigns run."""

COURIERS = 2
MOST_COURIERS = 8

ADRIFT = "adrift"
"""A provider account whose host has no address: no name under ``.invalid`` has one (RFC 2606)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Staging:
    """How a scene is built.

    Attributes:
        clock_start, clock_speed: of the business clock.
        couriers: delivery workers that run from the start, of `MOST_COURIERS`.
    """

    clock_start: datetime = world.STARTS_AT
    clock_speed: float = 1.0
    couriers: int = COURIERS


@contextmanager
def scene(staging: Staging | None = None, *, keep: Callable[[], bool] = bool) -> Iterator[Scene]:
    """Start a stack; all of it is gone afterwards.

    Args:
        keep: asked at the end: whether the folder with the logs stays.
    """
    staging = staging or Staging()
    folder = Path(tempfile.mkdtemp(prefix="recado-faults-"))
    with held_to_the_end() as cleanup:
        cleanup.callback(lambda: None if keep() else shutil.rmtree(folder, ignore_errors=True))
        cleanup.enter_context(small_disk(folder / "servers"))
        servers = BreakableServers(folder / "servers")
        cleanup.callback(servers.release)
        with interrupts_held():  # a server that starts meanwhile must be ours to stop
            addresses = servers.acquire()
        servers.bound_log(addresses.database_url, LOG_BYTES)
        port = int(addresses.redis_url.rpartition(":")[2].split("/")[0])
        wire = cleanup.enter_context(LossyWire(port))
        sandbox, web = free_port(), free_port()
        environment = _environment(folder, staging, sandbox, web)
        stack = Stack(
            home=folder / "home",
            roles=_roles(folder, sandbox, web, wire.port),
            env=environment,
            find_servers=lambda: addresses,
            folder=Path.cwd(),
        )
        cleanup.callback(stack.stop)
        stack.open()
        runtime = Runtime(_settings(folder, staging), addresses, "recado-faults")
        cleanup.callback(runtime.close)
        log = RequestLog(folder / "requests.ndjson")
        made = Scene(folder, servers, wire, stack, runtime, log, sandbox)
        cleanup.callback(made.thaw)
        stack.start("sandbox", "web", "intake", "bulk", "optout", "dispatch")
        stack.start(*courier_names(staging.couriers))
        stack.wait()
        client.follow_clock(sandbox, runtime.clock)
        yield made


@contextmanager
def held_to_the_end() -> Iterator[ExitStack]:
    """An exit stack that unwinds to its end, even if Ctrl-C or SIGTERM comes again."""
    cleanup = ExitStack()
    try:
        yield cleanup
    finally:
        with interrupts_held():
            cleanup.close()


def courier_names(amount: int) -> list[str]:
    """The roles that deliver."""
    return [f"delivery-{number}" for number in range(1, amount + 1)]


def _settings(folder: Path, staging: Staging) -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        home=folder / "home",
        policies=folder / "packs",
        clock_start=staging.clock_start,
        clock_speed=staging.clock_speed,
        leases=LEASES,
    )


def _environment(folder: Path, staging: Staging, sandbox: int, web: int) -> dict[str, str]:
    packs = without_thresholds(folder / "packs")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECADO_")}
    return kept | {
        "RECADO_LOG_LEVEL": "INFO",
        "RECADO_POLICIES": str(packs),
        "RECADO_CLOCK_START": staging.clock_start.isoformat(),
        "RECADO_CLOCK_SPEED": str(staging.clock_speed),
        "RECADO_LEASES__STREAM_SECONDS": str(LEASES.stream_seconds),
        "RECADO_LEASES__QUEUE_SECONDS": str(LEASES.queue_seconds),
        "RECADO_LEASES__SENDING_SECONDS": str(LEASES.sending_seconds),
        "RECADO_DELIVERY__LOOK_UP_SECONDS": str(LOOK_UP_SECONDS),
        "RECADO_PROVIDERS__SANDBOX__KIND": "sandbox",
        "RECADO_PROVIDERS__SANDBOX__BASE_URL": f"http://127.0.0.1:{sandbox}",
        "RECADO_PROVIDERS__SANDBOX__REQUEST_TIMEOUT": str(REQUEST_TIMEOUT),
        f"RECADO_PROVIDERS__{ADRIFT.upper()}__KIND": "sandbox",
        f"RECADO_PROVIDERS__{ADRIFT.upper()}__BASE_URL": "http://provider.invalid",
        f"RECADO_PROVIDERS__{ADRIFT.upper()}__REQUEST_TIMEOUT": str(REQUEST_TIMEOUT),
        "RECADO_WEB__PORT": str(web),
        "RECADO_WEB__PUBLIC_URL": f"http://127.0.0.1:{web}",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_PROJECT), kept.get("PYTHONPATH")))),
    }


_PROJECT = Path(__file__).parents[2]


def _roles(folder: Path, sandbox: int, web: int, wire: int) -> list[Role]:
    log = str(folder / "requests.ndjson")
    provider = sandbox_role(
        sandbox, Behaviour(latency_ms=20), log=log, webhook_url=f"http://127.0.0.1:{web}"
    )
    # Those who publish reach Valkey over the wire that loses replies; those who pace, directly.
    over_wire = {"RECADO_REDIS_URL": f"redis://127.0.0.1:{wire}/0"}
    stages = (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE)
    publishing = [
        recado_role("intake"),
        worker_role("bulk", stages, processes=1),
        recado_role("dispatch"),
        replace(recado_role("dispatch"), name="dispatch-2"),
    ]
    others = [
        web_role(web),
        worker_role("optout", (Stage.OPTOUT,), processes=1),
        *(
            worker_role(name, (Stage.DELIVERY,), processes=1)
            for name in courier_names(MOST_COURIERS)
        ),
    ]
    return [
        provider,
        *(_breakable(folder, role, over_wire) for role in publishing),
        *(_breakable(folder, role, {}) for role in others),
    ]


def _breakable(folder: Path, role: Role, settings: Mapping[str, str]) -> Role:
    """The role, looking for orders to break in a folder of its own."""
    orders = folder / "orders" / role.name
    orders.mkdir(parents=True)
    variables = {"RECADO_FAULT__ORDERS": str(orders), **settings}
    words = [f"{name}={value}" for name, value in variables.items()]
    return replace(role, command=("/usr/bin/env", *words, *role.command))
