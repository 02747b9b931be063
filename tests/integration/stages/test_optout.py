"""The lane's two transactions over a real database: what follows from a reply."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import Category, Channel, MessageState
from pipeline.stages import optout
from pipeline.store import consents
from pipeline.store.opt_outs import HOLD_LOOK
from tests.integration.repliers import SECOND, Repliers
from tests.integration.world import BUSINESS, NOW, World, numbers
from workers.clock import machine_now

PHONE, OTHER = numbers(2)
WAITING = (
    MessageState.ACCEPTED,
    MessageState.CONSENTED,
    MessageState.DEFERRED,
    MessageState.READY,
)


@pytest.fixture
def repliers(world: World) -> Repliers:
    world.sender("us")
    return Repliers(world)


def _waiting(world: World, phone: str = PHONE) -> dict[str, list[int]]:
    """One message a state of campaigns of every kind: campaign → messages."""
    (person,) = world.contacts([phone])
    campaigns = {
        "offers": world.campaign("offers"),
        "notice": world.campaign("notice", category=Category.PUBLIC_SERVICE),
        "order": world.campaign("order", category=Category.TRANSACTIONAL),
        "others": world.campaign("others", business="other"),
    }
    return {
        name: [
            *world.messages(campaign, [person], MessageState.READY),
            *(
                world.messages(campaign, [person], state, key=state.value)[0]
                for state in WAITING
                if state is not MessageState.READY
            ),
        ]
        for name, campaign in campaigns.items()
    }


def _states(world: World, ids: list[int]) -> set[tuple[str, str | None]]:
    return {(world.row(id_).state, world.row(id_).reason) for id_ in ids}


def test_a_stop_ends_what_waits_from_that_business_and_no_other(
    world: World, repliers: Repliers
) -> None:
    waiting = _waiting(world)
    stop = repliers.say(PHONE)

    repliers.settle(stop)

    assert _states(world, waiting["offers"]) == {("blocked", "suppressed")}
    assert _states(world, waiting["notice"]) == {("blocked", "suppressed")}
    assert _states(world, waiting["order"]) == {(state.value, None) for state in WAITING}
    assert _states(world, waiting["others"]) == {(state.value, None) for state in WAITING}
    clock = repliers.clock(stop)
    assert (clock.cancelled, clock.cancelled_at, clock.in_force_at) == (8, NOW, NOW)


def test_each_ended_message_has_a_decision_with_its_rule(world: World, repliers: Repliers) -> None:
    waiting = _waiting(world)
    stop = repliers.say(PHONE)

    repliers.settle(stop)

    rows = world.query("SELECT * FROM decisions WHERE stage = 'optout'")
    assert {row.message_id for row in rows} == {*waiting["offers"], *waiting["notice"]}
    assert {(row.outcome, row.reason, row.rule) for row in rows} == {
        ("block", "suppressed", repliers.clock(stop).rule)
    }
    assert all(row.policy.startswith("US-") for row in rows)


def test_a_wrong_number_ends_transactional_messages_too(world: World, repliers: Repliers) -> None:
    waiting = _waiting(world)

    repliers.settle(repliers.say(PHONE, "wrong number"))

    assert _states(world, waiting["order"]) == {("blocked", "suppressed")}
    assert _states(world, waiting["others"]) == {(state.value, None) for state in WAITING}


def test_a_stop_to_an_address_that_is_nobodys_ends_everybodys_messages(
    world: World, repliers: Repliers
) -> None:
    waiting = _waiting(world)
    stop = repliers.say(PHONE, to="gone")

    repliers.work(stop)

    assert _states(world, waiting["others"]) == {("blocked", "suppressed")}
    assert repliers.clock(stop).confirmation == "impossible"
    assert repliers.reply(stop).handled_at == NOW


def test_a_message_in_a_stages_hands_is_left_to_it_and_ended_before_the_reply_is_closed(
    world: World, repliers: Repliers
) -> None:
    (person,) = world.contacts([PHONE])
    (message,) = world.messages(world.campaign(), [person], MessageState.ACCEPTED)
    stop = repliers.say(PHONE)
    with world.runtime.transaction() as busy:
        busy.execute(text("SELECT FROM messages WHERE id = :id FOR UPDATE"), {"id": message})
        settled = repliers.settle(stop)  # does not wait
        repliers.complete(stop)
        assert (repliers.clock(stop).cancelled_at, repliers.reply(stop).handled_at) == (None, None)
    assert settled.notices

    repliers.complete(stop, now=NOW + SECOND)

    assert world.row(message).state == "blocked"
    clock = repliers.clock(stop)
    assert (clock.cancelled, clock.cancelled_at) == (1, NOW + SECOND)
    assert repliers.reply(stop).handled_at == NOW + SECOND


def test_everything_twice_changes_nothing(world: World, repliers: Repliers) -> None:
    _waiting(world)
    world.consent(world.contacts([PHONE]))
    ids = [repliers.say(PHONE), repliers.say(PHONE, "HELP"), repliers.say(OTHER, "don't stop")]
    repliers.settle(*ids)
    repliers.settle(*ids)
    assert len(repliers.notices()) == 2
    repliers.complete(*ids)
    before = repliers.everything()

    assert repliers.work(*ids, now=NOW + SECOND) == []

    assert repliers.everything() == before


def test_the_ledger_holds_the_revocation(world: World, repliers: Repliers) -> None:
    (person,) = world.contacts([PHONE])
    world.consent([person], topics=frozenset({"offers"}), channel=Channel.SMS)
    stop = repliers.say(PHONE, at=NOW - SECOND)

    repliers.work(stop)

    with world.runtime.transaction() as connection:
        (held,) = consents.held(
            connection, [person], business=BUSINESS, category=Category.MARKETING
        )[person]
    assert (held.record.revoked_at, held.record.text) == (
        NOW - SECOND,
        "Acepto recibir mensajes de marketing de Acme.",
    )
    (event,) = world.query("SELECT * FROM consent_events WHERE kind = 'revoked'")
    assert event.evidence["source"] == f"reply:sandbox:{repliers.reply(stop).provider_id}"
    assert (event.channel, event.topics) == ("sms", ["offers"])


def test_a_consent_given_after_the_stop_is_not_taken_back_by_it(
    world: World, repliers: Repliers
) -> None:
    (person,) = world.contacts([PHONE])
    stop = repliers.say(PHONE, at=NOW - 60 * SECOND)
    repliers.settle(stop)
    world.consent([person], granted_at=NOW - SECOND, confirmed_at=NOW - SECOND)

    repliers.complete(stop)

    with world.runtime.transaction() as connection:
        found = consents.held(connection, [person], business=BUSINESS, category=Category.MARKETING)
    assert [one.record.revoked_at for one in found[person]] == [None]


def test_without_a_consent_it_stands_in_the_ledger_all_the_same(
    world: World, repliers: Repliers
) -> None:
    repliers.work(repliers.say(PHONE))
    repliers.work(
        repliers.say(PHONE, at=NOW + SECOND), now=NOW + SECOND
    )  # a second one adds nothing

    (event,) = world.query("SELECT * FROM consent_events")
    assert (event.kind, event.category, event.channel) == ("revoked", "marketing", "*")


def test_a_reply_to_everybody_takes_back_what_everybody_has(
    world: World, repliers: Repliers
) -> None:
    (person,) = world.contacts([PHONE])
    world.consent([person])
    world.consent([person], business="other")

    repliers.work(repliers.say(PHONE, to="gone"))

    rows = world.query("SELECT business FROM consents WHERE revoked_at IS NOT NULL ORDER BY 1")
    assert [row.business for row in rows] == ["acme", "other"]


def test_a_confirmation_is_made_while_an_import_holds_the_ledger(
    world: World, repliers: Repliers
) -> None:
    stop = repliers.say(PHONE)
    with world.runtime.transaction() as importing:
        consents.lock(importing)
        settled = repliers.settle(stop)
    assert len(settled.notices) == 1
    assert settled.unfinished == [stop]


def test_a_reply_that_cannot_be_worked_on_takes_no_other_with_it(
    world: World, repliers: Repliers
) -> None:
    bad, good = repliers.say(OTHER), repliers.say(PHONE)
    world.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'no' USING ERRCODE = 'raise_exception'; END $$"
    )
    world.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON notices FOR EACH ROW"
        f" WHEN (NEW.inbound_id = {bad}) EXECUTE FUNCTION refuse()"
    )

    settled = repliers.settle(bad, good)

    assert [notice.inbound_id for notice in repliers.notices()] == [good]
    assert settled.unfinished == [good]
    assert repliers.reply(bad).handled_at is None


def test_an_unclear_reply_puts_marketing_off_until_a_person_decides(
    world: World, repliers: Repliers
) -> None:
    waiting = _waiting(world)
    unclear = repliers.say(PHONE, "don't stop")
    assert repliers.reply(unclear).intent == "review"

    assert repliers.work(unclear) == []

    assert _states(world, [*waiting["offers"], *waiting["notice"]]) == {("deferred", "suppressed")}
    assert {world.row(id_).not_before for id_ in waiting["offers"]} == {NOW + HOLD_LOOK}
    assert ("deferred", "suppressed") not in _states(world, waiting["order"])
    assert {world.row(id_).state for id_ in waiting["others"]} == {one.value for one in WAITING}
    assert repliers.reply(unclear).handled_at == NOW


def test_one_task_takes_up_what_else_waits_and_leaves_what_a_worker_has(
    world: World, repliers: Repliers
) -> None:
    phones = numbers(5)
    ids = repliers.say_all(phones)
    in_hand = repliers.take_up(ids[0])  # takes everything that waits
    assert [one.id for one in in_hand] == ids
    late = repliers.say(OTHER, "HELP", at=NOW + SECOND)

    assert [one.id for one in repliers.take_up(late)] == [late]

    world.execute("UPDATE inbound_messages SET lease_until = :then", then=machine_now() - SECOND)
    assert len(repliers.take_up()) == 6


def test_a_batch_is_bounded(repliers: Repliers) -> None:
    ids = repliers.say_all(numbers(optout.BATCH + 20))
    assert len(repliers.take_up(ids[0])) in (optout.BATCH, optout.BATCH - 1)


def test_a_suspended_sender_confirms(world: World, repliers: Repliers) -> None:
    world.sender("us", state=SenderState.SUSPENDED)
    repliers.work(repliers.say(PHONE))
    assert [notice.state for notice in repliers.notices()] == ["pending"]


def test_a_repeated_stop_is_handled_and_not_confirmed_again(
    repliers: Repliers,
) -> None:
    repliers.work(repliers.say(PHONE))
    again = repliers.say(PHONE, at=NOW + timedelta(minutes=5))

    assert repliers.work(again, now=NOW + timedelta(minutes=5)) == []

    assert repliers.reply(again).handled_at is not None
    assert repliers.clock(again).confirmation == "repeated"
    assert len(repliers.notices()) == 1
