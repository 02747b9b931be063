"""Every process is asked to stop and started again; more of them on the same rows."""

import signal

from benchmarks.faults.building import MOST_COURIERS, courier_names
from benchmarks.faults.scenario import Breaker, Scenario

STOP_SECONDS = 30.0
"""How long a process may take to finish what it has in hand: Celery's own limit."""

ORDER = ("dispatch", "intake", "bulk", "delivery-1", "delivery-2", "optout", "web")


def _restart_all(breaker: Breaker) -> None:
    """A rolling restart by SIGTERM: the next one only when the last one is back."""
    breaker.sometime(0.02, 0.1)
    for role in ORDER:
        before = breaker.scene.pid(role)
        if not breaker.scene.send_signal(role, signal.SIGTERM):
            continue
        breaker.note(f"stop {role}")
        gone = breaker.scene.wait(
            lambda role=role, before=before: breaker.scene.pid(role) != before,  # type: ignore[misc]
            seconds=STOP_SECONDS,
        )
        if not gone:
            breaker.missed.append(f"{role} did not stop within {STOP_SECONDS:.0f} s")
        breaker.scene.stack.wait()


def _crowd(breaker: Breaker) -> None:
    """Two dispatchers and eight delivery workers on the same rows, two of which are killed."""
    breaker.scene.start("dispatch-2", *courier_names(MOST_COURIERS))
    breaker.note("eight delivery workers and two dispatchers")
    breaker.sometime(0.05, 0.5)
    for role in breaker.chance.sample(courier_names(MOST_COURIERS), 2):
        if breaker.scene.send_signal(role, signal.SIGKILL):
            breaker.note(f"kill {role}")


SCENARIOS = (
    Scenario(
        name="rolling-restart",
        breaks="every process is asked to stop, one after the other, and started again",
        act=_restart_all,
        may_doubt=False,
    ),
    Scenario(
        name="crowd",
        breaks="two dispatchers and eight delivery workers race for the same rows; two are killed",
        act=_crowd,
        is_last=True,
    ),
)
