"""From an empty folder to the report: what `recado demo` does, in order."""

import os
import time
from contextlib import closing
from pathlib import Path

from config.settings import Settings
from workers.demo import plan, seed
from workers.demo.lapse import Lapse
from workers.demo.people import invent_people
from workers.demo.report import DemoReport
from workers.demo.view import View
from workers.runtime import Runtime
from workers.sandbox.options import Behaviour, Fault
from workers.servers import Servers
from workers.stack.ports import free_port
from workers.stack.roles import sandbox_role, standard_roles, web_role
from workers.stack.supervisor import Stack

BEHAVIOUR = Behaviour(
    latency_ms=40.0, jitter_ms=30.0, error_rate=0.005, error_code=Fault.HTML, callbacks=True
)
"""A provider on a middling day; one answer in two hundred tells nobody what became of the
message, which is then in doubt."""


def run_demo(home: Path, view: View) -> DemoReport:
    """Run the demo in a folder of its own; everything is stopped at the end, however it ends.

    Raises:
        StackError: a process does not get ready.
        ServersError: an embedded server does not start.
    """
    port, web_port = free_port(), free_port()
    web_url = f"http://127.0.0.1:{web_port}"
    settings = _settings(home)
    log = str(home / "sandbox.ndjson")
    stack = Stack(
        home=home,
        roles=(
            sandbox_role(port, BEHAVIOUR, log=log, webhook_url=web_url),
            web_role(web_port),
            *standard_roles(),
        ),
        env=_environment(port, web_port, web_url),
        find_servers=lambda: Servers.find(settings),
        folder=home,
    )
    people = {one.country: invent_people(one) for one in plan.PLANS}
    try:
        view.say("starting PostgreSQL and Valkey …")
        stack.open()
        addresses = Servers(stack.servers.database_url, stack.servers.redis_url)
        with closing(Runtime(settings, addresses, "recado-demo")) as runtime:
            view.say("starting the workers, loading senders, templates and consents …")
            stack.start()
            with runtime.transaction() as connection:
                seed.seed(connection, people)
            stack.wait()
            time.sleep(runtime.clock.wait_until(plan.START))
            return Lapse(stack, runtime, people, port, view.show).run()
    finally:
        view.say("stopping everything …")
        stack.stop()


def _settings(home: Path) -> Settings:
    """The demo's own settings: what stands in the environment or in ``.env`` is not for it."""
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        home=home,
        database_url=None,
        redis_url=None,
        policies=None,
        closed_days=[],
        clock_start=plan.CLOCK_START,
        clock_speed=plan.SPEED,
    )


def _environment(port: int, web_port: int, web_url: str) -> dict[str, str]:
    account = f"RECADO_PROVIDERS__{plan.PROVIDER.upper()}__"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECADO_")}
    return kept | {
        "RECADO_CLOCK_START": plan.CLOCK_START.isoformat(),
        "RECADO_CLOCK_SPEED": str(plan.SPEED),
        "RECADO_WEB__PORT": str(web_port),
        "RECADO_WEB__PUBLIC_URL": web_url,
        f"{account}KIND": "sandbox",
        f"{account}BASE_URL": f"http://127.0.0.1:{port}",
    }
