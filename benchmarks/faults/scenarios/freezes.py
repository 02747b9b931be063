"""Processes that are frozen for longer than their lease, and woken."""

import signal

from benchmarks.faults.building import LEASES
from benchmarks.faults.scenario import Breaker, Scenario
from workers.faultpoints import FaultPoint

LONGER = LEASES.sending_seconds + 2.0

SENDING: tuple[tuple[str, FaultPoint], ...] = (
    ("delivery-1", FaultPoint.CLAIMED),
    ("delivery-2", FaultPoint.ANSWERED),
    ("optout", FaultPoint.NOTICE_CLAIMED),
)
STAGING: tuple[tuple[str, FaultPoint], ...] = (
    ("intake", FaultPoint.TAKEN_IN),
    ("bulk", FaultPoint.DECIDED),
)


def _senders(breaker: Breaker) -> None:
    """Those who have claimed something, or heard an answer; others find it in doubt meanwhile."""
    breaker.order("freeze", *SENDING)
    breaker.scene.pause(LONGER)
    breaker.scene.thaw()


def _stages(breaker: Breaker) -> None:
    """Those who have committed something that nobody knows of; the dispatchers, too."""
    breaker.order("freeze", *STAGING)
    breaker.scene.start("dispatch-2")
    if breaker.scene.send_signal("dispatch", signal.SIGSTOP):
        breaker.note("freeze dispatch")
    breaker.scene.pause(LONGER)
    breaker.scene.thaw()


def _couriers_anytime(breaker: Breaker) -> None:
    """A courier that is stopped in the middle of whatever it does, and woken much later."""
    breaker.sometime(0.02, 0.2)
    for role in ("delivery-1", "delivery-2"):
        breaker.scene.pause(breaker.chance.uniform(0.0, 0.5))
        if breaker.scene.send_signal(role, signal.SIGSTOP):
            breaker.note(f"freeze {role}")
    breaker.scene.pause(LONGER)
    breaker.scene.thaw()


def _stutter(breaker: Breaker) -> None:
    """Couriers that stand still for a moment, again and again: longer than a claim may live."""
    breaker.sometime(0.02, 0.1)
    for _ in range(12):
        role = breaker.chance.choice(("delivery-1", "delivery-2"))
        if breaker.scene.send_signal(role, signal.SIGSTOP):
            breaker.note(f"freeze {role} for a moment")
        breaker.scene.pause(breaker.chance.uniform(0.25, 0.4))
        breaker.scene.send_signal(role, signal.SIGCONT)
        breaker.scene.pause(breaker.chance.uniform(0.05, 0.2))


SCENARIOS = (
    Scenario(
        name="freeze-senders",
        breaks="delivery workers and the lane are frozen past their lease in the middle of a send",
        act=_senders,
    ),
    Scenario(
        name="freeze-stages",
        breaks="intake, a stage and a dispatcher are frozen past their lease, and woken",
        act=_stages,
        may_doubt=False,
    ),
    Scenario(
        name="freeze-couriers",
        breaks="both delivery workers are frozen past their lease, wherever they are, and woken",
        act=_couriers_anytime,
    ),
    Scenario(
        name="freeze-stutter",
        breaks="delivery workers stand still for 250 to 400 ms, again and again",
        act=_stutter,
        may_doubt=False,
    ),
)
