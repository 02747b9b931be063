"""Looking up messages whose answer was lost, against the sandbox and against odd answers."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import (
    Ambiguous,
    CannotTell,
    Finding,
    Found,
    NotFound,
    OutboundMessage,
    Sought,
)
from pipeline.providers.registry import ProviderAccount, create_provider
from workers.clock import machine_now

TO = "+5511999990001"
AT = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def look(address: str, sought: Sought, *, kind: str = "sandbox", timeout: float = 5.0) -> Finding:
    async def main() -> Finding:
        account = ProviderAccount(base_url=address, account_sid="AC1", request_timeout=timeout)
        provider = create_provider(kind, account)
        try:
            return await provider.find(sought)
        finally:
            await provider.close()

    return asyncio.run(main())


def sought_for(message: OutboundMessage, before: datetime) -> Sought:
    return Sought(
        message_id=message.message_id,
        channel=message.channel,
        sender_address=message.sender_address,
        to=message.to,
        body=message.body,
        sent_after=before,
        sent_before=machine_now(),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sender_address": "MG22222222222222222222222222222222"},
        {"channel": "whatsapp", "sender_address": "+15550100001"},
    ],
)
def test_what_was_taken_is_found(
    sandbox: Any, send: Any, message: Any, changes: dict[str, Any]
) -> None:
    sandbox.behave(recipients={TO: "close"})
    sent, before = message(**({"channel": "sms"} | changes)), machine_now()
    (result,) = send(sandbox.address, sent, kind="twilio")
    assert isinstance(result, Ambiguous)
    (line,) = sandbox.log()
    found = look(sandbox.address, sought_for(sent, before), kind="twilio")
    assert found == Found(line["provider_id"])


def test_what_was_never_taken_is_not_found(sandbox: Any, send: Any, message: Any) -> None:
    before, sent = machine_now(), message("sms")
    sandbox.behave(recipients={TO: "html"})
    send(sandbox.address, sent, message("sms", to="+15550000001"))
    assert look(sandbox.address, sought_for(sent, before)) == NotFound()


def test_a_message_of_another_time_or_sender_is_another(
    sandbox: Any, send: Any, message: Any
) -> None:
    before, sent = machine_now(), message("sms")
    send(sandbox.address, sent)
    sought = sought_for(sent, before)
    later = timedelta(hours=1)
    moved = replace(sought, sent_after=before + later, sent_before=before + later)
    assert look(sandbox.address, moved) == NotFound()
    other = replace(sought, sender_address="+15550100009")
    # Twilio may name a sender otherwise than we do: with the same words it may be this one.
    assert isinstance(look(sandbox.address, other), CannotTell)
    assert look(sandbox.address, replace(other, body="Something else")) == NotFound()


def test_where_several_fit_or_the_words_differ_nobody_can_tell(
    sandbox: Any, send: Any, message: Any
) -> None:
    before, sent = machine_now(), message("sms")
    send(sandbox.address, sent)
    sought = sought_for(sent, before)
    # Twilio may have changed the text that it was given.
    assert isinstance(look(sandbox.address, replace(sought, body="Oi")), CannotTell)
    send(sandbox.address, message("sms", message_id=43))
    assert isinstance(look(sandbox.address, sought), CannotTell)


def test_whatsapp_has_no_look_up(sandbox: Any, message: Any) -> None:
    found = look(sandbox.address, sought_for(message("whatsapp"), machine_now()))
    assert isinstance(found, CannotTell)


def _listed(**changes: Any) -> dict[str, Any]:
    return {
        "sid": "SM1",
        "to": TO,
        "from": "+15550100001",
        "messaging_service_sid": None,
        "body": "Oi",
        "direction": "outbound-api",
        "date_created": "Sat, 21 Nov 2026 20:00:00 +0000",
    } | changes


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        ("200 OK", {"messages": [_listed()]}, Found),
        ("200 OK", {"messages": []}, NotFound),
        ("200 OK", {"messages": [_listed(direction="inbound")]}, NotFound),
        ("200 OK", {"messages": [_listed(date_created=None)]}, CannotTell),
        ("200 OK", {"messages": [_listed(date_created="yesterday")]}, CannotTell),
        ("200 OK", {"messages": [_listed(sid=None)]}, CannotTell),
        ("200 OK", {"messages": [_listed(body="")]}, CannotTell),
        ("200 OK", {"messages": [1]}, CannotTell),
        ("200 OK", {"messages": [], "next_page_uri": "/more"}, CannotTell),
        (
            "200 OK",
            {
                "messages": [_listed(date_created="Fri, 20 Nov 2026 20:00:00 +0000")],
                "next_page_uri": "/more",
            },
            NotFound,
        ),
        ("200 OK", [], CannotTell),
        ("429 Too Many", {}, CannotTell),
        ("500 Error", {"messages": []}, CannotTell),
    ],
)
def test_odd_lists(status: str, content: object, expected: type) -> None:
    body = json.dumps(content).encode()
    data = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    assert isinstance(_look_at(data), expected)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<html>", b"x"])
def test_a_broken_answer_tells_nothing(data: bytes) -> None:
    assert isinstance(_look_at(data), CannotTell)


def _look_at(data: bytes) -> Finding:
    """What the answer `data` says about a message of AT with the text ``Oi``."""

    async def main() -> Finding:
        server = await asyncio.start_server(_answering(data), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        account = ProviderAccount(base_url=f"http://127.0.0.1:{port}", request_timeout=5.0)
        provider = create_provider("twilio", account)
        sought = Sought(
            message_id=42,
            channel=Channel.SMS,
            sender_address="+15550100001",
            to=TO,
            body="Oi",
            sent_after=AT,
            sent_before=AT,
        )
        try:
            return await provider.find(sought)
        finally:
            await provider.close()
            server.close()

    return asyncio.run(main())


def _answering(data: bytes) -> Callable[..., Any]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        writer.close()

    return answer
