import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import (
    DeliveryStatus,
    InboundReply,
    MalformedEventError,
    OtherEvent,
    Person,
    PlatformVerdict,
    ProviderEvent,
    StatusReport,
)
from pipeline.providers.twilio.events import (
    MOST_FIELDS,
    account_of,
    is_json,
    parse_twilio_body,
    read_twilio,
)

FORM = "application/x-www-form-urlencoded"
SID, SERVICE = "SM11111111111111111111111111111111", "MG22222222222222222222222222222222"
CASES = json.loads((Path(__file__).parent / "payloads" / "twilio_forms.json").read_text())["cases"]
INBOUND = {"MessageSid": SID, "From": "+15550100002", "To": "+15550100001", "Body": "stop"}


def read_case(name: str, **query: str) -> ProviderEvent:
    fields = parse_twilio_body(CASES[name]["encoded"].encode(), FORM)
    (event,) = read_twilio(fields, query)
    return event


def read_fields(**fields: str) -> ProviderEvent:
    (event,) = read_twilio({name: [value] for name, value in fields.items()}, {})
    return event


def reply(**fields: Any) -> InboundReply:
    expected: dict[str, Any] = {
        "provider_id": SID,
        "channel": Channel.SMS,
        "person": Person(phone="+15550100002"),
        "addresses": ("+15550100001", SERVICE),
    }
    return InboundReply(**{**expected, **fields})


def report(status: DeliveryStatus, **fields: Any) -> StatusReport:
    expected: dict[str, Any] = {
        "provider_id": SID,
        "message_id": 42,
        "channel": Channel.SMS,
        "person": Person(phone="+15550100002"),
    }
    return StatusReport(status=status, **{**expected, **fields})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("status_sent", report(DeliveryStatus.SENT)),
        ("status_delivered", report(DeliveryStatus.DELIVERED)),
        (
            "status_undelivered_30007",
            report(DeliveryStatus.UNDELIVERED, code="30007", violation=True),
        ),
        ("status_failed_21610", report(DeliveryStatus.FAILED, code="21610", opted_out=True)),
        (
            "status_wa_read",
            report(
                DeliveryStatus.READ,
                channel=Channel.WHATSAPP,
                person=Person(phone="+5511999990001"),
            ),
        ),
        (
            "in_stop_advanced_optout",
            reply(body="stop", verdict=PlatformVerdict.STOP, answered=True),
        ),
        ("in_start", reply(body="START", verdict=PlatformVerdict.START, answered=True)),
        ("in_help", reply(body="HELP", verdict=PlatformVerdict.HELP, answered=True)),
        ("in_stop_plain_no_optouttype", reply(body=" Stop. ")),
        ("in_stop_please_not_keyword_for_twilio", reply(body="Stop please")),
        (
            "in_wa_button",
            reply(
                channel=Channel.WHATSAPP,
                person=Person(phone="+5511999990001"),
                body="Parar",
                payload="STOP:cmp_42",
            ),
        ),
        (
            "in_wa_bsuid",
            reply(
                channel=Channel.WHATSAPP,
                person=Person(phone=None, user_id="BR.9000000000000000001"),
                body="oi",
            ),
        ),
    ],
)
def test_what_twilio_sends(name: str, expected: ProviderEvent) -> None:
    assert read_case(name, m="42") == expected


def test_every_sample_is_of_its_account() -> None:
    for case in CASES.values():
        fields = parse_twilio_body(case["encoded"].encode(), FORM)
        assert fields == {name: [value] for name, value in case["form"].items()}
        assert account_of(fields) == "AC00000000000000000000000000000000"
    assert account_of({}) is None


@pytest.mark.parametrize(
    ("given", "message_id"), [("42", 42), ("-42", -42), ("msg_01", None), ("", None), ("4 ", None)]
)
def test_our_own_id_comes_back_in_the_query(given: str, message_id: int | None) -> None:
    event = read_case("status_sent", m=given)
    assert isinstance(event, StatusReport)
    assert event.message_id == message_id


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("queued", DeliveryStatus.ACCEPTED),
        ("sending", DeliveryStatus.ACCEPTED),
        ("partially_delivered", DeliveryStatus.SENT),
        ("canceled", DeliveryStatus.FAILED),
    ],
)
def test_statuses(status: str, expected: DeliveryStatus) -> None:
    event = read_fields(MessageSid=SID, MessageStatus=status)
    assert event == StatusReport(
        provider_id=SID, message_id=None, channel=Channel.SMS, status=expected
    )


def test_who_got_the_message_has_not_left() -> None:
    event = read_fields(MessageSid=SID, MessageStatus="delivered", ErrorCode="21610")
    assert isinstance(event, StatusReport)
    assert (event.code, event.opted_out) == ("21610", False)


def test_a_status_that_nobody_knows() -> None:
    event = read_fields(MessageSid=SID, MessageStatus="teleported")
    assert event == OtherEvent(kind="unknown_status")
    # Somebody has said something: that is heard whatever its status is called.
    event = read_fields(**INBOUND, SmsStatus="teleported")
    assert event == reply(body="stop", addresses=("+15550100001",))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Body": "", "NumMedia": "1"}, {"body": ""}),
        ({"Body": "", "ButtonText": "Sair"}, {"body": "Sair"}),
        ({"ListId": "STOP"}, {"body": "stop", "payload": "STOP"}),
        ({"OptOutType": "NEWS"}, {"body": "stop"}),
        ({"Body": "x" * 5000}, {"body": "x" * 4096}),
        ({"Body": "a\0b"}, {"body": "ab"}),
        (
            {"From": "rcs:+15550100002", "To": "rcs:brand_agent"},
            {"body": "stop", "channel": None, "addresses": ("brand_agent", SERVICE)},
        ),
        (
            {"From": "WhatsApp:BR.1", "WaId": "5511999990001"},
            {
                "body": "stop",
                "channel": Channel.WHATSAPP,
                "person": Person(phone="5511999990001", user_id="BR.1"),
            },
        ),
        (
            {"From": "whatsapp:+15550100002", "ExternalUserId": "whatsapp:US.1"},
            {
                "body": "stop",
                "channel": Channel.WHATSAPP,
                "person": Person(phone="+15550100002", user_id="US.1"),
            },
        ),
    ],
)
def test_replies(changes: dict[str, str], expected: dict[str, Any]) -> None:
    fields = {**INBOUND, "MessagingServiceSid": SERVICE, **changes}
    assert read_fields(**fields) == reply(**expected)


def test_a_reply_without_a_body() -> None:
    without = {name: value for name, value in INBOUND.items() if name != "Body"}
    assert read_fields(**without) == reply(body="", addresses=("+15550100001",))


def test_a_channel_that_is_none_of_ours() -> None:
    event = read_fields(**{**INBOUND, "From": "messenger:1234567"})
    assert event == OtherEvent(kind="other_channel")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *product(["MessageSid", "From", "To"], [None, "", "  ", "x" * 257]),
        ("From", "whatsapp:"),
        ("To", "whatsapp: "),
    ],
)
def test_without_these_a_reply_says_nothing(name: str, value: str | None) -> None:
    fields = {key: [text] for key, text in INBOUND.items()}
    fields[name] = [] if value is None else [value]
    with pytest.raises(MalformedEventError, match=name):
        read_twilio(fields, {})


def test_a_status_needs_the_message() -> None:
    with pytest.raises(MalformedEventError, match="MessageSid"):
        read_twilio({"MessageStatus": ["sent"]}, {})


@pytest.mark.parametrize("name", CASES)
def test_json_says_the_same_as_a_form(name: str) -> None:
    case = CASES[name]
    fields = parse_twilio_body(json.dumps(case["form"]).encode(), "application/json")
    assert read_twilio(fields, {"m": "42"}) == [read_case(name, m="42")]


def test_json_gives_only_what_a_form_could_say() -> None:
    raw = b'{"Body":null,"NumMedia":2,"From":["+1","+2"],"To":{"a":1},"Read":true}'
    assert parse_twilio_body(raw, "application/json; charset=utf-8") == {
        "Body": [],
        "NumMedia": ["2"],
        "From": ["+1", "+2"],
        "To": [],
        "Read": [],
    }


def test_content_types() -> None:
    assert is_json("Application/JSON;charset=utf-8")
    assert not is_json(FORM)
    assert not is_json(None)
    assert parse_twilio_body(b"a=1&a=2&b=", None) == {"a": ["1", "2"], "b": [""]}
    for other in ("text/plain", "multipart/form-data; boundary=x", "application/jsonp"):
        with pytest.raises(MalformedEventError):
            parse_twilio_body(b"{}", other)


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        ("é".encode(), FORM),
        (b"&".join(b"a=1" for _ in range(MOST_FIELDS + 1)), FORM),
        (b"[" * 100_000, "application/json"),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (json.dumps({"a": ["x"] * (MOST_FIELDS + 1)}).encode(), "application/json"),
        (json.dumps({str(n): 1 for n in range(MOST_FIELDS + 1)}).encode(), "application/json"),
    ],
)
def test_a_body_that_is_not_twilios(raw: bytes, content_type: str) -> None:
    with pytest.raises(MalformedEventError):
        parse_twilio_body(raw, content_type)
