"""Ctrl-C and SIGTERM for commands that hold many processes: heeded soon, never half-way."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def take_sigterm_as_interrupt() -> None:
    """Let a supervisor's SIGTERM end this process as Ctrl-C does: with `KeyboardInterrupt`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let the block finish; what came meanwhile is raised at its end as `KeyboardInterrupt`.

    For steps that would leave something running behind when they were broken off.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def hold(number: int, _frame: Any) -> None:
        came.append(number)

    before = {number: signal.signal(number, hold) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt
