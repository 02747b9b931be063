"""Writing the ends of attempts in batches."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from pipeline.stages import notices
from pipeline.stages.notices import NoticeAnswer
from workers.clock import machine_now
from workers.lane.means import LaneMeans

log = structlog.get_logger(__name__)

PAUSE = 0.02
"""Seconds in which answers gather; what a killed process has not written is in doubt."""

RETRY_PAUSE = 0.5


class NoticeRecorder:
    """Gathers answers and writes them. Used from the event loop only."""

    def __init__(self, means: LaneMeans) -> None:
        self._means = means
        self._thread = ThreadPoolExecutor(1, "lane-records")
        self._answers: list[NoticeAnswer] = []
        self._answered = asyncio.Event()
        self._stopped = False

    def add(self, answer: NoticeAnswer) -> None:
        """Have an answer written soon."""
        self._answers.append(answer)
        self._answered.set()

    async def run(self) -> None:
        """Write until stopped, and then what is left. It must not be cancelled."""
        while not self._stopped:
            await self._answered.wait()
            await asyncio.sleep(PAUSE)
            await self._flush()
        await self._flush()

    def stop(self) -> None:
        """Have `run` end; nothing may be added afterwards."""
        self._stopped = True
        self._answered.set()

    def close(self) -> None:
        """End the thread, after `run` has ended."""
        self._thread.shutdown()

    async def _flush(self) -> None:
        self._answered.clear()
        batch, self._answers = self._answers, []
        if batch:
            await self._write_all(batch)

    async def _write_all(self, batch: Sequence[NoticeAnswer]) -> None:
        """Write a batch, through any absence of PostgreSQL: it is evidence.

        A batch that cannot be written is halved, so that its rest is.
        """
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._write, batch)
            except (OperationalError, InterfaceError, PoolTimeoutError) as error:
                log.warning("record_failed", answers=len(batch), error=type(error).__name__)
                await asyncio.sleep(RETRY_PAUSE)
            except Exception:
                if len(batch) == 1:
                    # Its lease runs out, and it is in doubt: what the provider said is lost.
                    log.exception("answer_unrecordable", notice_id=batch[0].notice.id)
                    return
                middle = len(batch) // 2
                await self._write_all(batch[:middle])
                batch = batch[middle:]
            else:
                return

    def _write(self, batch: Sequence[NoticeAnswer]) -> None:
        now, machine = self._means.clock.now(), machine_now()
        with self._means.transaction() as connection:
            notices.record(
                connection,
                batch,
                accounts=self._means.known.accounts,
                books=self._means.known.books,
                now=now,
                machine_now=machine,
            )
