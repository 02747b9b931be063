"""The webhook's transaction over a real database: what became of messages."""

from datetime import datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy.engine import Row

from pipeline.policy.vocabulary import Channel, MessageState
from pipeline.providers.base import Accepted, Ambiguous
from pipeline.providers.events import DeliveryStatus, InboundReply, Person, StatusReport
from pipeline.stages import answers, delivery, receive
from pipeline.stages.attempts import Answer
from pipeline.stages.receive import Arrival, Effect, Taken
from pipeline.store import claims
from tests.integration.stages.test_receive import lexicon
from tests.integration.world import NOW, World, numbers

SECOND = timedelta(seconds=1)


def _report(
    message_id: int | None, status: DeliveryStatus, *, seconds: float = 0, **changes: object
) -> StatusReport:
    values: dict[str, object] = {
        "provider_id": "SM1",
        "message_id": message_id,
        "channel": Channel.SMS,
        "status": status,
        "occurred_at": NOW + seconds * SECOND,
    }
    return StatusReport(**(values | changes))  # type: ignore[arg-type]


def _take(
    world: World, *events: StatusReport | InboundReply, account: str = "sandbox"
) -> list[Taken]:
    now = NOW + timedelta(minutes=1)
    with world.runtime.transaction() as connection:
        return receive.take(
            connection,
            [Arrival(account=account, event=event, received_at=now) for event in events],
            books=world.runtime.books,
            lexicon=lexicon(),
            now=now,
            lease=now,
        )


def _message(world: World, state: MessageState, **columns: object) -> int:
    sender = world.sender("us")
    people = world.contacts(numbers(1))
    values = {"sender_id": sender.id, "attempt": 1} | columns
    (message,) = world.messages(world.campaign(), people, state, **values)
    return message


ACCEPTED, SENT, DELIVERED, READ, UNDELIVERED, FAILED = DeliveryStatus


def test_a_message_is_delivered_and_read_at_their_own_times(world: World) -> None:
    message = _message(world, MessageState.SENT, sent_at=NOW)
    for seconds, status in enumerate([SENT, DELIVERED, READ]):
        _take(world, _report(message, status, seconds=seconds))
    row = world.row(message)
    assert (row.state, row.sent_at) == ("delivered", NOW)
    assert (row.delivered_at, row.read_at) == (NOW + SECOND, NOW + 2 * SECOND)
    outcomes = [outcome for _, outcome, _ in world.decisions(message)]
    assert outcomes == ["delivered", "read"]


@pytest.mark.parametrize("order", list(permutations([SENT, DELIVERED, READ])))
@pytest.mark.parametrize("together", [False, True])
def test_whatever_their_order_the_end_is_the_same(
    world: World, order: tuple[DeliveryStatus, ...], together: bool
) -> None:
    message = _message(world, MessageState.SENT, sent_at=NOW)
    times = {SENT: 0, DELIVERED: 1, READ: 2}
    reports = [_report(message, status, seconds=times[status]) for status in order]
    for batch in [reports] if together else [[report] for report in reports]:
        _take(world, *batch)
    row = world.row(message)
    assert (row.state, row.read_at) == ("delivered", NOW + 2 * SECOND)
    assert row.delivered_at == NOW + SECOND


@pytest.mark.parametrize(
    ("before", "status", "after", "effect"),
    [
        (MessageState.SENT, FAILED, "undelivered", Effect.STATUS),
        (MessageState.SENT, UNDELIVERED, "undelivered", Effect.STATUS),
        (MessageState.SENT, ACCEPTED, "sent", Effect.STATUS_OLD),
        (MessageState.DELIVERED, SENT, "delivered", Effect.STATUS_OLD),
        (MessageState.DELIVERED, FAILED, "delivered", Effect.STATUS_OLD),
        (MessageState.UNDELIVERED, DELIVERED, "undelivered", Effect.STATUS_OLD),
        (MessageState.IN_DOUBT, ACCEPTED, "sent", Effect.STATUS),
        (MessageState.IN_DOUBT, SENT, "sent", Effect.STATUS),
        (MessageState.IN_DOUBT, DELIVERED, "delivered", Effect.STATUS),
        (MessageState.IN_DOUBT, FAILED, "undelivered", Effect.STATUS),
        (MessageState.SENDING, DELIVERED, "delivered", Effect.STATUS),
        (MessageState.FAILED, DELIVERED, "delivered", Effect.STATUS),
        (MessageState.FAILED, FAILED, "failed", Effect.STATUS_OLD),
        (MessageState.READY, SENT, "sent", Effect.STATUS),
        (MessageState.DEFERRED, SENT, "sent", Effect.STATUS),
        (MessageState.EXPIRED, DELIVERED, "delivered", Effect.STATUS),
        (MessageState.EXPIRED, FAILED, "expired", Effect.STATUS_OLD),
        (MessageState.BLOCKED, DELIVERED, "blocked", Effect.STATUS_OLD),
    ],
)
def test_a_status_moves_forward_only(
    world: World, before: MessageState, status: DeliveryStatus, after: str, effect: Effect
) -> None:
    message = _message(world, before)
    (taken,) = _take(world, _report(message, status))
    assert (world.row(message).state, taken.effect) == (after, effect)


def test_a_settled_doubt_has_the_providers_id_and_is_not_sent_again(world: World) -> None:
    message = _message(world, MessageState.IN_DOUBT, lease_until=NOW)
    _take(world, _report(message, SENT))
    row = world.row(message)
    assert (row.provider_id, row.sent_at, row.lease_until) == ("SM1", NOW, None)


@pytest.mark.parametrize("message_id", [None, 0, 999_999_999, 2**63, 10**40, -(2**62), -1])
def test_a_status_of_no_message_of_ours_changes_nothing(
    world: World, message_id: int | None
) -> None:
    message = _message(world, MessageState.SENT)
    before = world.everything()
    (taken,) = _take(world, _report(message_id, DELIVERED))
    assert taken.effect in (Effect.STATUS_UNKNOWN, Effect.STATUS_OLD)
    assert world.everything() == before
    assert message


def test_another_accounts_status_changes_nothing(world: World) -> None:
    message = _message(world, MessageState.IN_DOUBT)
    before = world.everything()
    (taken,) = _take(world, _report(message, DELIVERED), account="elsewhere")
    assert taken.effect is Effect.STATUS_UNKNOWN
    assert world.everything() == before


def test_a_message_that_never_was_handed_over_has_no_status(world: World) -> None:
    message = _message(world, MessageState.READY, attempt=0)
    (taken,) = _take(world, _report(message, DELIVERED))
    assert taken.effect is Effect.STATUS_UNKNOWN
    assert world.row(message).state == "ready"


def test_a_code_that_means_the_person_left_is_an_opt_out(world: World) -> None:
    message = _message(world, MessageState.SENT)
    report = _report(message, FAILED, code="21610", detail="left", opted_out=True)
    _take(world, report, report)
    _take(world, report)
    assert world.row(message).state == "undelivered"
    (listed,) = world.query("SELECT business, reason, source FROM suppressions")
    assert tuple(listed) == ("acme", "opt_out", "provider:sandbox")
    (clock,) = world.query("SELECT origin, confirmation FROM opt_outs")
    assert tuple(clock) == ("provider", "by_provider")
    (inbound,) = world.query("SELECT intent, handled_at, matched FROM inbound_messages")
    assert tuple(inbound) == ("opt_out", None, "21610")
    assert world.decisions(message) == [("delivery", "undelivered", None)]


def test_a_status_tells_whose_a_provider_id_is(world: World) -> None:
    message = _message(world, MessageState.SENT)
    who = Person(phone=numbers(1)[0], user_id="US.77")
    _take(world, _report(message, DELIVERED, person=who))
    reply = InboundReply(
        provider_id="in",
        channel=Channel.SMS,
        person=Person(phone=None, user_id="US.77"),
        addresses=("us",),
        body="STOP",
    )
    (taken,) = _take(world, reply)
    assert taken.left
    (listed,) = world.query(
        "SELECT c.phone FROM suppressions s JOIN contacts c ON c.id = s.contact_id"
    )
    assert listed.phone == numbers(1)[0]


def _claimed(world: World) -> delivery.Claimed:
    message = _message(world, MessageState.READY, attempt=0)
    with world.runtime.transaction() as connection:
        parcels = claims.load(connection, [message])
        (claimed,) = delivery.claim(
            connection,
            parcels,
            directory=world.directory(parcels),
            books=world.runtime.books,
            now=NOW,
            safe_until=NOW,
            lease=NOW + 90 * SECOND,
        )
    return claimed


def _record(world: World, answer: Answer) -> Row[object]:
    with world.runtime.transaction() as connection:
        answers.record(
            connection, [answer], books=world.runtime.books, now=NOW + SECOND, machine_now=NOW
        )
    return world.row(answer.claimed.parcel.id)


def test_a_status_that_overtakes_our_own_record_is_kept(world: World) -> None:
    claimed = _claimed(world)
    _take(world, _report(claimed.parcel.id, DELIVERED, seconds=2))

    started = NOW + timedelta(milliseconds=1)
    answer = answers.read(claimed, Accepted("SM1"), sent_at=started)
    row = _record(world, answer)
    twice = _record(world, answer)

    assert (row.state, row.provider_id, row.sent_at) == ("delivered", "SM1", started)
    assert row.delivered_at == NOW + 2 * SECOND
    assert row == twice
    outcomes = [outcome for _, outcome, _ in world.decisions(row.id)]
    assert outcomes == ["delivered", "sent"]


def test_doubt_does_not_undo_the_evidence_that_came_before_it(world: World) -> None:
    claimed = _claimed(world)
    _take(world, _report(claimed.parcel.id, SENT))
    row = _record(world, answers.read(claimed, Ambiguous("no answer in time"), sent_at=NOW))
    assert row.state == "sent"


def test_the_moment_of_a_status_without_a_time_is_its_receipt(world: World) -> None:
    message = _message(world, MessageState.SENT)
    _take(world, _report(message, DELIVERED, occurred_at=None))
    moment: datetime = world.row(message).delivered_at
    assert moment == NOW + timedelta(minutes=1)


def _counted(world: World) -> list[tuple[int, int]]:
    return [tuple(row) for row in world.query("SELECT sent, violations FROM sender_hours")]


def test_a_violation_that_is_told_later_counts_once(world: World) -> None:
    message = _message(world, MessageState.SENT, sent_at=NOW)
    report = _report(message, UNDELIVERED, code="30007", violation=True)

    _take(world, report, report)
    _take(world, report)

    assert _counted(world) == [(0, 1)]


def test_a_message_that_was_in_doubt_and_has_arrived_counts_as_sent_once(world: World) -> None:
    message = _message(world, MessageState.IN_DOUBT)

    _take(world, _report(message, SENT))
    _take(world, _report(message, DELIVERED, seconds=1))

    assert _counted(world) == [(1, 0)]


def test_a_status_that_overtakes_the_answer_leaves_the_counting_to_it(world: World) -> None:
    claimed = _claimed(world)
    _take(world, _report(claimed.parcel.id, DELIVERED, seconds=1))
    assert _counted(world) == []

    _record(world, answers.read(claimed, Accepted("SM1"), sent_at=NOW))

    assert _counted(world) == [(1, 0)]
