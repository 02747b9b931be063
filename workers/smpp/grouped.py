"""Questions to the database, asked together: one query for all that have come meanwhile."""

import asyncio
from collections.abc import Callable, Collection, Hashable, Mapping
from concurrent.futures import Executor
from typing import Generic, TypeVar

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

MOST_KEYS = 1000
"""Of one query."""


class Grouped(Generic[KeyT, ValueT]):
    """Looks keys up; used from one event loop.

    Args:
        ask: one query for several keys; called in a thread of `threads`.
    """

    def __init__(
        self, ask: Callable[[Collection[KeyT]], Mapping[KeyT, ValueT]], threads: Executor
    ) -> None:
        self._ask = ask
        self._threads = threads
        self._waiting: dict[KeyT, asyncio.Future[ValueT | None]] = {}
        self._runner: asyncio.Task[None] | None = None

    async def get(self, key: KeyT) -> ValueT | None:
        """What there is under the key; None: nothing.

        Raises:
            Exception: whatever the query that held the key has raised.
        """
        if key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().create_future()
        future = self._waiting[key]
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await asyncio.shield(future)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            keys = list(self._waiting)[:MOST_KEYS]
            asked = {key: self._waiting.pop(key) for key in keys}
            try:
                found = await loop.run_in_executor(self._threads, self._ask, keys)
            except Exception as error:  # noqa: BLE001 - it is theirs who asked
                for future in asked.values():
                    future.set_exception(error)
            else:
                for key, future in asked.items():
                    future.set_result(found.get(key))
