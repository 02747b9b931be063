"""The webhook's transaction over a real database: replies."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import pytest

from config.languages_file import load_languages
from pipeline.policy.replies.lexicon import Lexicon
from pipeline.policy.replies.meaning import Intent
from pipeline.policy.vocabulary import Category, Channel, MessageState
from pipeline.providers.events import (
    InboundReply,
    OtherEvent,
    Person,
    PlatformVerdict,
    ProviderEvent,
)
from pipeline.stages import receive
from pipeline.stages.receive import Arrival, Effect, Taken
from pipeline.store import suppressions
from tests.integration.world import NOW, World, numbers

PHONE = numbers(1)[0]
OTHER = numbers(2)[1]
LEASE = NOW + timedelta(seconds=5)

STOP = InboundReply(
    provider_id="SM1",
    channel=Channel.SMS,
    person=Person(phone=PHONE),
    addresses=("us",),
    body="STOP",
)


@cache
def lexicon() -> Lexicon:
    return load_languages().lexicon


def take(
    world: World, *events: ProviderEvent, account: str = "sandbox", now: datetime = NOW
) -> list[Taken]:
    with world.runtime.transaction() as connection:
        return receive.take(
            connection,
            [Arrival(account=account, event=event, received_at=now) for event in events],
            books=world.runtime.books,
            lexicon=lexicon(),
            now=now,
            lease=LEASE,
        )


def listed(world: World) -> list[tuple[str | None, str, str]]:
    """(number, business, reason) of every suppression in force."""
    rows = world.query(
        "SELECT c.phone, s.business, s.reason FROM suppressions s"
        " JOIN contacts c ON c.id = s.contact_id WHERE s.lifted_at IS NULL ORDER BY 1, 2"
    )
    return [(row.phone, row.business, row.reason) for row in rows]


def confirmations(world: World) -> list[str]:
    rows = world.query("SELECT confirmation FROM opt_outs ORDER BY inbound_id")
    return [row.confirmation for row in rows]


def test_a_stop_is_in_force_stored_and_its_clock_runs(world: World) -> None:
    sender = world.sender("us")

    (taken,) = take(world, STOP)

    assert (taken.effect, taken.intent, taken.left) == (Effect.REPLY, Intent.OPT_OUT, True)
    assert listed(world) == [(PHONE, "acme", "opt_out")]
    (row,) = world.query("SELECT * FROM inbound_messages")
    assert row.id == taken.inbound_id
    assert (row.source, row.provider_id, row.businesses) == ("sandbox", "SM1", ["acme"])
    assert (row.intent, row.scope, row.match, row.matched) == (
        "opt_out",
        "all",
        "keyword",
        "stop (en)",
    )
    assert (row.lease_until, row.handled_at, row.sender_id) == (LEASE, None, sender.id)
    (clock,) = world.query("SELECT * FROM opt_outs")
    assert clock.deadline_at == NOW + timedelta(hours=1)
    assert (clock.rule, clock.confirmation, clock.repeated) == ("us_optout_sla", "due", False)
    assert clock.in_force_at is None


def test_in_force_is_noted_and_the_earliest_moment_stays(world: World) -> None:
    world.sender("us")
    (taken,) = take(world, STOP)
    assert taken.inbound_id is not None
    for seconds in (3, 1, 2):
        with world.runtime.transaction() as connection:
            at = NOW + timedelta(seconds=seconds)
            receive.confirm_in_force(connection, [taken.inbound_id], at=at)
    (clock,) = world.query("SELECT in_force_at FROM opt_outs")
    assert clock.in_force_at == NOW + timedelta(seconds=1)


def test_the_same_event_again_changes_nothing_even_within_one_body(world: World) -> None:
    world.sender("us")
    first, twin = take(world, STOP, STOP)
    assert (first.effect, twin.effect) == (Effect.REPLY, Effect.REPEATED)
    before = (listed(world), world.query("SELECT * FROM inbound_messages"))

    (again,) = take(world, STOP, now=NOW + timedelta(days=3))

    assert again == Taken(effect=Effect.REPEATED)
    assert (listed(world), world.query("SELECT * FROM inbound_messages")) == before


def test_the_same_id_from_another_account_is_another_event(world: World) -> None:
    world.sender("us")
    take(world, STOP)
    (taken,) = take(world, STOP, account="other")
    assert taken.effect is Effect.REPLY


def test_a_second_stop_is_not_confirmed_again(world: World) -> None:
    world.sender("us")
    take(world, STOP, replace(STOP, provider_id="SM2"))
    take(world, replace(STOP, provider_id="SM3"), now=NOW + timedelta(minutes=1))
    assert confirmations(world) == ["due", "repeated", "repeated"]


def test_an_imported_suppression_was_never_confirmed(world: World) -> None:
    world.sender("us")
    (contact,) = world.contacts([PHONE])
    with world.runtime.transaction() as connection:
        entries = [(contact, "acme", "opt_out", NOW - timedelta(days=9))]
        suppressions.add(connection, entries, source="import", now=NOW)
    take(world, STOP)
    assert confirmations(world) == ["due"]


def test_a_stop_older_than_the_start_that_arrived_before_it_does_not_count(world: World) -> None:
    world.sender("us")
    start = replace(STOP, provider_id="SM2", body="START", occurred_at=NOW - timedelta(minutes=1))
    take(world, start)

    (late,) = take(world, replace(STOP, occurred_at=NOW - timedelta(minutes=5)))

    assert (late.intent, late.left, late.inbound_id) == (Intent.OPT_OUT, False, None)
    assert listed(world) == []
    (after,) = take(world, replace(STOP, provider_id="SM3", occurred_at=NOW))
    assert after.left


@pytest.mark.parametrize(
    ("claimed", "believed"),
    [
        (NOW + timedelta(days=400), NOW),
        (NOW - timedelta(hours=1, microseconds=1), NOW - timedelta(hours=1, microseconds=1)),
        (None, NOW),
    ],
)
def test_times_of_their_own_are_believed_within_reason(
    world: World, claimed: datetime | None, believed: datetime
) -> None:
    world.sender("us")
    take(world, replace(STOP, occurred_at=claimed))
    (row,) = world.query(
        "SELECT s.since, i.occurred_at, i.received_at FROM suppressions s, inbound_messages i"
    )
    assert (row.since, row.occurred_at, row.received_at) == (believed, believed, NOW)


def test_an_address_of_nobodys_concerns_every_business(world: World) -> None:
    (taken,) = take(world, STOP)
    assert taken.left
    assert listed(world) == [(PHONE, "*", "opt_out")]
    assert confirmations(world) == ["impossible"]


def test_an_address_that_two_businesses_share_concerns_both(world: World) -> None:
    world.sender("one", address="us", business="acme")
    world.sender("two", address="us", business="beta")
    take(world, STOP)
    assert listed(world) == [(PHONE, "acme", "opt_out"), (PHONE, "beta", "opt_out")]


def test_what_the_platform_answers_itself_is_not_answered_twice(world: World) -> None:
    world.sender("us")
    take(world, replace(STOP, verdict=PlatformVerdict.STOP, answered=True))
    assert confirmations(world) == ["by_provider"]


def test_a_help_that_the_platform_answers_is_left_at_that(world: World) -> None:
    world.sender("us")
    asked = replace(STOP, body="HELP", verdict=PlatformVerdict.HELP, answered=True)
    (taken,) = take(world, asked)
    assert (taken.intent, taken.inbound_id) == (Intent.HELP, None)


def test_a_setting_is_an_opt_out_and_its_resume_none_of_anything(world: World) -> None:
    world.sender("us", channel=Channel.WHATSAPP)
    setting = replace(STOP, channel=Channel.WHATSAPP, body="", setting=True, answered=True)
    take(world, replace(setting, verdict=PlatformVerdict.STOP))
    (resumed,) = take(
        world,
        replace(setting, provider_id="p2", verdict=PlatformVerdict.RESUME),
        now=NOW + timedelta(days=1),
    )
    assert (resumed.intent, resumed.inbound_id) == (Intent.NONE, None)
    assert listed(world) == [(PHONE, "acme", "opt_out")]


def test_a_platforms_start_without_our_words_waits_for_a_person(world: World) -> None:
    world.sender("us")
    take(world, STOP)
    joined = replace(STOP, provider_id="SM2", body="JOIN", verdict=PlatformVerdict.START)
    (taken,) = take(world, joined, now=NOW + timedelta(hours=1))
    assert taken.intent is Intent.REVIEW
    assert listed(world) == [(PHONE, "acme", "opt_out")]


def test_the_language_of_the_last_message_is_the_persons(world: World) -> None:
    world.sender("us")
    (contact,) = world.contacts([PHONE])
    world.messages(world.campaign("first", language="en-US"), [contact], MessageState.SENT)
    world.messages(world.campaign("last", language="es-US"), [contact], MessageState.SENT)
    take(world, STOP)
    (row,) = world.query("SELECT language FROM inbound_messages")
    assert row.language == "es-US"


def test_what_is_unclear_holds_marketing_until_somebody_decides(world: World) -> None:
    world.sender("us")
    (taken,) = take(world, replace(STOP, body="don't stop"))
    assert (taken.intent, taken.left) == (Intent.REVIEW, False)
    assert taken.inbound_id is not None
    assert listed(world) == []
    (hold,) = world.query("SELECT business, inbound_id FROM review_holds")
    assert (hold.business, hold.inbound_id) == ("acme", taken.inbound_id)


def test_a_wrong_number_ends_transactional_messages_too(world: World) -> None:
    world.sender("us")
    take(world, replace(STOP, body="Wrong number"))
    (row,) = world.query("SELECT reason, everything FROM suppressions")
    assert (row.reason, row.everything) == ("wrong_number", True)


def test_a_complaint_is_an_opt_out_that_counts(world: World) -> None:
    world.sender("us")
    (taken,) = take(world, replace(STOP, body="report spam"))
    assert (taken.intent, taken.left) == (Intent.COMPLAINT, True)
    (row,) = world.query("SELECT complaint FROM opt_outs")
    assert row.complaint


def test_each_arrival_of_a_mixed_body_gets_its_own_answer(world: World) -> None:
    world.sender("us")
    taken = take(
        world,
        OtherEvent(kind="account"),
        replace(STOP, provider_id="a", body="Thanks!"),
        STOP,
        replace(STOP, provider_id="b", person=Person(phone=OTHER), body="HELP"),
    )
    assert [one.effect for one in taken] == [Effect.OTHER, *[Effect.REPLY] * 3]
    assert [one.intent for one in taken] == [None, Intent.NONE, Intent.OPT_OUT, Intent.HELP]
    assert [one.inbound_id is None for one in taken] == [True, True, False, False]


def test_a_hold_keeps_messages_from_being_claimed_and_decided_on(world: World) -> None:
    sender = world.sender("us")
    (contact,) = world.contacts([PHONE])
    take(world, replace(STOP, body="don't stop"))
    campaign = world.campaign("us")
    (ready,) = world.messages(campaign, [contact], MessageState.READY, sender_id=sender.id)
    order = world.campaign("order", category=Category.TRANSACTIONAL)
    (urgent,) = world.messages(order, [contact], MessageState.READY, sender_id=sender.id)

    assert world.claim([ready]) == []
    assert world.claim([urgent]) == [urgent]
    row = world.row(ready)
    assert (row.state, row.reason) == ("deferred", "suppressed")
    assert row.not_before == NOW + timedelta(minutes=15)
