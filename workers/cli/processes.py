"""``recado intake``, ``recado dispatch``: processes that run until told to stop.

SIGTERM and SIGINT let the current step finish; a second one changes nothing.
"""

import signal
import threading
from collections.abc import Callable
from typing import Any

import structlog

from workers.cli.session import session
from workers.dispatch import Dispatcher
from workers.heartbeat import Heartbeat
from workers.intake import IntakeReader
from workers.runtime import Runtime

log = structlog.get_logger(__name__)


def intake() -> None:
    """Take messages from the stream into the database, until SIGTERM or Ctrl-C."""
    _run("intake", lambda runtime, running: IntakeReader(runtime, running).run())


def dispatch() -> None:
    """Release what is due, pace the senders, recover what is stuck, until SIGTERM or Ctrl-C."""
    _run("dispatch", lambda runtime, running: Dispatcher(runtime, running).run())


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
