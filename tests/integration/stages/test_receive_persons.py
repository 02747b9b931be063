"""The webhook's transaction over a real database: whose an event is."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.policy.replies.meaning import Intent
from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import NumberChange, Person
from pipeline.stages.receive import Effect, Taken
from tests.integration.stages.test_receive import (
    OTHER,
    PHONE,
    STOP,
    confirmations,
    listed,
    take,
)
from tests.integration.world import NOW, World, numbers


@pytest.mark.parametrize("phone", ["12345", "ACME", "", "+999999999999999999", None])
def test_who_has_no_number_is_stored_and_nothing_more(world: World, phone: str | None) -> None:
    world.sender("us")
    (taken,) = take(world, replace(STOP, person=Person(phone=phone)))
    assert taken == Taken(effect=Effect.REPLY, intent=Intent.OPT_OUT)
    assert listed(world) == []


def test_a_person_known_by_an_id_alone_leaves_and_the_number_learns_of_it(world: World) -> None:
    world.sender("br", channel=Channel.WHATSAPP, country="BR")
    by_id = replace(
        STOP,
        channel=Channel.WHATSAPP,
        addresses=("br",),
        body="SAIR",
        person=Person(phone=None, user_id="BR.9000000000000000001"),
    )
    (taken,) = take(world, by_id)
    assert taken.left
    assert listed(world) == [(None, "acme", "opt_out")]
    # WhatsApp takes its own id in a number's stead.
    assert confirmations(world) == ["due"]

    # Their number becomes known with a reply that means nothing.
    number = numbers(1, "BR")[0]
    both = replace(
        by_id,
        provider_id="wamid.2",
        body="oi",
        person=Person(phone=number.removeprefix("+"), user_id="BR.9000000000000000001"),
    )
    take(world, both, now=NOW + timedelta(days=1))

    assert (number, "acme", "opt_out") in listed(world)
    # And from then on the id is the number.
    (again,) = take(world, replace(by_id, provider_id="wamid.3"), now=NOW + timedelta(days=2))
    assert again.left
    assert confirmations(world) == ["due", "due"]


def test_a_changed_number_keeps_the_opt_outs_and_leaves_the_old_one_alone(world: World) -> None:
    world.sender("us", channel=Channel.WHATSAPP)
    take(world, replace(STOP, channel=Channel.WHATSAPP))
    change = NumberChange(
        provider_id="wamid.sys",
        channel=Channel.WHATSAPP,
        person=Person(phone=PHONE),
        new=Person(phone=OTHER),
        addresses=("us",),
    )
    (first, again) = take(world, change, change, now=NOW + timedelta(days=1))
    assert (first.effect, again.effect) == (Effect.NUMBER_CHANGE, Effect.REPEATED)
    assert sorted(listed(world)) == sorted(
        [(PHONE, "acme", "wrong_number"), (OTHER, "acme", "opt_out")]
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("551187654321", "+5511987654321"),
        ("+551187654321", "+5511987654321"),
        ("5511987654321", "+5511987654321"),
        ("551130001234", "+551130001234"),
        ("5215512345678", "+525512345678"),
    ],
)
def test_a_number_in_an_older_form_is_still_the_persons(
    world: World, written: str, meant: str
) -> None:
    world.sender("br", channel=Channel.WHATSAPP, country="BR")
    event = replace(STOP, channel=Channel.WHATSAPP, addresses=("br",), person=Person(phone=written))
    (taken,) = take(world, event)
    assert taken.left
    assert [number for number, _, _ in listed(world)] == [meant]
