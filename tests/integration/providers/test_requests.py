"""What goes over the wire, byte for byte where a provider would mind."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from pipeline.policy.vocabulary import Category
from pipeline.providers.base import Action, Ambiguous, NotStarted, OutboundMessage, Rejected
from pipeline.providers.codes import judge
from pipeline.providers.http import LARGEST_ANSWER, clean_detail
from pipeline.providers.twilio.codes import TWILIO

TO = "+5511999990001"


def test_an_endless_answer_is_not_read_to_its_end(canned: Any, send: Any, message: Any) -> None:
    body = b'{"sid": "SM1", "filler": "' + b"x" * LARGEST_ANSWER + b'"}'
    head = f"HTTP/1.1 201 Created\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with canned(head + body) as server:
        (result,) = send(server.address, message("sms"))
    assert isinstance(result, Ambiguous)
    assert "too long" in result.detail


def _request(canned: Any, send: Any, sent: OutboundMessage) -> tuple[str, bytes]:
    with canned(b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n") as server:
        send(server.address, sent)
    ((head, body),) = server.requests
    return head.decode(), body


def test_sms_request(canned: Any, send: Any, message: Any) -> None:
    sent = message("sms", validity_seconds=99_999)
    head, body = _request(canned, send, sent)
    assert head.startswith("POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\n")
    assert "Authorization: Basic QUMxOnNlY3JldA==\r\n" in head
    assert "Content-Type: application/x-www-form-urlencoded\r\n" in head
    assert parse_qs(body.decode(), strict_parsing=True) == {
        "To": [TO],
        "From": ["+15550100001"],
        "Body": [sent.body],
        "StatusCallback": ["http://127.0.0.1/webhooks/twilio/sandbox?m=42"],
        "SmartEncoded": ["true"],
        "ValidityPeriod": ["36000"],
    }


def test_whatsapp_text_request(canned: Any, send: Any, message: Any) -> None:
    sent = message("whatsapp")
    head, body = _request(canned, send, sent)
    assert head.startswith("POST /v25.0/900000000000002/messages HTTP/1.1\r\n")
    assert "Authorization: Bearer sandbox\r\n" in head
    assert "Content-Type: application/json\r\n" in head
    assert json.loads(body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "5511999990001",
        "type": "text",
        "text": {"body": sent.body},
        "biz_opaque_callback_data": "42",
    }


def test_whatsapp_template_request(canned: Any, send: Any, message: Any) -> None:
    sent = message(
        "whatsapp",
        template="spring_offer",
        template_language="pt_BR",
        template_parameters=('A"na', "20%"),
    )
    _, body = _request(canned, send, sent)
    content = json.loads(body)
    assert content["type"] == "template"
    assert "text" not in content
    assert content["template"] == {
        "name": "spring_offer",
        "language": {"code": "pt_BR", "policy": "deterministic"},
        "components": [
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "text": 'A"na'},
                    {"type": "text", "text": "20%"},
                ],
            }
        ],
    }


def test_marketing_by_template_goes_to_its_own_endpoint(
    canned: Any, send: Any, message: Any
) -> None:
    sent = message(
        "whatsapp", category=Category.MARKETING, template="bf", template_language="pt_BR"
    )
    head, body = _request(canned, send, sent)
    assert head.startswith("POST /v25.0/900000000000002/marketing_messages HTTP/1.1\r\n")
    assert json.loads(body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "5511999990001",
        "type": "template",
        "template": {"name": "bf", "language": {"code": "pt_BR", "policy": "deterministic"}},
        "product_policy": "CLOUD_API_FALLBACK",
        "message_activity_sharing": False,
        "biz_opaque_callback_data": "42",
    }


@pytest.mark.parametrize(
    ("category", "action"),
    [(Category.MARKETING, Action.RETRY_LATER), (Category.TRANSACTIONAL, Action.FAIL)],
)
def test_a_template_may_not_be_known_yet_to_the_endpoint_for_marketing(
    canned: Any, send: Any, message: Any, category: Category, action: Action
) -> None:
    body = b'{"error": {"code": 131009, "message": "Parameter value is not valid"}}'
    head = f"HTTP/1.1 400 Bad Request\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    sent = message("whatsapp", category=category, template="bf", template_language="pt_BR")
    with canned(head + body) as server:
        (result,) = send(server.address, sent)
    assert isinstance(result, Rejected)
    assert result.action is action


@pytest.mark.parametrize(
    ("changes", "endpoint"),
    [
        ({"category": Category.MARKETING}, True),
        ({"template": "bf", "template_language": "pt_BR"}, True),
        (
            {"category": Category.MARKETING, "template": "bf", "template_language": "pt_BR"},
            False,
        ),
    ],
    ids=["in words", "no marketing", "switched off"],
)
def test_everything_else_goes_where_it_always_went(
    canned: Any, send: Any, message: Any, changes: dict[str, Any], endpoint: bool
) -> None:
    with canned(b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n") as server:
        send(server.address, message("whatsapp", **changes), marketing_endpoint=endpoint)
    ((head, body),) = server.requests
    assert head.startswith(b"POST /v25.0/900000000000002/messages HTTP/1.1\r\n")
    assert "product_policy" not in json.loads(body)


def test_media_in_a_templates_header_and_named_parameters(
    canned: Any, send: Any, message: Any
) -> None:
    sent = message(
        "whatsapp",
        template="bf",
        template_language="pt_BR",
        template_parameters=("Ana",),
        template_parameter_names=("first_name",),
        media_url="https://cdn.example.com/bf.jpg",
    )
    _, body = _request(canned, send, sent)
    header = {"type": "image", "image": {"link": "https://cdn.example.com/bf.jpg"}}
    named = {"type": "text", "parameter_name": "first_name", "text": "Ana"}
    assert json.loads(body)["template"]["components"] == [
        {"type": "header", "parameters": [header]},
        {"type": "body", "parameters": [named]},
    ]


def test_media_with_words_and_a_person_without_a_number(
    canned: Any, send: Any, message: Any
) -> None:
    sent = message(
        "whatsapp", to="", user_id="BR.9000000000000000001", media_url="https://x.example/terms.pdf"
    )
    _, body = _request(canned, send, sent)
    content = json.loads(body)
    assert content["recipient"] == "BR.9000000000000000001"
    assert "to" not in content
    assert content["type"] == "document"
    assert content["document"] == {
        "link": "https://x.example/terms.pdf",
        "filename": "terms.pdf",
        "caption": sent.body,
    }


def test_whatsapp_through_twilio_by_content_template(canned: Any, send: Any, message: Any) -> None:
    sent = message(
        "whatsapp",
        sender_address="+15550100001",
        template="HX33333333333333333333333333333333",
        template_parameters=("Ana", "20%"),
        media_url="https://x.example/a.jpg",
    )
    with canned(b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n") as server:
        send(server.address, sent, kind="twilio")
    ((_, body),) = server.requests
    assert parse_qs(body.decode(), strict_parsing=True) == {
        "To": [f"whatsapp:{TO}"],
        "From": ["whatsapp:+15550100001"],
        "ContentSid": ["HX33333333333333333333333333333333"],
        "ContentVariables": ['{"1": "Ana", "2": "20%"}'],
        "StatusCallback": ["http://127.0.0.1/webhooks/twilio/sandbox?m=42"],
    }


def test_an_sms_with_media_through_a_messaging_service(
    canned: Any, send: Any, message: Any
) -> None:
    service = "MG22222222222222222222222222222222"
    sent = message("sms", sender_address=service, media_url="https://x.example/a.jpg")
    _, body = _request(canned, send, sent)
    fields = parse_qs(body.decode(), strict_parsing=True)
    assert fields["MessagingServiceSid"] == [service]
    assert fields["MediaUrl"] == ["https://x.example/a.jpg"]
    assert "From" not in fields


def test_an_api_key_asks_in_the_accounts_stead(canned: Any, send: Any, message: Any) -> None:
    with canned(b"HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n") as server:
        send(server.address, message("sms"), api_key="SK1", api_secret="hush")  # noqa: S106
    ((head, _),) = server.requests
    assert head.startswith(b"POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\n")
    assert b"Authorization: Basic U0sxOmh1c2g=\r\n" in head


def test_no_whole_second_is_left(sandbox: Any, send: Any, message: Any) -> None:
    (result,) = send(sandbox.address, message("sms", validity_seconds=0))
    assert isinstance(result, NotStarted)
    assert sandbox.log() == []


def test_template_without_language_is_refused(sandbox: Any, send: Any, message: Any) -> None:
    with pytest.raises(ValueError, match="needs a language"):
        send(sandbox.address, message("whatsapp", template="spring_offer"))
    assert sandbox.log() == []


def test_what_postgresql_cannot_hold_is_taken_out_of_a_providers_words() -> None:
    assert clean_detail("no\0 \ud83d such number") == "no ? such number"


def test_no_answer_makes_a_message_wait_for_years() -> None:
    judged = judge(
        TWILIO, code=20429, status=429, detail="", attempt=1, retry_after=1_764_000_000_000.0
    )
    assert isinstance(judged, Rejected)
    assert judged.retry_after == 24 * 3600
