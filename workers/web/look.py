"""Looking at a server that may be frozen, for an answer that may not wait."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

FoundT = TypeVar("FoundT")


class Look(Generic[FoundT]):
    """Looks on a thread of its own, never twice at once, and remembers for a while what it saw.

    Args:
        look: blocks; whatever it raises means that there is nothing to see.
        fresh_seconds: so long the last look is good enough.
        patience_seconds: so long somebody who asks waits.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[], FoundT],
        *,
        fresh_seconds: float,
        patience_seconds: float,
    ) -> None:
        self._name = name
        self._look = look
        self._fresh_seconds = fresh_seconds
        self._patience_seconds = patience_seconds
        self._under_way: asyncio.Future[None] | None = None
        self._found: FoundT | None = None
        self._found_at: float | None = None

    async def now(self) -> FoundT | None:
        """What there is to see; None: nothing, or it takes too long."""
        if self._found_at is None or time.monotonic() - self._found_at > self._fresh_seconds:
            if self._under_way is None or self._under_way.done():
                self._under_way = self._begin(asyncio.get_running_loop())
            done, _ = await asyncio.wait({self._under_way}, timeout=self._patience_seconds)
            if not done:
                return None
        return self._found

    def _begin(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Future[None]":
        seen: asyncio.Future[None] = loop.create_future()

        def run() -> None:
            try:
                self._found = self._look()
            except Exception:  # noqa: BLE001 - away, frozen or broken: there is nothing to see
                self._found = None
            self._found_at = time.monotonic()
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_finish, seen)

        # A daemon, and no executor's thread: the end of the process must not wait for it.
        threading.Thread(target=run, name=self._name, daemon=True).start()
        return seen


def _finish(seen: "asyncio.Future[None]") -> None:
    if not seen.done():
        seen.set_result(None)
