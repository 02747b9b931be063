"""kill -9: at every named place, and at any moment."""

import signal
from collections.abc import Callable

from benchmarks.faults.scenario import Breaker, Scenario
from workers.faultpoints import FaultPoint

AT: tuple[tuple[str, FaultPoint], ...] = (
    ("intake", FaultPoint.TAKEN_IN),
    ("bulk", FaultPoint.DECIDED),
    ("dispatch", FaultPoint.HANDED_OUT),
    ("delivery-1", FaultPoint.BEFORE_CLAIM),
    ("delivery-2", FaultPoint.CLAIMED),
    ("delivery-1", FaultPoint.ANSWERED),
    ("delivery-2", FaultPoint.RECORDED),
    ("web", FaultPoint.STORED),
    ("optout", FaultPoint.NOTICE_CLAIMED),
    ("optout", FaultPoint.SETTLED),
    ("optout", FaultPoint.NOTICE_ANSWERED),
)
"""Who comes by which place."""

ROLES = ("intake", "bulk", "dispatch", "delivery-1", "delivery-2", "web", "optout")


EARLY = ("intake", "web", "optout")
"""What they do is over before the campaign is: they break at once."""


def _at(role: str, point: FaultPoint) -> Callable[[Breaker], None]:
    def kill(breaker: Breaker) -> None:
        if role not in EARLY:
            breaker.sometime(0.02, 0.4)
        breaker.order("kill", (role, point))

    return kill


def _everywhere(breaker: Breaker) -> None:
    """At every place, each as soon as somebody comes there; the second ones a little later."""
    first = dict(reversed(AT))
    breaker.order("kill", *first.items())
    breaker.order("kill", *(place for place in AT if first[place[0]] is not place[1]))


def _anytime(breaker: Breaker) -> None:
    """Kill each kind of process, all of its children too, wherever it is."""
    roles = list(ROLES)
    breaker.chance.shuffle(roles)
    for role in roles:
        breaker.scene.pause(breaker.chance.uniform(0.05, 0.4))
        if breaker.scene.send_signal(role, signal.SIGKILL):
            breaker.note(f"kill {role}")


SCENARIOS = (
    *(
        Scenario(
            name=f"kill-{point.value.replace('_', '-')}",
            breaks=f"a process of {role.rstrip('-12')} is killed at the place `{point.value}`",
            act=_at(role, point),
            callbacks=point is FaultPoint.ANSWERED,
        )
        for role, point in AT
    ),
    Scenario(
        name="kill-everywhere",
        breaks="one process is killed at every named place, in one campaign",
        act=_everywhere,
        callbacks=True,
    ),
    Scenario(
        name="kill-anytime",
        breaks="each kind of process is killed once, with its children, wherever it is",
        act=_anytime,
    ),
)
