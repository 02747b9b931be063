"""What providers tell of templates and accounts, over a real database."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.policy.vocabulary import (
    CampaignState,
    Channel,
    MessageState,
    RegistrationStatus,
)
from pipeline.providers.events import (
    AccountHalt,
    AccountNews,
    LimitChange,
    StatusReport,
    TemplateChange,
)
from pipeline.stages import campaign_states, consent, receive, suspensions
from pipeline.stages.caps import quotas_on
from pipeline.stages.receive import Arrival, Effect, Taken
from pipeline.store import campaigns, senders
from pipeline.store.campaigns import Campaign
from tests.integration.stages.test_receive import lexicon
from tests.integration.stages.test_template_use import TEMPLATE
from tests.integration.world import NOW, World, numbers

HOUR = timedelta(hours=1)
STATUS = RegistrationStatus


def take_news(
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


def template_word(
    word: str, status: STATUS, *, hours: float = 0, language: str = "en_US"
) -> TemplateChange:
    return TemplateChange(
        name="offer", language=language, status=status, word=word, occurred_at=NOW + hours * HOUR
    )


def templated_campaign(world: World, code: str = "us", template: str | None = "offer") -> Campaign:
    """A campaign whose template is registered, and a sender for it."""
    world.sender()
    with world.runtime.transaction() as connection:
        senders.save_templates(connection, [TEMPLATE], now=NOW - 5 * HOUR)
    return world.campaign(code, template_code=template)


def states_of_campaigns(world: World) -> dict[str, tuple[str, str | None]]:
    rows = world.query("SELECT code, state, state_reason FROM campaigns")
    return {row.code: (row.state, row.state_reason) for row in rows}


def status_of_template(world: World) -> str:
    return str(world.query("SELECT status FROM templates")[0].status)


def change_campaign(world: World, campaign: Campaign, state: CampaignState) -> None:
    with world.runtime.transaction() as connection:
        campaign_states.change(
            connection, campaign, state, actor="operator", reason="I say so", now=NOW
        )


def test_a_paused_template_pauses_its_campaigns_and_no_others(world: World) -> None:
    templated_campaign(world)
    world.campaign("other", template_code=None)
    (taken,) = take_news(world, template_word("PAUSED", STATUS.DISABLED))
    assert taken.effect is Effect.NEWS
    assert status_of_template(world) == "disabled"
    assert states_of_campaigns(world) == {
        "us": ("paused", "template: offer is PAUSED"),
        "other": ("active", None),
    }
    (event,) = world.query("SELECT actor, action, subject FROM audit_events")
    assert tuple(event) == ("provider:sandbox", "campaign_paused", "us")


def test_its_approval_lets_them_go_on(world: World) -> None:
    templated_campaign(world)
    take_news(world, template_word("PAUSED", STATUS.DISABLED, hours=-2))
    take_news(world, template_word("APPROVED", STATUS.APPROVED, hours=-1))
    assert status_of_template(world) == "approved"
    assert states_of_campaigns(world) == {"us": ("active", None)}


def test_what_an_operator_paused_stays_paused(world: World) -> None:
    before, meanwhile = templated_campaign(world, "before"), templated_campaign(world, "meanwhile")
    change_campaign(world, before, CampaignState.PAUSED)
    take_news(world, template_word("PAUSED", STATUS.DISABLED, hours=-2))
    change_campaign(world, meanwhile, CampaignState.PAUSED)
    take_news(world, template_word("APPROVED", STATUS.APPROVED, hours=-1))
    assert states_of_campaigns(world) == {
        "before": ("paused", "I say so"),
        "meanwhile": ("paused", "I say so"),
    }


def test_a_late_word_undoes_nothing(world: World) -> None:
    templated_campaign(world)
    take_news(world, template_word("PAUSED", STATUS.DISABLED, hours=-1))
    (taken,) = take_news(world, template_word("APPROVED", STATUS.APPROVED, hours=-2))
    assert taken.effect is Effect.NEWS_OLD
    assert states_of_campaigns(world)["us"][0] == "paused"
    take_news(world, template_word("APPROVED", STATUS.APPROVED))
    take_news(world, template_word("PAUSED", STATUS.DISABLED, hours=-1))
    assert states_of_campaigns(world)["us"][0] == "active"


@pytest.mark.parametrize("order", [1, -1])
def test_words_in_one_body_count_in_the_order_of_their_times(world: World, order: int) -> None:
    templated_campaign(world)
    words = [
        template_word("PAUSED", STATUS.DISABLED, hours=-2),
        template_word("APPROVED", STATUS.APPROVED, hours=-1),
    ]
    take_news(world, *words[::order])
    assert states_of_campaigns(world)["us"][0] == "active"


@pytest.mark.parametrize(
    ("changes", "account"),
    [({"language": "pt_BR"}, "sandbox"), ({}, "another")],
)
def test_another_language_or_account_is_another_template(
    world: World, changes: dict[str, Any], account: str
) -> None:
    templated_campaign(world)
    (taken,) = take_news(
        world, template_word("PAUSED", STATUS.DISABLED, **changes), account=account
    )
    assert taken.effect is Effect.NEWS_OLD
    assert (status_of_template(world), states_of_campaigns(world)["us"][0]) == (
        "approved",
        "active",
    )


def test_messages_of_a_campaign_that_waits_for_its_template_are_not_lost(world: World) -> None:
    campaign = templated_campaign(world)
    people = world.contacts(numbers(1))
    world.consent(people)
    (message,) = world.messages(campaign, people, MessageState.ACCEPTED)
    take_news(world, template_word("PAUSED", STATUS.DISABLED))
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
    (taken,) = take_news(world, restricted)
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
    (again,) = take_news(world, restricted)
    assert again.effect is Effect.NEWS_OLD
    assert world.query("SELECT state FROM senders WHERE code = 'theirs'")[0].state == "active"


def _limits(world: World) -> dict[str, int | None]:
    rows = world.query("SELECT code, daily_limit FROM senders ORDER BY code")
    return {row.code: row.daily_limit for row in rows}


def test_a_limit_is_shared_by_the_accounts_senders(world: World) -> None:
    sender = world.sender("one", channel=Channel.WHATSAPP)
    world.sender("two", channel=Channel.WHATSAPP)
    world.sender("sms")
    take_news(world, LimitChange(daily_limit=2000, occurred_at=NOW - HOUR))
    assert _limits(world) == {"one": 1000, "two": 1000, "sms": None}
    with world.runtime.transaction() as connection:
        (limited,) = senders.select_senders(connection, ids=[sender.id])
    limits = [quota.limit for quota in quotas_on(limited, books=world.runtime.books, now=NOW)]
    assert 1000 in limits
    take_news(world, LimitChange(daily_limit=250, occurred_at=NOW - 2 * HOUR))
    assert _limits(world)["one"] == 1000
    take_news(world, LimitChange(daily_limit=None, occurred_at=NOW))
    assert _limits(world)["one"] is None


def test_a_limit_holds_for_claims_and_counts_what_went_before(world: World) -> None:
    sender = world.sender("one", channel=Channel.WHATSAPP, country="GB")
    campaign = world.campaign(channel=Channel.WHATSAPP)
    people = world.contacts(numbers(5))
    world.messages(
        campaign, people[:1], MessageState.SENT, sender_id=sender.id, sent_at=NOW - HOUR, attempt=1
    )
    take_news(world, LimitChange(daily_limit=3, occurred_at=NOW - HOUR))
    ids = world.messages(campaign, people[1:], MessageState.READY, sender_id=sender.id)
    assert len(world.claim(ids)) == 2


def test_a_template_that_was_entered_anew_is_news_against_older_words(world: World) -> None:
    templated_campaign(world)
    take_news(world, template_word("PAUSED", STATUS.DISABLED, hours=-3))
    with world.runtime.transaction() as connection:
        senders.save_templates(connection, [TEMPLATE], now=NOW - HOUR)
        stored = campaigns.by_codes(connection, ["us"])["us"]
    assert stored.waits_for_template
    take_news(world, template_word("DISABLED", STATUS.DISABLED, hours=-2))
    assert status_of_template(world) == "approved"
