"""Places in which a process can be told to die or to freeze: how the fault tests aim.

A fault is armed by ``RECADO_FAULT__…`` alone (docs/operations.md); unarmed, a place costs one look
at a variable. The processes themselves know nothing else of the tests.
"""

import os
import signal
from enum import StrEnum
from itertools import count
from pathlib import Path

import structlog

from config.settings import FaultSettings, SettingsError

log = structlog.get_logger(__name__)


class FaultPoint(StrEnum):
    """The places. What stands before one is committed, what comes after it is not begun."""

    TAKEN_IN = "taken_in"
    """Intake has committed a chunk; it is neither acknowledged nor published."""
    DECIDED = "decided"
    """A stage has committed its decisions; the next stage does not know of them."""
    HANDED_OUT = "handed_out"
    """The dispatcher has leased messages; they are in no queue yet."""
    BEFORE_CLAIM = "before_claim"
    """A courier has slots for messages and has claimed none of them."""
    CLAIMED = "claimed"
    """A courier has claimed messages; no request has begun."""
    ANSWERED = "answered"
    """A provider has answered; nothing is recorded."""
    RECORDED = "recorded"
    """A courier has recorded a batch of answers."""
    STORED = "stored"
    """The webhook has committed a reply; nobody is told of it."""
    SETTLED = "settled"
    """The opt-out lane has ended what waited for people who left, and made its answers; none of
    them is on its way, and the ledger is not written."""
    NOTICE_CLAIMED = "notice_claimed"
    """The opt-out lane has claimed a confirmation; its request has not begun."""
    NOTICE_ANSWERED = "notice_answered"
    """A provider has answered the lane; nothing is recorded."""


class Fault:
    """One fault of one process and its children.

    Args:
        settings: which place, what happens there, and at which passage.

    Raises:
        SettingsError: there is no such place.
    """

    def __init__(self, settings: FaultSettings) -> None:
        self._settings = settings
        self._passages = count(1)
        self._orders = settings.orders
        known: dict[str | None, FaultPoint | None] = {None: None}
        known |= {point.value: point for point in FaultPoint}
        if settings.point not in known:
            names = ", ".join(FaultPoint)
            raise SettingsError(f"RECADO_FAULT__POINT: {settings.point!r} is none of: {names}")
        self._point = known[settings.point]

    def reach(self, point: FaultPoint) -> None:
        """Die or freeze here, when this is the place, the passage, and nobody has before us."""
        if self._orders is not None:
            self._obey(self._orders / point.value, point)
        if point is not self._point or next(self._passages) != self._settings.passage:
            return
        token = self._settings.token
        if token is not None:
            try:
                # Of several processes with one fault, and of a process's successors, one has it.
                Path(token).unlink()
            except FileNotFoundError:
                return
        _do(point, self._settings.action)

    @staticmethod
    def _obey(order: Path, point: FaultPoint) -> None:
        """Do what somebody has ordered while this process ran."""
        try:
            action = order.read_text()
            order.unlink()
        except FileNotFoundError:  # nobody has, or another process was faster
            return
        _do(point, action)


def _do(point: FaultPoint, action: str) -> None:
    log.warning("fault_reached", point=point.value, action=action)
    os.kill(os.getpid(), _SIGNALS[action])


_SIGNALS = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP}

_armed: list[Fault] = []


def arm(settings: FaultSettings) -> None:
    """Arm this process, and the children that it forks from now on; without a place, disarm it."""
    is_armed = settings.point is not None or settings.orders is not None
    _armed[:] = [Fault(settings)] if is_armed else []


def reach(point: FaultPoint) -> None:
    """Say that the process has come to a place."""
    if _armed:
        _armed[0].reach(point)
