"""What docker-compose.yml promises, and that its services start, get healthy and stop.

Docker itself is not needed: each service's command, health check and grace period are taken from
the file and used on this machine, over the servers of the tests.
"""

import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from workers import settling
from workers.courier import courier
from workers.lane import ledger, sending
from workers.queues import QUEUES
from workers.servers import Servers
from workers.stack.supervisor import GRACE_SECONDS

PROJECT = Path(__file__).parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVERS = ("postgres", "redis")
ROLES = tuple(name for name in SERVICES if name not in (*SERVERS, "migrate"))

HERE = {"RECADO_WEB__HOST": "127.0.0.1", "RECADO_WEB__PORT": "0"}
"""In place of what holds inside of a container."""

Completed = subprocess.CompletedProcess[str]
Process = subprocess.Popen[str]
Recado = Callable[..., Completed]
Start = Callable[..., Process]


def seconds(duration: str) -> float:
    assert duration.endswith("s"), duration
    return float(duration.removesuffix("s"))


def queues_of(service: Mapping[str, Any]) -> list[str]:
    words = shlex.split(service["command"])
    return words[words.index("-Q") + 1].split(",") if "-Q" in words else []


def own_environment(service: Mapping[str, Any]) -> dict[str, str]:
    """What the file itself sets, without the addresses of its servers."""
    return {
        name: value
        for name, value in service["environment"].items()
        if value is not None and "${" not in value
    }


def start_service(start: Start, service: Mapping[str, Any]) -> Process:
    executable, *arguments = shlex.split(service["command"])
    module = {"recado": "workers.cli.main", "celery": "celery"}[executable]
    return start(*arguments, module=module, env=own_environment(service) | HERE)


def health(recado: Recado, service: Mapping[str, Any]) -> Completed:
    kind, executable, *arguments = service["healthcheck"]["test"]
    assert (kind, executable) == ("CMD", "recado")
    return recado(*arguments)


def test_every_service_gets_healthy_and_stops_within_its_grace_period(
    start: Start, recado: Recado, wait_for: Callable[..., None]
) -> None:
    for name in ROLES:
        assert health(recado, SERVICES[name]).returncode == 1, f"{name} before its start"

    running = {name: start_service(start, SERVICES[name]) for name in ROLES}
    for name, process in running.items():

        def is_healthy(name: str = name, process: Process = process) -> bool:
            assert process.poll() is None, f"{name} ended with {process.returncode}"
            return health(recado, SERVICES[name]).returncode == 0

        wait_for(is_healthy, timeout=60, what=f"a healthy {name}")

    for process in running.values():
        process.terminate()
    began = time.monotonic()
    for name, process in running.items():
        grace = seconds(SERVICES[name]["stop_grace_period"])
        assert process.wait(max(1.0, began + grace - time.monotonic())) == 0, name


def test_roles_need_what_the_migrate_service_does(unmigrated: Servers, recado: Recado) -> None:
    empty = {"RECADO_DATABASE_URL": unmigrated.database_url}
    executable, *arguments = shlex.split(SERVICES["migrate"]["command"])
    assert executable == "recado"

    too_early = recado("intake", env=empty)
    assert (too_early.returncode, "recado db upgrade" in too_early.stderr) == (1, True)
    for _ in range(2):  # a second `compose up` runs it again
        migrated = recado(*arguments, env=empty)
        assert migrated.returncode == 0, migrated.stderr
    assert recado("status", env=empty).returncode == 0


def test_every_queue_is_read_by_exactly_one_service() -> None:
    read = [queue for name in ROLES for queue in queues_of(SERVICES[name])]
    assert sorted(read) == sorted(queue.name for queue in QUEUES)


def test_the_opt_out_lane_has_workers_of_its_own() -> None:
    assert queues_of(SERVICES["optout"]) == ["optout"]


@pytest.mark.parametrize("name", ROLES)
def test_a_role_starts_after_its_servers_and_the_schema(name: str) -> None:
    assert SERVICES[name]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


@pytest.mark.parametrize("name", [*ROLES, *SERVERS])
def test_a_service_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_limited_and_hardened(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", ROLES)
def test_a_role_may_take_longer_to_stop_than_its_drain(name: str) -> None:
    assert seconds(SERVICES[name]["stop_grace_period"]) > GRACE_SECONDS


def test_a_worker_is_not_killed_while_it_waits_for_answers() -> None:
    # Each waits for its answers, then until they are written down.
    writing = courier.WRITING_SECONDS
    needs = {
        "delivery": settling.STOP_SECONDS + courier.DRAIN_SECONDS + writing,
        "optout": ledger.CLOSE_SECONDS + sending.DRAIN_SECONDS + writing,
    }
    for name, needed in needs.items():
        assert seconds(SERVICES[name]["stop_grace_period"]) > needed, name


def test_no_service_is_reached_from_outside_this_machine() -> None:
    ports = [str(port) for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert COMPOSE["networks"]["data"]["internal"] is True
    for name in SERVERS:
        assert SERVICES[name]["networks"] == ["data"]


def test_only_who_speaks_to_providers_has_their_accounts_and_only_web_waits_for_them() -> None:
    accounts = {name for name, service in SERVICES.items() if "env_file" in service}
    outside = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    assert outside == {"delivery", "optout", "smpp"}
    assert accounts == outside | {"web"}


def test_only_web_is_reached_and_it_reaches_nobody_through_that() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    environment = SERVICES["web"]["environment"]
    assert published.keys() == {"web"}
    assert published["web"][0].endswith(f":{environment['RECADO_WEB__PORT']}")
    assert environment["RECADO_WEB__HOST"] == "0.0.0.0"  # noqa: S104 - inside of its container
    assert SERVICES["web"]["networks"] == ["data", "entrance"]
    masquerade = "com.docker.network.bridge.enable_ip_masquerade"
    assert COMPOSE["networks"]["entrance"]["driver_opts"][masquerade] == "false"


def test_the_file_holds_no_secret() -> None:
    for name, service in SERVICES.items():
        for variable, value in service["environment"].items():
            if "PASSWORD" in variable or "AUTH" in variable or "_KEY" in variable:
                assert value is None or value.startswith("${"), f"{name}: {variable}"
            if variable.endswith("_URL"):
                password = value.split("://", 1)[1].split("@", 1)[0].split(":", 1)[1]
                assert password.startswith("${"), f"{name}: {variable}"
    command = SERVICES["redis"]["command"]
    assert command[command.index("--requirepass") + 1].startswith("${REDIS_PASSWORD:?")


def test_redis_keeps_what_it_is_given() -> None:
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert "--maxmemory" in options
    assert "redis:/data" in SERVICES["redis"]["volumes"]
