"""What answers make of their senders: counts, and halts that are written down once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from sqlalchemy import text

from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import Accepted, Action, Ambiguous, SendResult
from pipeline.stages import answers
from pipeline.store import quotas
from tests.integration.stages.test_answers import (
    ANSWERED,
    VIOLATING,
    claim,
    claimed_messages,
    record,
    rejected,
)
from tests.integration.world import NOW, World, numbers


def _counted(world: World) -> list[tuple[object, ...]]:
    return [
        tuple(row)
        for row in world.query(
            "SELECT s.code, h.hour, h.sent, h.violations FROM sender_hours h"
            " JOIN senders s ON s.id = h.sender_id ORDER BY s.code, h.hour"
        )
    ]


def test_what_was_taken_and_what_broke_a_rule_is_counted_once_for_its_sender(
    world: World,
) -> None:
    ends: list[SendResult] = [
        Accepted("SM1"),
        Accepted("SM2"),
        VIOLATING,
        rejected(Action.FAIL),
        Ambiguous("?"),
    ]
    claimed = claimed_messages(world, len(ends) + 1)
    told = [
        answers.read(one, result, sent_at=NOW) for one, result in zip(claimed, ends, strict=False)
    ]
    told.append(answers.not_started(claimed[-1]))

    record(world, *told)
    record(world, *told)

    assert _counted(world) == [("us", ANSWERED.replace(minute=0, second=0), 2, 1)]


def test_two_senders_are_counted_apart_and_the_next_hour_anew(world: World) -> None:
    own, others = world.sender(), world.sender("us-2")
    people = world.contacts(numbers(3))
    campaign = world.campaign()
    ids = world.messages(campaign, people[:2], MessageState.READY, sender_id=own.id)
    ids += world.messages(campaign, people[2:], MessageState.READY, sender_id=others.id)
    first, second, third = claim(world, ids)
    record(world, answers.read(first, Accepted("SM1"), sent_at=NOW))

    later = ANSWERED + timedelta(hours=1)
    with world.runtime.transaction() as connection:
        answers.record(
            connection,
            [
                answers.read(third, Accepted("SM3"), sent_at=NOW),
                answers.read(second, Accepted("SM2"), sent_at=NOW),
            ],
            books=world.runtime.books,
            now=later,
            machine_now=later,
        )

    hour = ANSWERED.replace(minute=0, second=0)
    next_hour = hour + timedelta(hours=1)
    assert _counted(world) == [
        ("us", hour, 1, 0),
        ("us", next_hour, 1, 0),
        ("us-2", next_hour, 1, 0),
    ]


def test_a_halt_stands_in_the_audit_trail_once_however_many_messages_it_met(world: World) -> None:
    claimed = claimed_messages(world, 3)

    record(world, *(answers.read(one, VIOLATING, sent_at=NOW) for one in claimed))

    (event,) = world.query("SELECT * FROM audit_events")
    assert (event.actor, event.action) == ("provider:sandbox", "sender_suspended")
    assert (event.subject, event.reason) == ("us", "131048: spam")
    assert (event.detail["cause"], event.detail["code"]) == ("provider", "131048")


def test_halts_of_several_senders_lock_them_in_one_order(
    world: World, wait_for: Callable[..., None]
) -> None:
    first, second = world.sender("a"), world.sender("b")
    people = world.contacts(numbers(2))
    campaign = world.campaign()
    ids = [
        *world.messages(campaign, people[:1], MessageState.READY, sender_id=second.id),
        *world.messages(campaign, people[1:], MessageState.READY, sender_id=first.id),
    ]
    claimed = sorted(claim(world, ids), key=lambda one: one.parcel.id)
    ends = [answers.read(one, rejected(Action.HALT_SENDER), sent_at=NOW) for one in claimed]
    with ThreadPoolExecutor(1) as pool:
        with world.runtime.transaction() as holder:
            quotas.lock(holder, [first.id])
            recording = pool.submit(record, world, *ends)
            wait_for(
                lambda: world.query("SELECT FROM pg_locks WHERE NOT granted"),
                what="the first sender to be waited for",
            )
            free = "SELECT id FROM senders WHERE id = :id FOR UPDATE SKIP LOCKED"
            assert holder.execute(text(free), {"id": second.id}).scalars().all() == [second.id]
        recording.result()
    assert len(world.query("SELECT FROM senders WHERE state = 'suspended'")) == len(ends)


def test_a_halted_campaign_stands_in_the_audit_trail_once(world: World) -> None:
    claimed = claimed_messages(world, 2)

    ends = [answers.read(one, rejected(Action.HALT_TEMPLATE), sent_at=NOW) for one in claimed]
    record(world, *ends)

    events = world.query("SELECT actor, action, subject, reason FROM audit_events")
    assert [tuple(event) for event in events] == [
        ("provider", "campaign_paused", "us", "63018: no")
    ]
