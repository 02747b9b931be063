"""Deciding on held replies, over a real database."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import pytest

from pipeline.policy.vocabulary import Category, MessageState, Stage
from pipeline.stages import consent, reviews
from pipeline.stages.reviews import Decided, Decision, UndecidableError
from pipeline.store import due, opt_outs
from tests.integration.leavers import HOUR, Leavers
from tests.integration.world import BUSINESS, NOW, World, numbers

RECEIVED = NOW - timedelta(hours=3)
LOOK_AGAIN = NOW + opt_outs.HOLD_LOOK


@pytest.fixture
def leavers(world: World) -> Leavers:
    world.sender()
    return Leavers(world)


@pytest.fixture
def people(leavers: Leavers) -> list[int]:
    found = leavers.world.contacts(numbers(3))
    leavers.world.consent(found)
    return found


def decide(
    world: World, ids: Collection[int], decision: Decision, *, by: str = "ana", now: datetime = NOW
) -> Decided:
    with world.runtime.transaction() as connection:
        return reviews.decide(
            connection, ids, decision, by=by, note="read it", books=world.runtime.books, now=now
        )


def waiting(world: World, person: int, campaign: str = "us", **changes: object) -> int:
    """A message that a review holds."""
    category = changes.pop("category", Category.MARKETING)
    business = changes.pop("business", BUSINESS)
    made = world.campaign(campaign, category=category, business=business)
    columns = {"reason": "suppressed", "not_before": LOOK_AGAIN} | changes
    (message,) = world.messages(made, [person], MessageState.DEFERRED, **columns)
    return message


def released(world: World) -> list[int]:
    """What the dispatcher brings back to the first stage now."""
    with world.runtime.transaction() as connection:
        return due.release(connection, now=NOW, lease=NOW + HOUR, most=100)


def in_force(world: World) -> list[tuple[int, str, str, bool, datetime]]:
    rows = world.query("SELECT * FROM suppressions WHERE lifted_at IS NULL ORDER BY contact_id")
    return [(one.contact_id, one.business, one.reason, one.everything, one.since) for one in rows]


@pytest.mark.parametrize(
    ("decision", "entry", "complaint", "meaning"),
    [
        (Decision.OPT_OUT, ("opt_out", False), False, ("opt_out", "all")),
        (Decision.COMPLAINT, ("opt_out", False), True, ("complaint", "all")),
        (Decision.WRONG_NUMBER, ("wrong_number", True), False, ("opt_out", "number")),
    ],
)
def test_a_wish_to_leave_is_in_force_and_its_clock_runs_from_the_receipt(
    leavers: Leavers,
    people: Sequence[int],
    decision: Decision,
    entry: tuple[str, bool],
    complaint: bool,
    meaning: tuple[str, str],
) -> None:
    world = leavers.world
    said = RECEIVED - timedelta(minutes=1)
    sender = world.sender()
    reply = leavers.held(people[0], RECEIVED, occurred_at=said, sender_id=sender.id)

    done = decide(world, [reply], decision)

    assert done.decided == done.in_force == (reply,)
    assert in_force(world) == [(people[0], BUSINESS, *entry, said)]
    (clock,) = world.query("SELECT * FROM opt_outs")
    assert (clock.inbound_id, clock.origin, clock.complaint) == (reply, "review", complaint)
    assert (clock.received_at, clock.deadline_at) == (RECEIVED, RECEIVED + HOUR)
    assert (clock.country, clock.confirmation, clock.in_force_at) == ("US", "due", None)
    (row,) = world.query("SELECT * FROM inbound_messages")
    assert (row.intent, row.scope) == meaning
    assert (row.decision, row.decided_by, row.decision_note) == (decision, "ana", "read it")
    assert row.decided_at == NOW
    # The lane has work with it again, and nothing is held any more: it is forbidden.
    assert row.handled_at is None
    assert row.lease_until is None
    assert world.query("SELECT * FROM review_holds") == []

    with world.runtime.transaction() as connection:
        reviews.confirm_in_force(connection, done, at=NOW + timedelta(seconds=1))
    (clock,) = world.query("SELECT * FROM opt_outs")
    assert clock.in_force_at == NOW + timedelta(seconds=1)


def test_what_was_held_is_decided_again(leavers: Leavers, people: Sequence[int]) -> None:
    world = leavers.world
    reply = leavers.held(people[0], RECEIVED)
    held = [waiting(world, people[0]), waiting(world, people[0], "two", not_before=None)]
    own_time = waiting(world, people[0], "night", reason="window_closed")
    other_business = waiting(world, people[0], "other", business="loja")
    other_person = waiting(world, people[1])
    assert released(world) == []

    done = decide(world, [reply], Decision.NONE)

    assert (done.in_force, done.released) == ((), 2)
    assert released(world) == sorted(held)
    states = world.states([own_time, other_business, other_person])
    assert set(states.values()) == {"deferred"}
    with world.runtime.transaction() as connection:
        onward = consent.run(connection, held, books=world.runtime.books, now=NOW, lease=NOW + HOUR)
    assert sorted(onward) == sorted(held)
    assert world.decisions(held[0])[-1] == (Stage.CONSENT, "send", None)
    (row,) = world.query("SELECT * FROM inbound_messages")
    assert (row.intent, row.scope, row.handled_at) == ("none", None, NOW)
    assert in_force(world) == []


def test_everybodys_messages_are_released_where_everybody_was_held(
    leavers: Leavers, people: Sequence[int]
) -> None:
    world = leavers.world
    reply = leavers.held(people[0], RECEIVED, businesses=["*"])
    held = [waiting(world, people[0]), waiting(world, people[0], "other", business="loja")]

    assert decide(world, [reply], Decision.NONE).released == 2
    assert released(world) == sorted(held)


def test_what_another_reply_holds_or_a_suppression_stops_is_not_released(
    leavers: Leavers, people: Sequence[int]
) -> None:
    world = leavers.world
    first = [leavers.held(person, RECEIVED) for person in people]
    second = leavers.held(people[0], RECEIVED)
    leaver = leavers.held(people[1], RECEIVED, businesses=["*"])
    messages = [waiting(world, person) for person in people]
    decide(world, [leaver], Decision.OPT_OUT)

    assert decide(world, first, Decision.NONE).released == 1
    assert released(world) == messages[2:]
    assert decide(world, [second], Decision.NONE).released == 1
    assert released(world) == messages[:1]


def test_the_same_decision_again_changes_nothing(leavers: Leavers, people: Sequence[int]) -> None:
    world = leavers.world
    reply = leavers.held(people[0], RECEIVED)
    decide(world, [reply], Decision.OPT_OUT)
    before = [
        *world.query("SELECT * FROM inbound_messages"),
        *world.query("SELECT * FROM opt_outs"),
        *world.query("SELECT * FROM suppressions"),
    ]

    again = decide(world, [reply, reply], Decision.OPT_OUT, by="eva", now=NOW + HOUR)

    assert again == Decided(decided=(), repeated=(reply,), in_force=(), taken_back=(), released=0)
    assert before == [
        *world.query("SELECT * FROM inbound_messages"),
        *world.query("SELECT * FROM opt_outs"),
        *world.query("SELECT * FROM suppressions"),
    ]


def test_one_that_cannot_be_decided_so_leaves_all_undecided(
    leavers: Leavers, people: Sequence[int]
) -> None:
    world = leavers.world
    held = leavers.held(people[0], RECEIVED)
    decided = leavers.held(people[1], RECEIVED)
    decide(world, [decided], Decision.NONE)
    nobodys = leavers.held(None, RECEIVED, businesses=["*"])
    understood = leavers.reply(people[2], RECEIVED)

    for other, told, unknown in (
        (decided, f"reply {decided} was decided as none by ana already", False),
        (nobodys, f"reply {nobodys} came from nobody known", False),
        (understood, f"reply {understood} was never held", True),
        (12345, "reply 12345 was never held", True),
    ):
        with pytest.raises(UndecidableError, match=told) as caught:
            decide(world, [held, other], Decision.OPT_OUT)
        assert caught.value.unknown is unknown
    assert in_force(world) == []
    assert decide(world, [held, nobodys], Decision.NONE).decided == (held, nobodys)


def test_a_person_who_came_back_meanwhile_is_not_put_off_again(
    leavers: Leavers, people: Sequence[int]
) -> None:
    world = leavers.world
    reply = leavers.held(people[0], RECEIVED)
    message = waiting(world, people[0])
    leavers.reply(people[0], RECEIVED + HOUR, intent="opt_in", scope=None)

    done = decide(world, [reply], Decision.OPT_OUT)

    assert (done.decided, done.in_force, done.taken_back) == ((reply,), (), (reply,))
    assert in_force(world) == []
    assert released(world) == [message]
    (row,) = world.query("SELECT handled_at FROM inbound_messages WHERE id = :id", id=reply)
    assert row.handled_at == NOW


def test_a_naive_time_is_refused(leavers: Leavers, people: Sequence[int]) -> None:
    reply = leavers.held(people[0], RECEIVED)
    with pytest.raises(ValueError, match="offset"):
        decide(leavers.world, [reply], Decision.NONE, now=NOW.replace(tzinfo=None))
