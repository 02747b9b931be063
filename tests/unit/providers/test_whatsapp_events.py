import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.policy.vocabulary import Channel, RegistrationStatus
from pipeline.providers.base import Action, Rejected
from pipeline.providers.events import (
    AccountHalt,
    DeliveryStatus,
    InboundReply,
    LimitChange,
    NumberChange,
    OtherEvent,
    Person,
    PlatformVerdict,
    ProviderEvent,
    StatusReport,
    TemplateChange,
)
from pipeline.providers.whatsapp.events import read_whatsapp
from tests.unit.providers.whatsapp import (
    ADDRESSES,
    AT,
    BOTH,
    PHONE,
    USER_ID,
    body,
    change,
    read_one,
    reply,
)

Payload = Callable[[str], bytes]


def template(word: str, status: RegistrationStatus) -> TemplateChange:
    return TemplateChange(
        name="spring_offer", language="pt_BR", status=status, word=word, occurred_at=AT
    )


def news(field: str, value: Any) -> ProviderEvent:
    change = {"field": field, "value": value}
    entry = {"id": "900000000000001", "changes": [change], "time": 1_780_000_000}
    body = {"object": "whatsapp_business_account", "entry": [entry]}
    (event,) = read_whatsapp(json.dumps(body).encode())
    return event


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ARCHIVED", RegistrationStatus.DISABLED),
        ("DELETED", RegistrationStatus.DISABLED),
        ("PENDING", RegistrationStatus.SUBMITTED),
        ("REINSTATED", RegistrationStatus.APPROVED),
    ],
)
def test_words_for_a_template(word: str, status: RegistrationStatus) -> None:
    value = {
        "event": word,
        "message_template_name": "spring_offer",
        "message_template_language": "pt_BR",
    }
    assert news("message_template_status_update", value) == template(word, status)


@pytest.mark.parametrize(
    ("told", "limit"),
    [("TIER_250", 250), ("TIER_2K", 2000), ("TIER_100K", 100_000), (-1, None), (10_000, 10_000)],
)
def test_limits_as_numbers_and_as_tiers(told: object, limit: int | None) -> None:
    event = news("business_capability_update", {"max_daily_conversations_per_business": told})
    assert event == LimitChange(daily_limit=limit, occurred_at=AT)


@pytest.mark.parametrize("told", ["TIER_NOT_SET", 0, True, None, "TIER_0", [250], 1.5])
def test_what_is_no_limit_changes_none(told: object) -> None:
    event = news("business_capability_update", {"max_daily_conversations_per_business": told})
    assert event == OtherEvent(kind="business_capability_update")


@pytest.mark.parametrize(
    ("value", "halts"),
    [
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}, True),
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}, False),
        ({"event": "ACCOUNT_DELETED"}, True),
        ({"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "X"}}, False),
        (
            {
                "event": "ACCOUNT_RESTRICTION",
                "restriction_info": [{"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION"}],
            },
            False,
        ),
    ],
)
def test_which_news_of_an_account_stop_it(value: object, halts: bool) -> None:
    assert isinstance(news("account_update", value), AccountHalt) is halts


def test_what_a_late_failure_halts_is_told_with_it() -> None:
    event = read_one(
        json.dumps(
            {
                "object": "whatsapp_business_account",
                "entry": [
                    {
                        "id": "900000000000001",
                        "changes": [
                            {
                                "field": "messages",
                                "value": {
                                    "metadata": {"phone_number_id": "900000000000002"},
                                    "statuses": [
                                        {
                                            "id": "wamid.1",
                                            "status": "failed",
                                            "errors": [{"code": 131048, "title": "Spam"}],
                                        }
                                    ],
                                },
                            }
                        ],
                    }
                ],
            }
        ).encode()
    )
    assert isinstance(event, StatusReport)
    assert event.halts == Rejected(Action.HALT_SENDER, "131048", "Spam", None, violation=True)
    assert event.known


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("in_text_stop", reply(provider_id="wamid.IN1", body="Stop ")),
        (
            "in_text_bsuid_only",
            reply(provider_id="wamid.IN2", body="SAIR", person=Person(phone=None, user_id=USER_ID)),
        ),
        (
            "in_template_button_stop",
            reply(provider_id="wamid.IN3", body="Parar promoções", payload="STOP:cmp_42"),
        ),
        (
            "in_interactive_button_reply",
            reply(provider_id="wamid.IN4", body="Unsubscribe", payload="STOP"),
        ),
        (
            "number_change",
            NumberChange(
                provider_id="wamid.SYS1",
                channel=Channel.WHATSAPP,
                person=BOTH,
                new=Person(phone="5511999990002"),
                addresses=ADDRESSES,
                occurred_at=AT,
            ),
        ),
        (
            "status_failed_131050",
            StatusReport(
                provider_id="wamid.TEST0001",
                message_id=None,
                channel=Channel.WHATSAPP,
                status=DeliveryStatus.FAILED,
                code="131050",
                detail="recipient opted out in WhatsApp",
                opted_out=True,
                person=BOTH,
                occurred_at=AT,
            ),
        ),
        ("value_errors", OtherEvent(kind="provider_error")),
        (
            "account_restriction",
            AccountHalt(
                word="ACCOUNT_RESTRICTION",
                detail="RESTRICTED_BIZ_INITIATED_MESSAGING",
                occurred_at=AT,
            ),
        ),
        ("template_status_paused", template("PAUSED", RegistrationStatus.DISABLED)),
        ("template_status_disabled", template("DISABLED", RegistrationStatus.DISABLED)),
        ("template_status_rejected", template("REJECTED", RegistrationStatus.REJECTED)),
        ("template_status_approved", template("APPROVED", RegistrationStatus.APPROVED)),
        ("business_capability_update", LimitChange(daily_limit=2000, occurred_at=AT)),
        ("phone_number_quality_update", LimitChange(daily_limit=None, occurred_at=AT)),
        ("template_quality_update", OtherEvent(kind="message_template_quality_update")),
    ],
)
def test_what_whatsapp_sends(payload: Payload, name: str, expected: ProviderEvent) -> None:
    assert read_one(payload(f"whatsapp_{name}")) == expected


def test_a_batch_is_read_whole_and_in_its_order(payload: Payload) -> None:
    events = read_whatsapp(payload("whatsapp_batch_out_of_order"))

    kinds = [event.status if isinstance(event, StatusReport) else type(event) for event in events]
    assert kinds == [DeliveryStatus.DELIVERED, DeliveryStatus.SENT, InboundReply]


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("user_preferences_stop", PlatformVerdict.STOP),
        ("user_preferences_resume", PlatformVerdict.RESUME),
    ],
)
def test_a_setting_of_the_app(payload: Payload, name: str, verdict: PlatformVerdict) -> None:
    event = read_one(payload(f"whatsapp_{name}"))

    assert isinstance(event, InboundReply)
    assert (event.verdict, event.setting, event.answered) == (verdict, True, True)
    assert (event.person, event.addresses, event.body) == (BOTH, ADDRESSES, "")
    assert event.occurred_at == AT


def test_a_setting_has_an_id_of_its_own(payload: Payload) -> None:
    stop = json.loads(payload("whatsapp_user_preferences_stop"))

    def provider_id(**fields: Any) -> str:
        stop["entry"][0]["changes"][0]["value"]["user_preferences"][0].update(fields)
        event = read_one(json.dumps(stop).encode())
        assert isinstance(event, InboundReply)
        return event.provider_id

    first = provider_id()
    assert provider_id() == first
    assert PHONE not in first
    assert provider_id(timestamp=1780000001) != first
    again = provider_id(timestamp=1780000000, value="resume")
    assert again != first


def status(**fields: Any) -> bytes:
    given = {"id": "wamid.1", "status": "sent", "timestamp": 1780000000, "recipient_id": PHONE}
    return body(change(statuses=[{**given, **fields}]))


@pytest.mark.parametrize(
    ("given", "message_id"),
    [("17", 17), ("-17", -17), (17, 17), ("msg_01J0ABC", None), ("9" * 30, None), (1.0, None)],
)
def test_our_own_id_comes_back(given: object, message_id: int | None) -> None:
    event = read_one(status(biz_opaque_callback_data=given))
    assert isinstance(event, StatusReport)
    assert event.message_id == message_id


def test_a_status_of_a_group_is_about_nobody() -> None:
    event = read_one(status(recipient_type="group", recipient_id="Y2FwaV9ncm91cDox"))
    assert isinstance(event, StatusReport)
    assert event.person is None


def test_what_an_error_says() -> None:
    error = {"code": 131026, "title": "Undeliverable to +5511999990001"}
    event = read_one(status(status="failed", errors=[error]))
    assert isinstance(event, StatusReport)
    assert (event.code, event.detail) == ("131026", "Undeliverable to [number]")
    assert not event.opted_out
    event = read_one(status(status="failed", errors="none"))
    assert isinstance(event, StatusReport)
    assert (event.code, event.detail, event.opted_out) == (None, None, False)


def test_who_got_the_message_has_not_left() -> None:
    event = read_one(status(status="delivered", errors=[{"code": 131050}]))
    assert isinstance(event, StatusReport)
    assert (event.code, event.opted_out) == ("131050", False)


@pytest.mark.parametrize("value", ["deleted", "warning", "🛑"])
def test_a_status_that_nobody_knows(value: str) -> None:
    assert read_one(status(status=value)) == OtherEvent(kind="unknown_status")
