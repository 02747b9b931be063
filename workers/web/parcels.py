"""The events of one request on their way through a lane, and how its request learns of them."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.stages.receive import Arrival, Taken

Outcome = Taken | Exception

FIRST_PAUSE_SECONDS = 0.25


class UnavailableError(Exception):
    """The events could not be stored now; bringing them again may help. The text tells why."""


class BusyError(UnavailableError):
    """The event's transaction met another, or took too long.

    Attributes:
        error: of the transaction.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__("The database is busy.")
        self.error = error


class UnstorableError(Exception):
    """An event cannot be stored, however often it is brought."""


@dataclass(slots=True, eq=False)
class Parcel:
    """The events of one request that go one way.

    Attributes:
        began: seconds of the performance counter at which the request arrived.
        future: resolved on the event loop; None: nobody waits for it any more.
        aside_since: seconds of the monotonic clock at which it was first set aside.
        pause: seconds until it is tried again, the next time that it is set aside.
    """

    arrivals: Sequence[Arrival]
    began: float
    future: "asyncio.Future[list[Taken]] | None"
    aside_since: float | None = None
    pause: float = field(default=FIRST_PAUSE_SECONDS)

    @property
    def given_up(self) -> bool:
        """Whether nobody waits for it."""
        return self.future is None or self.future.done()


def shares(
    batch: Sequence[Parcel], outcomes: Sequence[Outcome]
) -> Iterator[tuple[Parcel, Sequence[Outcome]]]:
    """Each parcel with its part of the outcomes."""
    position = 0
    for parcel in batch:
        end = position + len(parcel.arrivals)
        yield parcel, outcomes[position:end]
        position = end


def resolve(settled: Sequence[tuple[Parcel, Sequence[Outcome]]]) -> None:
    """Give each request its outcomes, on the event loop, in one step for all."""
    resolved = [(parcel.future, part) for parcel, part in settled if parcel.future is not None]
    if resolved:
        loop = resolved[0][0].get_loop()
        if not loop.is_closed():
            loop.call_soon_threadsafe(_answer, resolved)


def _answer(resolved: Sequence[tuple["asyncio.Future[list[Taken]]", Sequence[Outcome]]]) -> None:
    for future, outcomes in resolved:
        if future.done():
            continue
        errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        if errors:
            future.set_exception(errors[0])
        else:
            future.set_result([outcome for outcome in outcomes if isinstance(outcome, Taken)])
