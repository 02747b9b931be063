"""Look-ups of what is in doubt: when, how often, by whom, and what their findings prove."""

import pytest

from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import CannotTell, Finding, Found, NotFound
from pipeline.store import look_ups
from tests.integration.stages.test_doubts import (
    LATER,
    MINUTE,
    doubted,
    hear_status,
    look,
    reserved,
)
from tests.integration.world import NOW, World


def test_what_its_provider_has_is_sent(world: World) -> None:
    (claimed,) = doubted(world)
    assert look(world, 0) is None, "its grace has just begun"
    assert look(world, 0.9) is None

    done = look(world, 1, Found("SM1"))

    assert done is not None
    assert done.sent == [claimed.parcel.id]
    row = world.row(claimed.parcel.id)
    assert (row.state, row.provider_id, row.sent_at, row.in_doubt_at) == ("sent", "SM1", NOW, None)
    assert world.decisions(row.id)[-1] == ("delivery", "sent", None)
    assert reserved(world) == (1, 1)
    assert [row.sent for row in world.query("SELECT sent FROM sender_hours")] == [1]
    hear_status(world, row.id, MessageState.DELIVERED)
    assert world.row(row.id).state == "delivered"


def test_what_its_provider_never_had_has_failed_and_gives_back_what_it_held(world: World) -> None:
    (claimed,) = doubted(world)
    assert reserved(world) == (1, 1)
    # The look-ups are 1, 5, 11 and 16 minutes after it; only from 10 on does absence count.
    for minutes in (0, 1, 5, 11):
        done = look(world, minutes, NotFound())
        assert done is None or done.open == [claimed.parcel.id]
        assert world.row(claimed.parcel.id).state == "in_doubt"
    assert look(world, 15.9) is None

    done = look(world, 16, NotFound())

    assert done is not None
    assert done.failed == [claimed.parcel.id]
    row = world.row(claimed.parcel.id)
    assert (row.state, row.sent_at, row.lease_until) == ("failed", None, None)
    (detail,) = world.query(
        "SELECT detail FROM decisions WHERE message_id = :id AND outcome = 'failed'", id=row.id
    )
    assert detail.detail["code"] == "not_found"
    assert reserved(world) == (0, 0)
    assert look(world, 400) is None


@pytest.mark.parametrize(
    "between", [CannotTell("busy"), Found("SM1")], ids=["cannot_tell", "found"]
)
def test_one_look_up_that_finds_nothing_proves_nothing(world: World, between: Finding) -> None:
    (claimed,) = doubted(world)
    for minutes, finding in ((0, None), (1, NotFound()), (5, NotFound()), (11, NotFound())):
        look(world, minutes, *([finding] if finding else []))
    look(world, 16, between)
    state = "sent" if isinstance(between, Found) else "in_doubt"
    assert world.row(claimed.parcel.id).state == state


def test_what_nobody_can_tell_is_looked_up_a_bounded_number_of_times(world: World) -> None:
    (claimed,) = doubted(world)
    looked = 0
    for minutes in range(600):
        looked += look(world, minutes, CannotTell("several fit")) is not None
    assert looked == 8
    assert world.row(claimed.parcel.id).state == "in_doubt"
    assert world.decisions(claimed.parcel.id) == [("dispatch", "in_doubt", None)]


def test_an_account_that_rests_or_is_another_is_not_asked(world: World) -> None:
    doubted(world)
    look(world, 0)
    world.execute(
        "INSERT INTO account_rests (account, reason, rests_until, failures, since) "
        "VALUES ('sandbox', 'failing', :until, 1, :now)",
        until=LATER + 30 * MINUTE,
        now=NOW,
    )
    assert look(world, 29) is None
    with world.runtime.transaction() as connection:
        at = LATER + 31 * MINUTE
        assert not look_ups.take(connection, "other", machine_now=at, lease=at, most=9)
    assert look(world, 31, Found("SM1")) is not None


def test_two_lookers_ask_once(world: World) -> None:
    doubted(world)
    look(world, 0)
    at = LATER + 2 * MINUTE
    with world.runtime.transaction() as first, world.runtime.transaction() as second:
        one = look_ups.take(first, "sandbox", machine_now=at, lease=at + MINUTE, most=9)
        assert len(one) == 1
        assert not look_ups.take(second, "sandbox", machine_now=at, lease=at + MINUTE, most=9)
    assert look(world, 2.5) is None
    assert look(world, 3, Found("SM1")) is not None, "the first has ended without a word"
