import json
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import (
    DeliveryStatus,
    InboundReply,
    NumberChange,
    OtherEvent,
    Person,
    PlatformVerdict,
    ProviderEvent,
    StatusReport,
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
        ("account_restriction", OtherEvent(kind="account_update")),
        ("template_status_paused", OtherEvent(kind="message_template_status_update")),
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
