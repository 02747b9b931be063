"""The webhook's transaction where two things meet: an opt-out is never lost in between."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.policy.replies.meaning import Intent
from pipeline.policy.vocabulary import Channel, MessageState
from pipeline.providers.events import DeliveryStatus, NumberChange, Person, StatusReport
from pipeline.stages import reviews
from pipeline.stages.reviews import Decision
from pipeline.store import suppressions
from tests.integration.repliers import Repliers
from tests.integration.stages.test_receive import PHONE, STOP, confirmations, listed, take
from tests.integration.world import NOW, World, numbers

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
NEW = numbers(2)[1]
BY_ID = Person(phone=None, user_id="US.42")
WHATSAPP = replace(STOP, channel=Channel.WHATSAPP)


@pytest.mark.parametrize("later", [timedelta(0), 0.9 * SECOND])
def test_a_stop_in_the_second_of_a_start_wins(world: World, later: timedelta) -> None:
    world.sender("us")
    world.consent(world.contacts([PHONE]))
    people = Repliers(world)
    people.work(people.say(PHONE, "STOP", at=NOW))
    start = NOW + 10 * SECOND
    people.work(people.say(PHONE, "START", at=start), now=start)
    assert listed(world) == []

    # WhatsApp tells whole seconds, and the START may have come by another way with a finer time.
    stop = replace(STOP, provider_id="last", occurred_at=start)
    (taken,) = take(world, stop, now=start + later)

    assert taken.left
    assert listed(world) == [(PHONE, "acme", "opt_out")]


def test_a_stop_that_a_consent_had_superseded_is_not_confirmed(world: World) -> None:
    world.sender("us")
    (contact,) = world.contacts([PHONE])
    people = Repliers(world)
    people.work(people.say(PHONE, at=NOW - 3 * DAY), now=NOW - 3 * DAY)
    again = NOW - DAY
    world.consent([contact], granted_at=again, confirmed_at=again)
    with world.runtime.transaction() as connection:
        suppressions.lift_for_new_consents(connection, [(contact, "acme", again)])

    (taken,) = take(world, replace(STOP, provider_id="late", occurred_at=NOW - 2 * DAY))

    assert (taken.intent, taken.left, taken.inbound_id) == (Intent.OPT_OUT, False, None)
    assert listed(world) == []
    assert len(confirmations(world)) == 1


def test_a_confirmation_that_failed_is_made_up_for_by_the_next(world: World) -> None:
    world.sender("us")
    take(world, STOP)
    world.execute("UPDATE opt_outs SET confirmation = 'failed'")
    take(world, replace(STOP, provider_id="again"), now=NOW + DAY)
    take(world, replace(STOP, provider_id="third"), now=NOW + 2 * DAY)
    assert confirmations(world) == ["failed", "due", "repeated"]


def test_a_status_tells_whose_the_id_was_that_has_left(world: World) -> None:
    sender = world.sender("us", channel=Channel.WHATSAPP)
    people = world.contacts([PHONE])
    campaign = world.campaign(channel=Channel.WHATSAPP)
    (message,) = world.messages(campaign, people, MessageState.SENT, sender_id=sender.id, attempt=1)
    take(world, replace(WHATSAPP, person=BY_ID))
    assert listed(world) == [(None, "acme", "opt_out")]
    read = StatusReport(
        provider_id="wamid",
        message_id=message,
        channel=Channel.WHATSAPP,
        status=DeliveryStatus.READ,
        person=BY_ID,
    )
    take(world, read)
    assert (PHONE, "acme", "opt_out") in listed(world)


@pytest.mark.parametrize("joined", [True, False], ids=["id joined", "number changed"])
def test_a_decision_binds_whoever_the_person_has_become(world: World, joined: bool) -> None:
    world.sender("us", channel=Channel.WHATSAPP)
    unclear = replace(WHATSAPP, body="cancel my order")
    if joined:
        take(world, replace(unclear, person=BY_ID))
        both = Person(phone=NEW, user_id="US.42")
        take(world, replace(WHATSAPP, provider_id="b", body="hello", person=both))
    else:
        take(world, unclear)
        change = NumberChange(
            provider_id="c",
            channel=Channel.WHATSAPP,
            person=Person(phone=PHONE),
            new=Person(phone=NEW),
            addresses=("us",),
        )
        take(world, change)
    (held,) = world.query("SELECT id FROM inbound_messages WHERE intent = 'review'")
    with world.runtime.transaction() as connection:
        reviews.decide(
            connection,
            [held.id],
            Decision.OPT_OUT,
            by="ana",
            note=None,
            books=world.runtime.books,
            now=NOW + SECOND,
        )
    assert (NEW, "acme", "opt_out") in listed(world)
    assert not world.query("SELECT FROM review_holds")


def test_an_old_brazilian_form_that_is_a_number_today_means_the_mobile(world: World) -> None:
    mobile, twin = "+5531971234567", "+553171234567"
    world.sender("br", channel=Channel.WHATSAPP, country="BR")
    world.contacts([mobile])
    sair = replace(WHATSAPP, addresses=("br",), body="SAIR", person=Person(phone=twin[1:]))
    take(world, sair)
    assert listed(world) == [(mobile, "acme", "opt_out")]

    # When both are known nobody can tell them apart: both are left alone.
    world.execute("DELETE FROM suppressions")
    world.contacts([twin])
    take(world, replace(sair, provider_id="again"), now=NOW + DAY)
    assert {number for number, _, _ in listed(world)} == {mobile, twin}


def test_a_number_that_counts_as_none_today_is_still_our_contact(world: World) -> None:
    world.sender("us")
    world.execute(
        "INSERT INTO contacts (phone, region, country, zones, created_at)"
        " VALUES ('+12015550', 'US', 'US', '{America/New_York}', :now)",
        now=NOW,
    )
    (taken,) = take(world, replace(STOP, person=Person(phone="+12015550")))
    assert taken.left
    assert listed(world) == [("+12015550", "acme", "opt_out")]


def test_only_the_senders_own_account_opts_anybody_in(world: World) -> None:
    world.sender("us", provider="tw")
    people = Repliers(world)
    people.work(people.say(PHONE, at=NOW, account="tw"))
    start = replace(STOP, provider_id="start", body="START")
    (strange,) = take(world, start, account="sandbox", now=NOW + SECOND)
    (own,) = take(world, start, account="tw", now=NOW + SECOND)
    assert (strange.intent, own.intent) == (Intent.REVIEW, Intent.OPT_IN)
    # A wish to leave counts from whoever brings it.
    (left,) = take(world, replace(STOP, provider_id="x"), account="sandbox", now=NOW + DAY)
    assert left.left


def test_a_start_at_a_shared_address_is_for_whom_the_person_left(world: World) -> None:
    world.sender("us")
    people = Repliers(world)
    people.work(people.say(PHONE, at=NOW))
    world.sender("b", business="other", address="us")
    people.work(people.say(PHONE, "START", at=NOW + DAY), now=NOW + DAY)
    granted = world.query("SELECT business FROM consents WHERE granted_at IS NOT NULL")
    assert [row.business for row in granted] == ["acme"]


def test_that_a_number_is_theirs_no_more_does_not_follow_the_person(world: World) -> None:
    world.sender("us", channel=Channel.WHATSAPP)

    def say(event: str, phone: str) -> None:
        person = Person(phone=phone, user_id="US.42")
        take(world, replace(WHATSAPP, provider_id=event, body="hello", person=person))

    say("1", PHONE)
    change = NumberChange(
        provider_id="change",
        channel=Channel.WHATSAPP,
        person=Person(phone=PHONE),
        new=Person(phone=NEW, user_id="US.42"),
        addresses=("us",),
    )
    take(world, change)
    say("2", PHONE)  # written before the change, and delayed
    say("3", NEW)
    assert listed(world) == [(PHONE, "acme", "wrong_number")]
