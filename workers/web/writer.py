"""Writing a batch of events: whole, and where that fails, in halves."""

import time
from collections.abc import Callable, Sequence

import structlog

from pipeline.stages.receive import Arrival, Taken
from workers.web.outage import Trouble, trouble_of
from workers.web.parcels import BusyError, Outcome, UnavailableError, UnstorableError
from workers.web.problems import whereabouts

log = structlog.get_logger(__name__)

SMALLEST_BATCH = 20
LARGEST_BATCH = 500
"""Events of one transaction; it holds their people's rows until it is committed."""

LONG_SECONDS = 0.5
"""A transaction that takes longer makes the next one smaller; a short one, larger."""

HALVING_SECONDS = 1.0
"""After so long what is locked is no longer looked for by halving: each is tried by itself."""


class Writer:
    """Stores what a lane gives it; use it from one thread.

    Args:
        name: the lane's.
        commit: as `Lane` has it.
        keeps: whether the lane tries an event that met a lock again.

    Attributes:
        batch: so many events the next transaction may have.
        busy_since: seconds of the monotonic clock since when a transaction runs; None: none does.
    """

    def __init__(
        self,
        name: str,
        commit: Callable[[Sequence[Arrival], Sequence[float]], list[Taken]],
        *,
        keeps: bool,
    ) -> None:
        self._name = name
        self._commit = commit
        self._keeps = keeps
        self.batch = SMALLEST_BATCH * 5
        self.busy_since: float | None = None

    def store(self, arrivals: Sequence[Arrival], began: Sequence[float]) -> list[Outcome]:
        """Store all in one transaction; where that fails, each half in one of its own.

        An event that cannot be stored is found in so many steps as the batch has halvings, and
        takes nobody else's with it.

        Returns:
            What became of each; of one that met a lock or cannot be stored, an error.

        Raises:
            UnavailableError: the database is away.
        """
        return self._halve(arrivals, began, time.monotonic() + HALVING_SECONDS)

    def _halve(
        self, arrivals: Sequence[Arrival], began: Sequence[float], until: float
    ) -> list[Outcome]:
        since = self.busy_since = time.monotonic()
        try:
            return list(self._commit(arrivals, began))
        except Exception as error:
            trouble = trouble_of(error)
            if trouble is Trouble.AWAY:
                raise UnavailableError("The database does not answer.") from error
            if trouble is Trouble.BUSY and self._keeps and time.monotonic() > until:
                return [BusyError(error) for _ in arrivals]
            if len(arrivals) == 1:
                return [self._refuse(arrivals[0], error, trouble)]
        finally:
            self.busy_since = None
            self._fit_batch(time.monotonic() - since)
        middle = len(arrivals) // 2
        return [
            *self._halve(arrivals[:middle], began[:middle], until),
            *self._halve(arrivals[middle:], began[middle:], until),
        ]

    def _fit_batch(self, seconds: float) -> None:
        fitting = self.batch // 2 if seconds > LONG_SECONDS else self.batch * 2
        self.batch = min(LARGEST_BATCH, max(SMALLEST_BATCH, fitting))

    def _refuse(self, arrival: Arrival, error: Exception, trouble: Trouble) -> Exception:
        busy = trouble is Trouble.BUSY
        if not (busy and self._keeps):
            self.tell_lost(arrival, error)
        return BusyError(error) if busy else UnstorableError("The event cannot be stored.")

    def tell_lost(self, arrival: Arrival, error: Exception) -> None:
        """Log that an event is not stored, and that we do not try again."""
        log.error(
            "event_not_stored",
            lane=self._name,
            account=arrival.account,
            kind=type(arrival.event).__name__,
            error=type(error).__name__,
            where=whereabouts(error),
        )
