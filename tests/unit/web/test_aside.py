"""What met a lock: when it is tried again, and when it is given up."""

import time
from datetime import UTC, datetime

from pipeline.providers.events import OtherEvent
from pipeline.stages.receive import Arrival
from workers.web.aside import KEPT_SECONDS, LONGEST_PAUSE_SECONDS, Aside
from workers.web.parcels import BusyError, Outcome, Parcel, UnstorableError

NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)


def parcel(events: int = 1, aside_since: float | None = None) -> Parcel:
    arrivals = [Arrival(account="tw", event=OtherEvent(kind="x"), received_at=NOW)] * events
    return Parcel(arrivals, 0.0, None, aside_since)


def busy(amount: int = 1) -> list[Outcome]:
    return [BusyError(ValueError("locked")) for _ in range(amount)]


def test_it_is_tried_ever_more_rarely() -> None:
    aside, one = Aside(), parcel()
    pauses = []
    for _ in range(8):
        aside.add(one, busy())
        pauses.append(round(aside.next_at - time.monotonic(), 1))
        assert aside.take(time.monotonic()) is None
        again = aside.take(aside.next_at)
        assert again is not None
        one = again
    assert pauses == sorted(pauses)
    assert pauses[0] < 1 < pauses[-1] <= LONGEST_PAUSE_SECONDS


def test_only_those_of_a_request_that_met_a_lock_are_set_aside() -> None:
    aside = Aside()
    waits, lost = aside.add(parcel(3), [*busy(), UnstorableError(), *busy()])
    assert (waits, lost, len(aside)) == (False, [], 2)


def test_a_request_waits_for_its_only_event_and_not_for_long() -> None:
    aside, now = Aside(), time.monotonic()
    assert aside.add(parcel(), busy()) == (True, [])
    assert aside.add(parcel(aside_since=now - 3), busy()) == (False, [])
    assert len(aside) == 2


def test_what_was_tried_too_long_is_lost_and_told() -> None:
    aside = Aside()
    old = parcel(aside_since=time.monotonic() - KEPT_SECONDS - 1)
    error = BusyError(ValueError("locked"))
    assert aside.add(old, [error]) == (False, [(old.arrivals[0], error)])
    assert len(aside) == 0
