"""How many submits may be unanswered at once on a connection."""

import asyncio
from collections import deque


class Window:
    """Places for submits, given in the order in which they were asked for.

    Args:
        size: places. A text of more parts than that has them all once nothing else has any: its
            parts must leave together.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, places: int, by: float) -> bool:
        """Wait for so many places; False: there were none by the loop's instant `by`."""
        if not self._waiting and self._fits(places):
            self._taken += places
            return True
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append((places, turn))
        timer = loop.call_at(by, turn.cancel)
        try:
            await turn
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if turn.done() and not turn.cancelled():
                self.leave(places)  # it was our turn in the moment in which we were cancelled
                raise
            self._admit()
            if task is not None and task.cancelling():
                raise
            return False
        finally:
            timer.cancel()
        return True

    def leave(self, places: int) -> None:
        """Give places back."""
        self._taken -= places
        self._admit()

    def _fits(self, places: int) -> bool:
        return self._taken == 0 or self._taken + places <= self._size

    def _admit(self) -> None:
        while self._waiting:
            places, turn = self._waiting[0]
            if not turn.done():
                if not self._fits(places):
                    return
                self._taken += places
                turn.set_result(None)
            self._waiting.popleft()
