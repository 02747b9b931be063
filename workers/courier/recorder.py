"""Writing answers in batches."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from pipeline.stages import answers
from pipeline.stages.answers import Answer
from workers.clock import machine_now
from workers.courier.means import CourierMeans

log = structlog.get_logger(__name__)

PAUSE = 0.04
"""Seconds in which answers gather before they are written together. A worker that is killed
leaves what it has not written in doubt, so this is short; each write is a commit, so it is not
shorter."""

RETRY_PAUSE = 0.5


class Recorder:
    """Gathers answers and writes them. Used from the event loop only."""

    def __init__(self, means: CourierMeans) -> None:
        self._means = means
        self._thread = ThreadPoolExecutor(1, "records")
        self._answers: list[Answer] = []
        self._answered = asyncio.Event()
        self._stopped = False

    def add(self, answer: Answer) -> None:
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
            await asyncio.sleep(PAUSE)
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

    async def _write_all(self, batch: Sequence[Answer]) -> None:
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
                    message = batch[0].claimed.parcel.id
                    log.exception("answer_unrecordable", message_id=message)
                    return
                middle = len(batch) // 2
                await self._write_all(batch[:middle])
                batch = batch[middle:]
            else:
                return

    def close(self) -> None:
        """End the thread, after `run` has ended."""
        self._thread.shutdown()

    def _write(self, batch: Sequence[Answer]) -> None:
        now, machine = self._means.clock.now(), machine_now()
        with self._means.transaction() as connection:
            answers.record(connection, batch, books=self._means.books, now=now, machine_now=machine)
