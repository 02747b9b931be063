"""Writing what providers answered, in batches: for the courier and for the opt-out lane."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

log = structlog.get_logger(__name__)

RETRY_PAUSE = 0.5

AnswerT = TypeVar("AnswerT")


class Recorder(Generic[AnswerT]):
    """Gathers answers and writes them. Used from the event loop only.

    Args:
        write: writes a batch in one transaction; called in a thread of its own.
        name: what an answer is known by, for the log.
        pause: seconds in which answers gather before they are written together. A worker that is
            killed leaves what it has not written in doubt, so this is short; each write is a
            commit, so it is not shorter.
    """

    def __init__(
        self,
        write: Callable[[Sequence[AnswerT]], None],
        *,
        name: Callable[[AnswerT], Mapping[str, int]],
        pause: float,
    ) -> None:
        self._write = write
        self._name = name
        self._pause = pause
        self._thread = ThreadPoolExecutor(1, "records")
        self._answers: list[AnswerT] = []
        self._answered = asyncio.Event()
        self._stopped = False

    def add(self, answer: AnswerT) -> None:
        """Have an answer written soon."""
        self._answers.append(answer)
        self._answered.set()

    async def run(self) -> None:
        """Write until stopped, and then what is left.

        It must not be cancelled: a batch that the thread has not taken up yet would be cancelled
        with it, and its messages would be in doubt.
        """
        while not self._stopped:
            await self._answered.wait()
            await asyncio.sleep(self._pause)
            await self.flush()
        await self.flush()

    def stop(self) -> None:
        """Have `run` end; nothing may be added afterwards."""
        self._stopped = True
        self._answered.set()

    async def flush(self) -> None:
        """Write what there is; keep trying while PostgreSQL is away: it is evidence."""
        self._answered.clear()
        batch, self._answers = self._answers, []
        await self._write_all(batch)

    async def _write_all(self, batch: Sequence[AnswerT]) -> None:
        """Write a batch; one that cannot be written is halved, so that its rest is."""
        while batch:
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._write, batch)
            except (OperationalError, InterfaceError, PoolTimeoutError) as error:
                log.warning("record_failed", answers=len(batch), error=type(error).__name__)
                await asyncio.sleep(RETRY_PAUSE)
            except Exception:
                if len(batch) == 1:
                    # Its lease runs out, and it is in doubt: what the provider said is lost.
                    log.exception("answer_unrecordable", **self._name(batch[0]))
                    return
                middle = len(batch) // 2
                await self._write_all(batch[:middle])
                batch = batch[middle:]
            else:
                return

    def close(self) -> None:
        """End the thread, after `run` has ended."""
        self._thread.shutdown()
