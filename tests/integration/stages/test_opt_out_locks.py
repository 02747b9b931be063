"""Several change the same opt-outs at once: all lock in one order, so none waits in a circle."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store import notice_evidence, notice_outcomes, notices, opt_outs, waiting
from pipeline.store.notice_outcomes import NoticeEnd
from pipeline.store.notices import NoticeState
from tests.integration.repliers import SECOND, Repliers
from tests.integration.world import NOW, World, numbers
from workers.clock import machine_now

Change = Callable[[Connection, Sequence[int]], object]


def _confirm(connection: Connection, ids: Sequence[int]) -> None:
    opt_outs.note_in_force(connection, ids, at=NOW)


def _stop(connection: Connection, ids: Sequence[int]) -> None:
    waiting.stop_waiting(connection, ids, now=NOW)


def _record(connection: Connection, ids: Sequence[int]) -> None:
    found = connection.execute(text("SELECT id FROM notices ORDER BY id")).scalars().all()
    assert len(found) == len(ids)
    ends = [
        NoticeEnd(id=id_, attempt=0, state=NoticeState.SENT, confirmation="sent") for id_ in found
    ]
    notice_outcomes.record(connection, ends)


def _doubt(connection: Connection, ids: Sequence[int]) -> None:
    found = notice_evidence.doubt_lapsed(connection, machine_now=machine_now(), most=1000)
    assert found == len(ids)


def _give_up(connection: Connection, ids: Sequence[int]) -> None:
    connection.execute(text("UPDATE contacts SET phone = NULL"))
    connection.execute(text("UPDATE notices SET state = 'pending'"))
    found = connection.execute(text("SELECT id FROM notices")).scalars().all()
    assert len(found) == len(ids)
    assert notices.take_up(connection, found, lease=machine_now()) == []


@pytest.mark.parametrize("change", [_confirm, _stop, _record, _doubt, _give_up])
def test_whoever_waits_for_the_first_of_them_holds_none_of_the_others(
    world: World, change: Change, wait_for: Callable[..., None]
) -> None:
    world.sender("us")
    repliers = Repliers(world)
    ids = repliers.say_all(numbers(20))
    repliers.settle(*ids)
    past = machine_now() - SECOND
    world.execute("UPDATE notices SET state = 'sending', lease_until = :past", past=past)
    world.execute(
        "UPDATE opt_outs SET cancelled_at = NULL, received_at = received_at - inbound_id * :second",
        second=SECOND,
    )
    # In the table the first is now the last: whoever goes by the table's own order gets to it so.
    world.execute("CLUSTER opt_outs USING ix_opt_outs_received")
    world.execute("ALTER TABLE opt_outs SET WITHOUT CLUSTER")
    first, *others = sorted(ids)

    def work() -> None:
        with world.runtime.transaction() as connection:
            for way in ("indexscan", "bitmapscan"):
                connection.execute(text(f"SET LOCAL enable_{way} = off"))
            change(connection, ids[::-1])

    with ThreadPoolExecutor(1) as pool:
        with world.runtime.transaction() as holder:
            opt_outs.lock(holder, [first])
            working = pool.submit(work)
            wait_for(
                lambda: working.done() or world.query("SELECT FROM pg_locks WHERE NOT granted"),
                what="the lock to be waited for",
            )
            free = holder.execute(
                text("SELECT inbound_id FROM opt_outs ORDER BY inbound_id FOR UPDATE SKIP LOCKED")
            )
            assert not working.done()
            assert free.scalars().all() == [first, *others]
        working.result()
