"""What was provably not sent goes out through another sender, once, and by every rule."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from pipeline.policy.vocabulary import MessageState, Stage
from pipeline.providers.base import Action, Rejected
from pipeline.stages import consent, failover, suspensions, throttle, window
from pipeline.stages.suspensions import Cause
from pipeline.store import account_rests
from pipeline.store.senders import Sender
from tests.integration.workers.carriers import Carriers, Told, carrying
from tests.integration.workers.conftest import Belt
from tests.integration.world import NOW, World, numbers
from workers.clock import machine_now

pytestmark = pytest.mark.usefixtures("still")

WaitFor = Callable[..., None]

PATIENCE = timedelta(seconds=30)
LONG_AGO = NOW - PATIENCE
UNPAID = Rejected(Action.HALT_SENDER, "131042", "payment", None)


def _sender(world: World, code: str, **changes: Any) -> Sender:
    return world.sender(code, **({"country": "ES", "registration": None} | changes))


def _waiting(world: World, sender: Sender, count: int = 6, **campaign: Any) -> list[int]:
    """Ready messages, and all that the first stages ask for."""
    people = world.contacts(numbers(count, "ES"))
    world.consent(people)
    stored = world.campaign("es", country="ES", **campaign)
    return world.messages(stored, people, MessageState.READY, sender_id=sender.id)


def _rest(world: World, account: str = "sandbox", *, began: Any = LONG_AGO) -> None:
    with world.runtime.transaction() as connection:
        until = machine_now() + timedelta(seconds=300)
        account_rests.begin(
            connection, account, reason="failing", until=until, detail="refused", now=began
        )


def _move(world: World) -> dict[str, int]:
    with world.runtime.transaction() as connection:
        books = world.runtime.books
        return dict(failover.move(connection, books=books, now=NOW, patience=PATIENCE, most=100))


def _halt(world: World, sender: Sender, refusal: Rejected) -> None:
    with world.runtime.transaction() as connection:
        suspensions.halt(connection, sender.id, refusal, now=NOW)


def _decide(world: World, belt: Belt) -> None:
    """The first stages, for what the dispatcher has released."""
    runtime, lease = world.runtime, machine_now() + timedelta(seconds=60)
    ids = belt.ids(Stage.CONSENT)
    if not ids:
        return
    with runtime.transaction() as connection:
        on = consent.run(connection, ids, books=runtime.books, now=NOW, lease=lease)
        on = window.run(connection, on, books=runtime.books, now=NOW)
        throttle.run(connection, on, books=runtime.books, now=NOW)


def _senders_of(world: World, ids: Sequence[int]) -> Counter[str | None]:
    rows = world.query(
        "SELECT s.code FROM messages m LEFT JOIN senders s ON s.id = m.sender_id"
        " WHERE m.id = ANY(CAST(:ids AS bigint[]))",
        ids=list(ids),
    )
    return Counter(row.code for row in rows)


def test_messages_of_a_failing_account_go_out_through_the_second_sender_exactly_once(
    world: World, belt: Belt, wait_for: WaitFor
) -> None:
    first = _sender(world, "a", rate_per_second=50.0)
    _sender(world, "b", provider="second", rate_per_second=50.0)
    ids = _waiting(world, first, 20)
    provider = Told(of={"a": Rejected(Action.RETRY_LATER, "unreachable", "refused", None)})

    def over(carriers: Carriers) -> bool:
        carriers.round()
        _decide(world, belt)
        # Nobody need wait for the patience to be over.
        world.execute("UPDATE account_rests SET since = :past", past=LONG_AGO)
        world.execute("UPDATE messages SET lease_until = NULL WHERE state = 'ready'")
        return set(world.states().values()) == {"sent"}

    with carrying(world, belt, provider) as carriers:
        wait_for(lambda: over(carriers), timeout=40, what="every message to be sent")

    through_second = Counter(id_ for id_, address in provider.asked if address == "b")
    assert through_second == Counter(ids)
    assert _senders_of(world, ids) == {"b": 20}


def test_what_waits_for_an_account_that_rests_is_decided_again_and_the_reason_is_told(
    world: World,
) -> None:
    first = _sender(world, "a")
    _sender(world, "b", provider="second")
    ids = _waiting(world, first)
    _rest(world)

    assert _move(world) == {"a": len(ids)}

    for id_ in ids:
        row = world.row(id_)
        assert (row.state, row.not_before, row.sender_id) == ("deferred", NOW, None)
        assert world.decisions(id_) == [("dispatch", "defer", "account_rests")]
    (told, *_) = world.query("SELECT detail FROM decisions")
    assert told.detail["saw"] == {"sender": "a", "detail": "sandbox: refused"}
    assert _move(world) == {}


@pytest.mark.parametrize(
    "why", ["young", "alone", "named", "same account", "other business", "not registered"]
)
def test_messages_stay_where_no_other_sender_may_take_them(world: World, why: str) -> None:
    first = _sender(world, "a")
    second = {
        "alone": {"state": "suspended"},
        "same account": {"provider": "sandbox"},
        "other business": {"business": "another", "provider": "second"},
        "not registered": {"provider": "second"},
    }
    _sender(world, "b", **second.get(why, {"provider": "second"}))
    named: dict[str, Any] = {"sender_code": "a"} if why == "named" else {}
    ids = _waiting(world, first, **named)
    if why == "not registered":  # what the United States ask of a sender, Spain does not
        world.execute("UPDATE senders SET country = 'US'")
        world.execute("UPDATE contacts SET country = 'US'")
    _rest(world, began=NOW if why == "young" else LONG_AGO)

    assert _move(world) == {}
    assert set(world.states(ids).values()) == {"ready"}


@pytest.mark.parametrize(
    ("refusal", "moves"),
    [
        (UNPAID, True),
        (Rejected(Action.HALT_ACCOUNT, "190", "token", None), True),
        (Rejected(Action.HALT_SENDER, "131048", "spam", None, violation=True), False),
        (Rejected(Action.HALT_ACCOUNT, "30002", "suspended", None), False),
        (Rejected(Action.HALT_DESTINATION, "21408", "not there", None), False),
    ],
    ids=lambda value: value.code if isinstance(value, Rejected) else "",
)
def test_a_halt_moves_messages_when_it_is_technical_and_never_round_a_sanction(
    world: World, refusal: Rejected, moves: bool
) -> None:
    first = _sender(world, "a")
    _sender(world, "b", provider="second")
    ids = _waiting(world, first)
    with world.runtime.transaction() as connection:
        suspensions.halt(connection, first.id, refusal, country="ES", now=NOW)

    assert _move(world) == ({"a": len(ids)} if moves else {})


@pytest.mark.parametrize("cause", [Cause.THRESHOLD, Cause.REPEATED, Cause.OPERATOR])
def test_a_suspension_that_somebody_wanted_is_never_gone_round(world: World, cause: Cause) -> None:
    first = _sender(world, "a")
    _sender(world, "b", provider="second")
    _waiting(world, first)
    with world.runtime.transaction() as connection:
        suspensions.suspend(
            connection, [first], cause=cause, actor="somebody", reason="enough", now=NOW
        )

    assert _move(world) == {}


def test_what_was_moved_stays_when_its_first_sender_is_well_again(world: World, belt: Belt) -> None:
    first = _sender(world, "a")
    _sender(world, "b", provider="second")
    ids = _waiting(world, first)
    _halt(world, first, UNPAID)
    assert _move(world) == {"a": len(ids)}
    with carrying(world, belt, Told(), couriers=0) as carriers:
        carriers.dispatcher.round()
        _decide(world, belt)
        assert _senders_of(world, ids) == {"b": len(ids)}
        with world.runtime.transaction() as connection:
            suspensions.lift(connection, first, actor="somebody", reason="paid", now=NOW)

        carriers.dispatcher.round()
        assert _move(world) == {}
        assert _senders_of(world, ids) == {"b": len(ids)}


def test_people_of_a_sender_that_works_keep_it(world: World) -> None:
    senders = [_sender(world, code, provider=code) for code in ("a", "b", "c")]
    people = world.contacts(numbers(30, "ES"))
    world.consent(people)
    campaign = world.campaign("es", country="ES")

    def chosen() -> dict[int, str]:
        ids = world.messages(campaign, people, MessageState.ACCEPTED)
        lease = machine_now() + timedelta(seconds=60)
        with world.runtime.transaction() as connection:
            consent.run(connection, ids, books=world.runtime.books, now=NOW, lease=lease)
        rows = world.query(
            "DELETE FROM messages m USING senders s WHERE s.id = m.sender_id"
            " RETURNING m.contact_id, s.code"
        )
        return {row.contact_id: row.code for row in rows}

    before = chosen()
    _rest(world, "b")
    during = chosen()

    assert Counter(before.values()).keys() == {one.code for one in senders}
    assert "b" not in during.values()
    assert {person: code for person, code in before.items() if code != "b"} == {
        person: code for person, code in during.items() if before[person] != "b"
    }
