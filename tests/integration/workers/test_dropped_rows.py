"""Rows that a process, a queue or a publication lost: the dispatcher takes them up again."""

from datetime import timedelta

import pytest

from pipeline.policy.vocabulary import MessageState, Stage
from pipeline.store import due
from tests.integration.workers.conftest import Belt
from tests.integration.workers.test_dispatcher import one_round
from tests.integration.world import NOW, World, numbers
from workers.clock import machine_now
from workers.runtime import Runtime

pytestmark = pytest.mark.usefixtures("still")

SECOND = timedelta(seconds=1)


def test_rows_that_somebody_dropped_are_taken_up_each_in_its_way(world: World, belt: Belt) -> None:
    sender = world.sender("slow", state="suspended")
    people = world.contacts(numbers(5))
    campaign = world.campaign()
    past = machine_now() - SECOND
    states = (
        MessageState.ACCEPTED,
        MessageState.CONSENTED,
        MessageState.READY,
        MessageState.SENDING,
    )
    accepted, consented, ready, sending = (
        world.messages(campaign, [person], state, lease_until=past, sender_id=sender.id)[0]
        for person, state in zip(people[:4], states, strict=True)
    )
    (held,) = world.messages(
        campaign, people[4:], MessageState.SENDING, lease_until=past + 60 * SECOND
    )

    one_round(world)

    assert belt.ids(Stage.CONSENT) == [accepted]
    assert belt.ids(Stage.WINDOW) == [consented]
    assert world.row(accepted).lease_until > machine_now()
    assert (world.row(ready).state, world.row(ready).lease_until) == ("ready", None)
    assert (world.row(sending).state, world.row(sending).lease_until) == ("in_doubt", None)
    assert world.decisions(sending) == [("dispatch", "in_doubt", None)]
    assert world.row(held).state == "sending"
    before = world.everything()
    one_round(world)
    assert world.everything() == before


def test_rows_in_a_long_queue_are_late_and_not_lost(world: World, belt: Belt) -> None:
    (person,) = world.contacts(numbers(1))
    world.messages(
        world.campaign(), [person], MessageState.ACCEPTED, lease_until=machine_now() - SECOND
    )
    belt.client.rpush(Stage.CONSENT.value, b"x", b"x", b"x")

    one_round(world)

    assert belt.client.llen(Stage.CONSENT.value) == 3


def test_a_redis_that_lost_everything_is_filled_again_from_the_database(
    world: World, belt: Belt
) -> None:
    people = world.contacts(numbers(3))
    campaign = world.campaign()
    sender = world.sender()
    running = machine_now() + 60 * SECOND
    ids = [
        world.messages(campaign, [person], state, lease_until=running, sender_id=sender.id)[0]
        for person, state in zip(
            people, (MessageState.ACCEPTED, MessageState.CONSENTED, MessageState.READY), strict=True
        )
    ]
    belt.client.flushdb()
    world.execute("UPDATE messages SET lease_until = :past", past=machine_now() - SECOND)

    one_round(world)
    one_round(world)

    taken = [belt.ids(stage) for stage in (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE)]
    assert taken == [[id_] for id_ in ids]


def test_what_nobody_enqueued_is_found_when_the_broker_is_back(
    world: World, runtime: Runtime, belt: Belt
) -> None:
    """A publication that failed leaves a row with a lease, and the lease ends."""
    (person,) = world.contacts(numbers(1))
    (message,) = world.messages(world.campaign(), [person], MessageState.DEFERRED, not_before=NOW)
    with runtime.transaction() as connection:  # released, and the process ended before publishing
        due.release(connection, now=NOW, lease=machine_now() - SECOND, most=10)

    one_round(world)

    assert belt.ids(Stage.CONSENT) == [message]
