"""``recado intake``, ``recado dispatch``: processes that run until told to stop; and their health.

SIGTERM and SIGINT let the current step finish; a second one changes nothing.
"""

import signal
import threading
from collections.abc import Callable
from typing import Annotated, Any

import structlog
import typer

from workers.cli.output import CommandError
from workers.cli.session import session
from workers.dispatch import Dispatcher
from workers.heartbeat import Heartbeat, alive_here
from workers.intake import IntakeReader
from workers.runtime import Runtime, open_runtime

log = structlog.get_logger(__name__)


def intake() -> None:
    """Take messages from the stream into the database, until SIGTERM or Ctrl-C."""
    _run("intake", lambda runtime, running: IntakeReader(runtime, running).run())


def dispatch() -> None:
    """Release what is due, pace the senders, recover what is stuck, until SIGTERM or Ctrl-C."""
    _run("dispatch", lambda runtime, running: Dispatcher(runtime, running).run())


def health(
    role: Annotated[
        str, typer.Argument(help="intake, dispatch, or a queue: consent, window, delivery, …")
    ],
) -> None:
    """Exit with 0 when a process of the role is alive on this host, else with 1."""
    runtime = open_runtime("recado-health")
    try:
        found = alive_here(runtime.redis, role)
    finally:
        runtime.close()
    if not found:
        raise CommandError(f"no {role} process is alive on this host")
    print(f"{role} is alive: {', '.join(str(process.pid) for process in found)}")


def _run(role: str, work: Callable[[Runtime, Callable[[], bool]], None]) -> None:
    stopping = threading.Event()

    def stop(number: int, _frame: Any) -> None:
        log.info("stopping", role=role, signal=signal.Signals(number).name)
        stopping.set()

    with session(f"recado-{role}") as runtime:
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        with Heartbeat(runtime.servers.redis_url, [role]):
            log.info("started", role=role)
            work(runtime, lambda: not stopping.is_set())
    log.info("stopped", role=role)
