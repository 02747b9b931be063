"""What goes over the wire, byte for byte where a provider would mind."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from pipeline.providers.base import OutboundMessage, Rejected
from pipeline.providers.codes import judge
from pipeline.providers.http import clean_detail
from pipeline.providers.twilio.codes import TWILIO

TO = "+5511999990001"


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
