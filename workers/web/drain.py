"""Work that follows a commit and that no answer waits for, on a thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")

PAUSE_SECONDS = 1.0
"""After a failure: what comes meanwhile is tried together, and a log tells it once a second."""

BATCH = 1000


class Drain(Generic[ItemT]):
    """Hands on what is put into it, in order, as much at once as there is.

    Args:
        name: of its thread.
        work: takes up to `BATCH` items; says whether that worked. It raises nothing.
        bound: items that may wait; beyond it the oldest are forgotten.
        keeps: what did not work is tried again; otherwise it is forgotten.
        spacing: seconds between two times that something is handed on. What comes alone is handed
            on at once, and what comes in a stream is gathered for so long.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[ItemT]], bool],
        *,
        bound: int,
        keeps: bool,
        spacing: float = 0.0,
    ) -> None:
        self._work = work
        self._keeps = keeps
        self._spacing = spacing
        self._next_at = 0.0
        self._items: deque[ItemT] = deque(maxlen=bound)
        self._condition = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def waiting(self) -> int:
        """Items that wait."""
        return len(self._items)

    @property
    def alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def put(self, items: Sequence[ItemT]) -> None:
        """Have these handed on; returns at once."""
        with self._condition:
            self._items.extend(items)
            self._condition.notify()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Hand on what still waits, in one attempt, for at most so long."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(seconds)

    def _run(self) -> None:
        while items := self._next():
            if self._work(items):
                continue
            with self._condition:
                if self._stopping:
                    return
                if self._keeps:
                    # Not at the cost of what came meanwhile: that is as good, and newer.
                    room = (self._items.maxlen or 0) - len(self._items)
                    self._items.extendleft(reversed(items[len(items) - min(room, len(items)) :]))
                self._condition.wait_for(lambda: self._stopping, PAUSE_SECONDS)

    def _next(self) -> list[ItemT]:
        with self._condition:
            while not self._items and not self._stopping:
                self._condition.wait()
            self._condition.wait_for(
                lambda: self._stopping or len(self._items) >= BATCH,
                max(0.0, self._next_at - time.monotonic()),
            )
            self._next_at = time.monotonic() + self._spacing
            return [self._items.popleft() for _ in range(min(BATCH, len(self._items)))]
