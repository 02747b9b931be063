"""The thread that writes the ledger: it may wait for an import, and nobody waits for it."""

import threading
from collections.abc import Callable, Sequence

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from pipeline.stages.optout import BATCH

log = structlog.get_logger(__name__)

RETRY_PAUSE = 1.0

CLOSE_SECONDS = 10.0


class LedgerWriter:
    """Takes ids of settled replies and completes them, in batches, in the order of their coming.

    Args:
        complete: completes replies, in a transaction of its own.
    """

    def __init__(self, complete: Callable[[Sequence[int]], None]) -> None:
        self._complete = complete
        self._ids: dict[int, None] = {}
        self._condition = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="lane-ledger", daemon=True)
        self._thread.start()

    def submit(self, ids: Sequence[int]) -> None:
        """Have replies completed soon; those that wait here already wait once."""
        with self._condition:
            self._ids |= dict.fromkeys(ids)
            self._condition.notify()

    def close(self) -> None:
        """Complete what waits, for a while; what is left comes back when its lease has run out."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while batch := self._next_batch():
            try:
                self._complete(batch)
            except (DBAPIError, PoolTimeoutError) as error:
                log.warning("ledger_waits", replies=len(batch), error=type(error).__name__)
                self._try_again(batch)
            except Exception:
                # Their leases run out, and they come back.
                log.exception("ledger_failed", replies=len(batch))

    def _next_batch(self) -> list[int]:
        with self._condition:
            self._condition.wait_for(lambda: self._closing or self._ids)
            batch = list(self._ids)[:BATCH]
            for id_ in batch:
                del self._ids[id_]
            return batch

    def _try_again(self, batch: Sequence[int]) -> None:
        with self._condition:
            if self._closing:
                return
            self._ids = dict.fromkeys(batch) | self._ids
            self._condition.wait_for(lambda: self._closing, RETRY_PAUSE)
