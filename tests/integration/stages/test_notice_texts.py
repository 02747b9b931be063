"""Writing notices over a real database: in which words, and through whom."""

from datetime import timedelta

import pytest

from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import Channel, MessageState
from pipeline.store import notices
from tests.integration.repliers import Repliers
from tests.integration.world import NOW, World, numbers

PHONE = numbers(1)[0]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def repliers(world: World) -> Repliers:
    world.sender("us")
    return Repliers(world)


def test_a_confirmation_speaks_for_the_brand_of_the_last_message(
    world: World, repliers: Repliers
) -> None:
    people = world.contacts([PHONE])
    world.messages(world.campaign("old"), people, MessageState.SENT)
    world.messages(world.campaign("mine", brand="Acme Toys"), people, MessageState.SENT)
    world.campaign("newest", brand="Acme Cars")

    repliers.settle(repliers.say(PHONE), repliers.say(numbers(2)[1]))

    rest = "You have been unsubscribed and will receive no more marketing messages from us."
    bodies = [notice.body for notice in repliers.notices()]
    assert bodies == [f"Acme Toys: {rest}", f"Acme Cars: {rest}"]


def test_without_a_campaign_the_business_signs(repliers: Repliers) -> None:
    repliers.settle(repliers.say(PHONE))
    assert repliers.notices()[0].body.startswith("acme: ")


def test_the_persons_language_comes_before_the_replys(world: World, repliers: Repliers) -> None:
    people = world.contacts([PHONE])
    world.messages(world.campaign(language="es-US"), people, MessageState.SENT)
    repliers.settle(repliers.say(PHONE, "STOP"))
    assert "su baja está confirmada" in repliers.notices()[0].body


def test_the_replys_language_comes_before_the_countrys(repliers: Repliers) -> None:
    repliers.settle(repliers.say(PHONE, "no quiero más mensajes"))
    assert "su baja está confirmada" in repliers.notices()[0].body


def test_help_names_the_contact_and_the_word_where_they_are_known(
    world: World, repliers: Repliers
) -> None:
    repliers.settle(repliers.say(PHONE, "HELP"))
    world.campaign(disclosures={"support": "help@acme.example"})
    repliers.settle(repliers.say(numbers(2)[1], "HELP"))

    without, with_contact = [notice.body for notice in repliers.notices()]
    assert "STOP" in without
    assert "help@acme.example" in with_contact
    assert "Acme" in with_contact
    assert not [one for one in (without, with_contact) if "{" in one]


def test_help_is_answered_once_in_ten_minutes_and_five_times_a_day(repliers: Repliers) -> None:
    for minutes in (0, 0, 5, 11, 22, 33, 44, 55, 66):
        at = NOW + minutes * MINUTE
        repliers.work(repliers.say(PHONE, "HELP", at=at), now=at)
    assert len(repliers.notices()) == 5
    world = repliers.world
    assert not world.query("SELECT FROM inbound_messages WHERE handled_at IS NULL")
    tomorrow = NOW + timedelta(days=1, minutes=12)
    assert len(repliers.work(repliers.say(PHONE, "HELP", at=tomorrow), now=tomorrow)) == 1


def test_two_calls_for_help_in_one_batch_get_one_answer(repliers: Repliers) -> None:
    ids = [repliers.say(PHONE, "HELP"), repliers.say(PHONE, "HELP")]
    assert len(repliers.settle(*ids).notices) == 1


def test_whoever_received_the_reply_answers_it(world: World, repliers: Repliers) -> None:
    world.sender("a-first")
    own = world.sender("us")
    repliers.settle(repliers.say(PHONE))
    assert [notice.sender_id for notice in repliers.notices()] == [own.id]


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ({"b": {"country": "ES", "registration": None}, "c": {}}, "c"),
        ({"b": {"state": SenderState.SUSPENDED}, "c": {}}, "c"),
        ({"b": {"provider": "gone"}, "c": {"country": "ES", "registration": None}}, "c"),
        ({"b": {"channel": Channel.WHATSAPP}, "c": {"business": "other"}, "d": {}}, "d"),
        ({"b": {"channel": Channel.WHATSAPP}}, "us"),
    ],
)
def test_another_answers_when_its_account_cannot_be_used(
    world: World, others: dict[str, dict[str, object]], chosen: str
) -> None:
    world.sender("us", provider="gone")
    senders = {code: world.sender(code, **changes).id for code, changes in others.items()}
    senders["us"] = world.sender("us", provider="gone").id
    repliers = Repliers(world)

    repliers.settle(repliers.say(PHONE, account="gone"))

    assert [notice.sender_id for notice in repliers.notices()] == [senders[chosen]]


def test_a_suspended_sender_answers_nobody_but_who_leaves(world: World, repliers: Repliers) -> None:
    repliers.settle(repliers.say(PHONE, "HELP"))
    world.sender("us", state=SenderState.SUSPENDED)
    (written,) = repliers.notices()

    # Neither one that was written before, nor another; and of those who leave, everybody.
    with world.runtime.transaction() as connection:
        assert notices.take_up(connection, [written.id], lease=NOW) == []
    assert [notice.state for notice in repliers.notices()] == ["failed"]
    asked, left = repliers.say(numbers(2)[1], "HELP"), repliers.say(numbers(3)[2], "STOP")
    assert len(repliers.settle(asked, left).notices) == 1
    assert [notice.kind for notice in repliers.notices()] == ["help", "confirmation"]
