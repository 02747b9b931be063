"""From an empty folder to the report: what `recado demo` does, in order."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
from workers.stack.roles import sandbox_role, standard_roles
from workers.stack.supervisor import Stack

BEHAVIOUR = Behaviour(latency_ms=40.0, jitter_ms=30.0, error_rate=0.005, error_code=Fault.HTML)
"""A provider on a middling day; one answer in two hundred tells nobody what became of the
message, which is then in doubt."""

DISPATCH = "dispatch"


def run_demo(home: Path, view: View) -> DemoReport:
    """Run the demo in a folder of its own; everything is stopped at the end, however it ends.

    Raises:
        StackError: a process does not get ready.
        ServersError: an embedded server does not start.
    """
    port = free_port()
    settings = _settings(home)
    stack = Stack(
        home=home,
        roles=(sandbox_role(port, BEHAVIOUR, log=str(home / "sandbox.ndjson")), *standard_roles()),
        env=_environment(port),
        find_servers=lambda: Servers.find(settings),
        folder=home,
    )
    people = {one.country: invent_people(one) for one in plan.PLANS}
    try:
        view.say("starting PostgreSQL and Valkey …")
        stack.open()
        with _as_one_of_the_stack(stack, settings) as runtime:
            view.say("starting the workers, loading senders, templates and consents …")
            # The dispatcher comes last: it is what sets the clock going.
            stack.start(*(role.name for role in stack.roles if role.name != DISPATCH))
            with runtime.transaction() as connection:
                seed.seed(connection, people)
            stack.wait()
            stack.start(DISPATCH)
            stack.wait()
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
        clock_start=plan.START,
        clock_speed=plan.SPEED,
    )


def _environment(port: int) -> dict[str, str]:
    account = f"RECADO_PROVIDERS__{plan.PROVIDER.upper()}__"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RECADO_")}
    return kept | {
        "RECADO_CLOCK_START": plan.START.isoformat(),
        "RECADO_CLOCK_SPEED": str(plan.SPEED),
        f"{account}KIND": "sandbox",
        f"{account}BASE_URL": f"http://127.0.0.1:{port}",
    }


@contextmanager
def _as_one_of_the_stack(stack: Stack, settings: Settings) -> Iterator[Runtime]:
    """This process with the environment of the stack's own, as long as the demo runs.

    Celery's application, through which replies are published, finds its broker there.
    """
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(stack.environment)
    addresses = Servers(stack.servers.database_url, stack.servers.redis_url)
    runtime = Runtime(settings, addresses, "recado-demo")
    try:
        yield runtime
    finally:
        runtime.close()
        os.environ.clear()
        os.environ.update(before)
