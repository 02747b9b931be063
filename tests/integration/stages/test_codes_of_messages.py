"""What answers and late failures tell beside the message's own end: of templates and senders."""

from collections.abc import Sequence
from datetime import datetime

import pytest

from pipeline.policy.vocabulary import (
    CampaignState,
    Channel,
    MessageState,
)
from pipeline.providers.base import Accepted, Action, Rejected, SendResult
from pipeline.providers.events import (
    DeliveryStatus,
    StatusReport,
)
from pipeline.stages import answers, suspensions
from pipeline.stages.attempts import Answer
from pipeline.store import provider_news, senders
from pipeline.store.campaigns import Campaign
from pipeline.store.senders import Sender
from tests.integration.stages.test_answers import claim
from tests.integration.stages.test_provider_news import (
    HOUR,
    STATUS,
    change_campaign,
    states_of_campaigns,
    status_of_template,
    take_news,
    template_word,
    templated_campaign,
)
from tests.integration.world import NOW, World, numbers


def _answer(world: World, campaign: Campaign, result: SendResult, *, seed: int = 7) -> Answer:
    (sender,) = _senders(world)
    people = world.contacts(numbers(1, seed=seed))
    ids = world.messages(campaign, people, MessageState.READY, sender_id=sender.id)
    (claimed,) = claim(world, ids)
    return answers.read(claimed, result, sent_at=NOW)


def _senders(world: World) -> Sequence[Sender]:
    with world.runtime.transaction() as connection:
        return senders.select_senders(connection)


def _record(world: World, *ends: Answer, now: datetime = NOW) -> None:
    with world.runtime.transaction() as connection:
        answers.record(connection, ends, books=world.runtime.books, now=now, machine_now=now)


@pytest.mark.parametrize(
    "result",
    [Rejected(Action.HALT_TEMPLATE, "132015", "paused", None), Accepted("wamid.1", paused=True)],
)
def test_an_answer_that_rests_the_template_rests_all_that_use_it(
    world: World, result: SendResult
) -> None:
    campaign = templated_campaign(world)
    world.campaign("second", template_code="offer")
    answer = _answer(world, campaign, result)
    _record(world, answer)
    assert status_of_template(world) == "disabled"
    assert {state for state, _ in states_of_campaigns(world).values()} == {"paused"}
    # An approval of an hour ago is not of now.
    take_news(world, template_word("APPROVED", STATUS.APPROVED, hours=-1))
    assert status_of_template(world) == "disabled"


def test_a_message_that_is_taken_and_paused_is_sent_and_stays_so(world: World) -> None:
    answer = _answer(world, templated_campaign(world), Accepted("wamid.1", paused=True))
    _record(world, answer)
    row = world.row(answer.claimed.parcel.id)
    assert (row.state, row.provider_id) == ("sent", "wamid.1")
    (code,) = world.query("SELECT detail ->> 'code' AS code FROM decisions")
    assert code.code == "paused"


def test_whom_the_provider_knows_by_which_id_is_learnt_from_its_answer(world: World) -> None:
    answer = _answer(world, templated_campaign(world), Accepted("wamid.1", user_id="US.1"))
    _record(world, answer)
    (row,) = world.query("SELECT account, user_id, contact_id FROM contact_identities")
    assert tuple(row) == ("sandbox", "US.1", answer.claimed.parcel.contact_id)


def test_codes_that_nobody_knows_are_counted(world: World) -> None:
    campaign = templated_campaign(world)
    unknown = Rejected(Action.FAIL, "999999", "?", None, known=False)
    first, second = (_answer(world, campaign, unknown, seed=seed) for seed in (7, 8))
    _record(world, first, second)
    with world.runtime.transaction() as connection:
        assert provider_news.unknown_codes(connection) == {"sandbox": 2}


def _failed(message_id: int, code: str, halts: Rejected | None, **changes: object) -> StatusReport:
    values: dict[str, object] = {
        "provider_id": "wamid.1",
        "message_id": message_id,
        "channel": Channel.WHATSAPP,
        "status": DeliveryStatus.FAILED,
        "code": code,
        "halts": halts,
        "occurred_at": NOW - HOUR,
    }
    return StatusReport(**(values | changes))  # type: ignore[arg-type]


def _sent(world: World, campaign: Campaign, *, seed: int = 7) -> int:
    (sender,) = _senders(world)
    people = world.contacts(numbers(1, seed=seed))
    (message,) = world.messages(
        campaign, people, MessageState.SENT, sender_id=sender.id, attempt=1, sent_at=NOW - 2 * HOUR
    )
    return message


def test_a_late_failure_halts_its_sender_once(world: World) -> None:
    message = _sent(world, templated_campaign(world))
    report = _failed(message, "131048", Rejected(Action.HALT_SENDER, "131048", "spam", None))
    take_news(world, report)
    (sender,) = _senders(world)
    assert (sender.state.value, sender.state_reason) == ("suspended", "131048: spam")
    with world.runtime.transaction() as connection:
        suspensions.lift(connection, sender, actor="ana", reason="mended", now=NOW)
    take_news(world, report)
    assert _senders(world)[0].state.value == "active"


def test_a_failure_from_before_the_suspension_was_lifted_does_not_bring_it_back(
    world: World,
) -> None:
    message = _sent(world, templated_campaign(world))
    world.sender(state="suspended")
    with world.runtime.transaction() as connection:
        suspensions.lift(connection, _senders(world)[0], actor="ana", reason="mended", now=NOW)
    take_news(
        world, _failed(message, "131048", Rejected(Action.HALT_SENDER, "131048", "spam", None))
    )
    assert _senders(world)[0].state.value == "active"


def test_a_late_failure_rests_its_template(world: World) -> None:
    message = _sent(world, templated_campaign(world))
    take_news(world, _failed(message, "132015", Rejected(Action.HALT_TEMPLATE, "132015", "", None)))
    assert (status_of_template(world), states_of_campaigns(world)["us"][0]) == (
        "disabled",
        "paused",
    )
    assert world.row(message).state == "undelivered"


def test_a_campaign_that_a_person_has_resumed_since_goes_on(world: World) -> None:
    campaign = templated_campaign(world)
    first, second = _sent(world, campaign), _sent(world, campaign, seed=8)
    halts = Rejected(Action.HALT_CAMPAIGN, "132000", "parameters", None)
    take_news(world, _failed(first, "132000", halts))
    assert states_of_campaigns(world)["us"] == ("paused", "132000: parameters")
    change_campaign(world, campaign, CampaignState.ACTIVE)
    take_news(world, _failed(second, "132000", halts))
    assert states_of_campaigns(world)["us"][0] == "active"


def test_an_unknown_code_of_a_late_failure_is_counted_once(world: World) -> None:
    message = _sent(world, templated_campaign(world))
    for _ in range(2):
        take_news(world, _failed(message, "999999", None, known=False))
    with world.runtime.transaction() as connection:
        assert provider_news.unknown_codes(connection) == {"sandbox": 1}
