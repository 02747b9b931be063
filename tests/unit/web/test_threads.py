"""What runs beside the requests: work after a commit, and looks at servers that may be frozen."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

from workers.web.drain import Drain
from workers.web.look import Look


class Work:
    """Takes what it is given, unless it is told to fail."""

    def __init__(self) -> None:
        self.taken: list[list[int]] = []
        self.tried = threading.Event()
        self.works = True

    def __call__(self, items: Sequence[int]) -> bool:
        works = self.works
        if works:
            self.taken.append(list(items))
        self.tried.set()
        return works


def drained(work: Work, *, keeps: bool, bound: int = 100, spacing: float = 0.0) -> Drain[int]:
    drain: Drain[int] = Drain("test", work, bound=bound, keeps=keeps, spacing=spacing)
    drain.start()
    return drain


def test_what_is_put_is_handed_on_in_order() -> None:
    work = Work()
    drain = drained(work, keeps=False)
    for number in range(50):
        drain.put([number])
    drain.stop(10)
    assert [item for batch in work.taken for item in batch] == list(range(50))
    assert not drain.alive


def test_what_did_not_work_is_tried_again_where_it_must_not_be_lost(
    wait_for: Callable[..., None],
) -> None:
    for keeps, expected in ((True, [1, 2]), (False, [2])):
        work = Work()
        work.works = False
        drain = drained(work, keeps=keeps)
        drain.put([1])
        wait_for(work.tried.is_set, what="an attempt")
        work.works = True
        drain.put([2])
        wait_for(lambda work=work: work.taken, what="another attempt")
        drain.stop(10)
        assert [item for batch in work.taken for item in batch] == expected


def test_a_drain_forgets_the_oldest_beyond_its_bound(wait_for: Callable[..., None]) -> None:
    work = Work()
    work.works = False
    drain = drained(work, keeps=True, bound=3)
    drain.put([0])
    wait_for(work.tried.is_set, what="an attempt")
    drain.put([1, 2, 3, 4, 5])
    assert drain.waiting == 3
    work.works = True
    wait_for(lambda: work.taken, what="another attempt")
    drain.stop(10)
    assert work.taken == [[3, 4, 5]]


def test_what_comes_alone_is_handed_on_at_once_and_a_stream_together(
    wait_for: Callable[..., None],
) -> None:
    work = Work()
    drain = drained(work, keeps=False, spacing=0.5)
    began = time.monotonic()
    drain.put([1])
    wait_for(lambda: work.taken, what="the first")
    assert time.monotonic() - began < 0.4
    for number in range(2, 12):
        drain.put([number])
    wait_for(lambda: len(work.taken) > 1, what="the others")
    assert time.monotonic() - began >= 0.5
    drain.put([12])
    drain.stop(10)  # which waits for nothing
    assert work.taken == [[1], list(range(2, 12)), [12]]


def look(sees: Callable[[], int]) -> Look[int]:
    return Look("test", sees, fresh_seconds=60, patience_seconds=0.1)


def test_a_look_is_remembered_and_shared() -> None:
    seen: list[int] = []

    def see() -> int:
        seen.append(len(seen))
        return 7

    async def run() -> list[int | None]:
        one = look(see)
        return [*await asyncio.gather(one.now(), one.now()), await one.now()]

    assert asyncio.run(run()) == [7, 7, 7]
    assert seen == [0]


def test_a_server_that_is_away_is_nothing_to_see() -> None:
    def away() -> int:
        raise ConnectionError("away")

    assert asyncio.run(look(away).now()) is None


def test_a_frozen_server_holds_nobody_up() -> None:
    thawed = threading.Event()

    def frozen() -> int:
        thawed.wait(20)
        return 7

    async def run() -> None:
        one = look(frozen)
        began = time.monotonic()
        assert await one.now() is None
        assert time.monotonic() - began < 5
        thawed.set()
        assert 7 in [await one.now() for _ in range(100)]

    asyncio.run(run())
