"""What providers tell of templates and accounts, over a real database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.policy.vocabulary import (
    CampaignState,
    Channel,
    MessageState,
    RegistrationStatus,
)
from pipeline.providers.base import Accepted, Action, Rejected, SendResult
from pipeline.providers.events import (
    AccountHalt,
    AccountNews,
    DeliveryStatus,
    LimitChange,
    StatusReport,
    TemplateChange,
)
from pipeline.stages import answers, campaign_states, consent, receive, suspensions
from pipeline.stages.attempts import Answer
from pipeline.stages.caps import quotas_on
from pipeline.stages.receive import Arrival, Effect, Taken
from pipeline.store import campaigns, provider_news, senders
from pipeline.store.campaigns import Campaign
from pipeline.store.senders import Sender
from tests.integration.stages.test_answers import _claim
from tests.integration.stages.test_receive import lexicon
from tests.integration.stages.test_template_use import TEMPLATE
from tests.integration.world import NOW, World, numbers

HOUR = timedelta(hours=1)
STATUS = RegistrationStatus


def _take(
    world: World, *events: AccountNews | StatusReport, account: str = "sandbox"
) -> list[Taken]:
    with world.runtime.transaction() as connection:
        return receive.take(
            connection,
            [Arrival(account=account, event=event, received_at=NOW) for event in events],
            books=world.runtime.books,
            lexicon=lexicon(),
            now=NOW,
            lease=NOW,
        )


def _word(
    word: str, status: STATUS, *, hours: float = 0, language: str = "en_US"
) -> TemplateChange:
    return TemplateChange(
        name="offer", language=language, status=status, word=word, occurred_at=NOW + hours * HOUR
    )


def _campaign(world: World, code: str = "us", template: str | None = "offer") -> Campaign:
    """A campaign whose template is registered, and a sender for it."""
    world.sender()
    with world.runtime.transaction() as connection:
        senders.save_templates(connection, [TEMPLATE], now=NOW - 5 * HOUR)
    return world.campaign(code, template_code=template)


def _states(world: World) -> dict[str, tuple[str, str | None]]:
    rows = world.query("SELECT code, state, state_reason FROM campaigns")
    return {row.code: (row.state, row.state_reason) for row in rows}


def _status(world: World) -> str:
    return str(world.query("SELECT status FROM templates")[0].status)


def _change(world: World, campaign: Campaign, state: CampaignState) -> None:
    with world.runtime.transaction() as connection:
        campaign_states.change(
            connection, campaign, state, actor="operator", reason="I say so", now=NOW
        )


def test_a_paused_template_pauses_its_campaigns_and_no_others(world: World) -> None:
    _campaign(world)
    world.campaign("other", template_code=None)
    (taken,) = _take(world, _word("PAUSED", STATUS.DISABLED))
    assert taken.effect is Effect.NEWS
    assert _status(world) == "disabled"
    assert _states(world) == {
        "us": ("paused", "template: offer is PAUSED"),
        "other": ("active", None),
    }
    (event,) = world.query("SELECT actor, action, subject FROM audit_events")
    assert tuple(event) == ("provider:sandbox", "campaign_paused", "us")


def test_its_approval_lets_them_go_on(world: World) -> None:
    _campaign(world)
    _take(world, _word("PAUSED", STATUS.DISABLED, hours=-2))
    _take(world, _word("APPROVED", STATUS.APPROVED, hours=-1))
    assert _status(world) == "approved"
    assert _states(world) == {"us": ("active", None)}


def test_what_an_operator_paused_stays_paused(world: World) -> None:
    before, meanwhile = _campaign(world, "before"), _campaign(world, "meanwhile")
    _change(world, before, CampaignState.PAUSED)
    _take(world, _word("PAUSED", STATUS.DISABLED, hours=-2))
    _change(world, meanwhile, CampaignState.PAUSED)
    _take(world, _word("APPROVED", STATUS.APPROVED, hours=-1))
    assert _states(world) == {
        "before": ("paused", "I say so"),
        "meanwhile": ("paused", "I say so"),
    }


def test_a_late_word_undoes_nothing(world: World) -> None:
    _campaign(world)
    _take(world, _word("PAUSED", STATUS.DISABLED, hours=-1))
    (taken,) = _take(world, _word("APPROVED", STATUS.APPROVED, hours=-2))
    assert taken.effect is Effect.NEWS_OLD
    assert _states(world)["us"][0] == "paused"
    _take(world, _word("APPROVED", STATUS.APPROVED))
    _take(world, _word("PAUSED", STATUS.DISABLED, hours=-1))
    assert _states(world)["us"][0] == "active"


@pytest.mark.parametrize("order", [1, -1])
def test_words_in_one_body_count_in_the_order_of_their_times(world: World, order: int) -> None:
    _campaign(world)
    words = [
        _word("PAUSED", STATUS.DISABLED, hours=-2),
        _word("APPROVED", STATUS.APPROVED, hours=-1),
    ]
    _take(world, *words[::order])
    assert _states(world)["us"][0] == "active"


@pytest.mark.parametrize(
    ("changes", "account"),
    [({"language": "pt_BR"}, "sandbox"), ({}, "another")],
)
def test_another_language_or_account_is_another_template(
    world: World, changes: dict[str, Any], account: str
) -> None:
    _campaign(world)
    (taken,) = _take(world, _word("PAUSED", STATUS.DISABLED, **changes), account=account)
    assert taken.effect is Effect.NEWS_OLD
    assert (_status(world), _states(world)["us"][0]) == ("approved", "active")


def test_messages_of_a_campaign_that_waits_for_its_template_are_not_lost(world: World) -> None:
    campaign = _campaign(world)
    people = world.contacts(numbers(1))
    world.consent(people)
    (message,) = world.messages(campaign, people, MessageState.ACCEPTED)
    _take(world, _word("PAUSED", STATUS.DISABLED))
    with world.runtime.transaction() as connection:
        consent.run(connection, [message], books=world.runtime.books, now=NOW, lease=NOW)
    row = world.row(message)
    assert (row.state, row.reason) == ("deferred", "paused")
    assert row.not_before > NOW


def test_a_restricted_account_sends_nothing_until_a_person_lets_it(world: World) -> None:
    world.sender("theirs", channel=Channel.WHATSAPP)
    world.sender("sms")
    world.sender("other", channel=Channel.WHATSAPP, provider="another")
    restricted = AccountHalt(word="ACCOUNT_RESTRICTION", detail="NO", occurred_at=NOW - HOUR)
    (taken,) = _take(world, restricted)
    assert taken.effect is Effect.NEWS
    rows = world.query("SELECT code, state, state_reason FROM senders")
    assert {row.code: (row.state, row.state_reason) for row in rows} == {
        "theirs": ("suspended", "ACCOUNT_RESTRICTION: NO"),
        "sms": ("active", None),
        "other": ("active", None),
    }
    with world.runtime.transaction() as connection:
        (sender,) = senders.select_senders(connection, codes=["theirs"])
        suspensions.lift(connection, sender, actor="ana", reason="appealed", now=NOW)
    (again,) = _take(world, restricted)
    assert again.effect is Effect.NEWS_OLD
    assert world.query("SELECT state FROM senders WHERE code = 'theirs'")[0].state == "active"


def _limits(world: World) -> dict[str, int | None]:
    rows = world.query("SELECT code, daily_limit FROM senders ORDER BY code")
    return {row.code: row.daily_limit for row in rows}


def test_a_limit_is_shared_by_the_accounts_senders(world: World) -> None:
    sender = world.sender("one", channel=Channel.WHATSAPP)
    world.sender("two", channel=Channel.WHATSAPP)
    world.sender("sms")
    _take(world, LimitChange(daily_limit=2000, occurred_at=NOW - HOUR))
    assert _limits(world) == {"one": 1000, "two": 1000, "sms": None}
    with world.runtime.transaction() as connection:
        (limited,) = senders.select_senders(connection, ids=[sender.id])
    limits = [quota.limit for quota in quotas_on(limited, books=world.runtime.books, now=NOW)]
    assert 1000 in limits
    _take(world, LimitChange(daily_limit=250, occurred_at=NOW - 2 * HOUR))
    assert _limits(world)["one"] == 1000
    _take(world, LimitChange(daily_limit=None, occurred_at=NOW))
    assert _limits(world)["one"] is None


def test_a_limit_holds_for_claims_and_counts_what_went_before(world: World) -> None:
    sender = world.sender("one", channel=Channel.WHATSAPP, country="GB")
    campaign = world.campaign(channel=Channel.WHATSAPP)
    people = world.contacts(numbers(5))
    world.messages(
        campaign, people[:1], MessageState.SENT, sender_id=sender.id, sent_at=NOW - HOUR, attempt=1
    )
    _take(world, LimitChange(daily_limit=3, occurred_at=NOW - HOUR))
    ids = world.messages(campaign, people[1:], MessageState.READY, sender_id=sender.id)
    assert len(world.claim(ids)) == 2


def _answer(world: World, campaign: Campaign, result: SendResult, *, seed: int = 7) -> Answer:
    (sender,) = _senders(world)
    people = world.contacts(numbers(1, seed=seed))
    ids = world.messages(campaign, people, MessageState.READY, sender_id=sender.id)
    (claimed,) = _claim(world, ids)
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
    campaign = _campaign(world)
    world.campaign("second", template_code="offer")
    answer = _answer(world, campaign, result)
    _record(world, answer)
    assert _status(world) == "disabled"
    assert {state for state, _ in _states(world).values()} == {"paused"}
    # An approval of an hour ago is not of now.
    _take(world, _word("APPROVED", STATUS.APPROVED, hours=-1))
    assert _status(world) == "disabled"


def test_a_message_that_is_taken_and_paused_is_sent_and_stays_so(world: World) -> None:
    answer = _answer(world, _campaign(world), Accepted("wamid.1", paused=True))
    _record(world, answer)
    row = world.row(answer.claimed.parcel.id)
    assert (row.state, row.provider_id) == ("sent", "wamid.1")
    (code,) = world.query("SELECT detail ->> 'code' AS code FROM decisions")
    assert code.code == "paused"


def test_whom_the_provider_knows_by_which_id_is_learnt_from_its_answer(world: World) -> None:
    answer = _answer(world, _campaign(world), Accepted("wamid.1", user_id="US.1"))
    _record(world, answer)
    (row,) = world.query("SELECT account, user_id, contact_id FROM contact_identities")
    assert tuple(row) == ("sandbox", "US.1", answer.claimed.parcel.contact_id)


def test_codes_that_nobody_knows_are_counted(world: World) -> None:
    campaign = _campaign(world)
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
    message = _sent(world, _campaign(world))
    report = _failed(message, "131048", Rejected(Action.HALT_SENDER, "131048", "spam", None))
    _take(world, report)
    (sender,) = _senders(world)
    assert (sender.state.value, sender.state_reason) == ("suspended", "131048: spam")
    with world.runtime.transaction() as connection:
        suspensions.lift(connection, sender, actor="ana", reason="mended", now=NOW)
    _take(world, report)
    assert _senders(world)[0].state.value == "active"


def test_a_failure_from_before_the_suspension_was_lifted_does_not_bring_it_back(
    world: World,
) -> None:
    message = _sent(world, _campaign(world))
    world.sender(state="suspended")
    with world.runtime.transaction() as connection:
        suspensions.lift(connection, _senders(world)[0], actor="ana", reason="mended", now=NOW)
    _take(world, _failed(message, "131048", Rejected(Action.HALT_SENDER, "131048", "spam", None)))
    assert _senders(world)[0].state.value == "active"


def test_a_late_failure_rests_its_template(world: World) -> None:
    message = _sent(world, _campaign(world))
    _take(world, _failed(message, "132015", Rejected(Action.HALT_TEMPLATE, "132015", "", None)))
    assert (_status(world), _states(world)["us"][0]) == ("disabled", "paused")
    assert world.row(message).state == "undelivered"


def test_a_campaign_that_a_person_has_resumed_since_goes_on(world: World) -> None:
    campaign = _campaign(world)
    first, second = _sent(world, campaign), _sent(world, campaign, seed=8)
    halts = Rejected(Action.HALT_CAMPAIGN, "132000", "parameters", None)
    _take(world, _failed(first, "132000", halts))
    assert _states(world)["us"] == ("paused", "132000: parameters")
    _change(world, campaign, CampaignState.ACTIVE)
    _take(world, _failed(second, "132000", halts))
    assert _states(world)["us"][0] == "active"


def test_an_unknown_code_of_a_late_failure_is_counted_once(world: World) -> None:
    message = _sent(world, _campaign(world))
    for _ in range(2):
        _take(world, _failed(message, "999999", None, known=False))
    with world.runtime.transaction() as connection:
        assert provider_news.unknown_codes(connection) == {"sandbox": 1}


def test_a_template_that_was_entered_anew_is_news_against_older_words(world: World) -> None:
    _campaign(world)
    _take(world, _word("PAUSED", STATUS.DISABLED, hours=-3))
    with world.runtime.transaction() as connection:
        senders.save_templates(connection, [TEMPLATE], now=NOW - HOUR)
        stored = campaigns.by_codes(connection, ["us"])["us"]
    assert stored.waits_for_template
    _take(world, _word("DISABLED", STATUS.DISABLED, hours=-2))
    assert _status(world) == "approved"
