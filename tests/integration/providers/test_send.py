"""One table of cases for every dialect that the sandbox speaks."""

import asyncio
import json
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from pipeline.policy.vocabulary import Category
from pipeline.providers.base import Accepted, Action, Ambiguous, Rejected
from pipeline.providers.registry import ProviderAccount, create_provider

CHANNELS = ("sms", "whatsapp")
TO = "+5511999990001"

# What the providers' documentation asks for, written down apart from the tables under test.
CODES: dict[tuple[str, Action], tuple[int, ...]] = {
    ("sms", Action.RETRY_LATER): (20429, 20503, 30008, 30610),
    ("sms", Action.SLOW_SENDER): (21611, 30001, 30022, 63018),
    ("sms", Action.SLOW_RECIPIENT): (30003, 30450),
    ("sms", Action.SUPPRESS): (21610, 30640, 63014),
    ("sms", Action.FAIL): (
        *(14107, 21211, 21217, 21614, 30004, 30005, 30006, 30036, 63003, 63016, 63024),
    ),
    ("sms", Action.FAIL_FILTERED): (30007,),
    ("sms", Action.HALT_SENDER): (30032, 30034),
    ("sms", Action.HALT_ACCOUNT): (20003, 30002),
    ("sms", Action.HALT_DESTINATION): (21408,),
    ("whatsapp", Action.RETRY_LATER): (1, 2, 131000, 131016, 133004, 135000),
    ("whatsapp", Action.SLOW_SENDER): (130429, 131057),
    ("whatsapp", Action.SLOW_RECIPIENT): (131049, 131056),
    ("whatsapp", Action.SLOW_ACCOUNT): (4, 80007),
    ("whatsapp", Action.SUPPRESS_MARKETING): (131050,),
    ("whatsapp", Action.FAIL): (
        *(33, 100, 130472, 131008, 131009, 131021, 131026, 131030, 131047, 131051, 131062),
    ),
    ("whatsapp", Action.HALT_SENDER): (131045, 131048, 131064, 133010, 133016),
    ("whatsapp", Action.HALT_ACCOUNT): (*(0, 3, 10, 190, 200, 299, 368, 130497, 131031, 131042),),
    ("whatsapp", Action.HALT_TEMPLATE): (132015, 132016),
    ("whatsapp", Action.HALT_CAMPAIGN): (
        *(131063, 132000, 132001, 132005, 132007, 132008, 132012),
    ),
}


@pytest.mark.parametrize(
    ("channel", "prefix", "changes"),
    [
        ("sms", "SM", {}),
        ("sms", "SM", {"sender_address": "MG22222222222222222222222222222222"}),
        ("sms", "SM", {"validity_seconds": 14_400}),
        ("whatsapp", "wamid.", {}),
        ("whatsapp", "wamid.", {"template": "bf", "template_language": "pt_BR"}),
        (
            "whatsapp",
            "wamid.",
            {"template": "bf", "template_language": "pt_BR", "template_parameters": ("Ana",)},
        ),
    ],
)
def test_accepted(
    *, sandbox: Any, send: Any, message: Any, channel: str, prefix: str, changes: dict[str, Any]
) -> None:
    sent = message(channel, **changes)
    (result,) = send(sandbox.address, sent)
    assert isinstance(result, Accepted)
    assert result.provider_id.startswith(prefix)
    assert not result.held
    (line,) = sandbox.log()
    assert line["provider_id"] == result.provider_id
    assert line["message_id"] == "42"
    assert line["to"] == TO
    assert line["sender"] == sent.sender_address
    assert line["channel"] == channel


def test_held(sandbox: Any, send: Any, message: Any) -> None:
    sandbox.behave(recipients={TO: "held"})
    (result,) = send(sandbox.address, message("whatsapp"))
    assert isinstance(result, Accepted)
    assert result.held


@pytest.mark.parametrize(("channel", "action"), CODES)
def test_mapped_codes(sandbox: Any, send: Any, message: Any, channel: str, action: Action) -> None:
    codes = CODES[channel, action]
    numbers = {code: f"+1555{code:07d}" for code in codes}
    sandbox.behave(recipients={numbers[code]: code for code in codes})
    results = send(sandbox.address, *(message(channel, to=numbers[code]) for code in codes))
    for code, result in zip(codes, results, strict=True):
        assert isinstance(result, Rejected), code
        assert (result.code, result.action, result.known) == (str(code), action, True)


def test_twilio_internal_error_is_ambiguous(sandbox: Any, send: Any, message: Any) -> None:
    sandbox.behave(recipients={TO: 20500})
    (result,) = send(sandbox.address, message("sms"))
    assert isinstance(result, Ambiguous)
    assert result.code == "20500"


@pytest.mark.parametrize(
    ("channel", "code", "attempt", "action", "retry_after"),
    [
        ("whatsapp", 131049, 1, Action.SLOW_RECIPIENT, 86_400),
        ("whatsapp", 131056, 1, Action.SLOW_RECIPIENT, 4),
        ("whatsapp", 131056, 3, Action.SLOW_RECIPIENT, 64),
        ("whatsapp", 131056, 1_000_000, Action.SLOW_RECIPIENT, 86_400),
        ("whatsapp", 131000, 2, Action.RETRY_LATER, None),
        ("whatsapp", 131000, 3, Action.FAIL, None),
        ("sms", 30008, 1, Action.RETRY_LATER, None),
        ("sms", 30008, 2, Action.FAIL, None),
        ("sms", 30450, 1, Action.SLOW_RECIPIENT, 1800),
    ],
)
def test_tries_and_waits(
    *,
    sandbox: Any,
    send: Any,
    message: Any,
    channel: str,
    code: int,
    attempt: int,
    action: Action,
    retry_after: float | None,
) -> None:
    sandbox.behave(recipients={TO: code})
    (result,) = send(sandbox.address, message(channel, attempt=attempt))
    assert isinstance(result, Rejected)
    assert (result.action, result.retry_after) == (action, retry_after)


@pytest.mark.parametrize("channel", CHANNELS)
def test_rate_limit_tells_when_to_come_back(
    sandbox: Any, send: Any, message: Any, channel: str
) -> None:
    sandbox.behave(rate_limit=1)
    results = send(sandbox.address, *(message(channel, message_id=n) for n in range(2)))
    (refused,) = [result for result in results if isinstance(result, Rejected)]
    assert refused.code in ("20429", "130429")
    assert refused.retry_after == 1.0


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("fault", ["close", "truncate", "garbage", "hang"])
def test_lost_answer_is_ambiguous_and_sent_once(
    sandbox: Any, send: Any, message: Any, channel: str, fault: str
) -> None:
    # The first message leaves a kept connection, on which the second travels: a client that
    # repeats a request when such a connection dies would send it twice.
    other = message(channel, message_id=1, to="+15550000001")
    sandbox.behave(recipients={TO: fault})
    timeout = 0.5 if fault == "hang" else 5.0
    results = send(sandbox.address, other, message(channel), timeout=timeout, connections=1)
    assert isinstance(results[1], Ambiguous)
    taken = [line for line in sandbox.log() if line["message_id"] == "42"]
    assert [line["status"] for line in taken] == [201 if channel == "sms" else 200]


@pytest.mark.parametrize("channel", CHANNELS)
def test_page_instead_of_an_answer(sandbox: Any, send: Any, message: Any, channel: str) -> None:
    sandbox.behave(recipients={TO: "html"})
    (result,) = send(sandbox.address, message(channel))
    assert result == Ambiguous("HTTP 500", "http_500")


@pytest.mark.parametrize("channel", CHANNELS)
def test_nobody_listens(send: Any, message: Any, channel: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        address = f"http://127.0.0.1:{held.getsockname()[1]}"
        (result,) = send(address, message(channel))
    assert isinstance(result, Rejected)
    assert (result.action, result.code) == (Action.RETRY_LATER, "unreachable")


def test_unknown_host(send: Any, message: Any) -> None:
    (result,) = send("http://sandbox.invalid", message("sms"))
    assert isinstance(result, Rejected)
    assert (result.action, result.code) == (Action.RETRY_LATER, "unreachable")


def test_no_free_connection_is_provably_unsent(sandbox: Any, send: Any, message: Any) -> None:
    sandbox.behave(recipients={TO: "hang"})
    first, second = send(
        sandbox.address,
        message("sms"),
        message("sms", message_id=43, to="+15550000001"),
        timeout=0.6,
        connections=1,
    )
    assert isinstance(first, Ambiguous)
    assert isinstance(second, Rejected)
    assert second.code == "unreachable"
    assert [line["message_id"] for line in sandbox.log()] == ["42"]


def _answer(status: str, body: bytes, *more: str) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more))
    return head.encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            _answer("429 Too Many", b"<html>", "Retry-After: 7"),
            Rejected(Action.RETRY_LATER, "http_429", "HTTP 429", 7.0),
        ),
        (
            _answer("429 Too Many", b"", "Retry-After: Sat, 21 Nov 2026 20:00:00 GMT"),
            Rejected(Action.RETRY_LATER, "http_429", "HTTP 429", None),
        ),
        (
            _answer("401 Unauthorized", b"<html>"),
            Rejected(Action.HALT_ACCOUNT, "http_401", "HTTP 401", None),
        ),
        (
            _answer("307 Moved", b"", "Location: /elsewhere"),
            Rejected(Action.HALT_ACCOUNT, "http_307", "HTTP 307", None),
        ),
        (_answer("400 Bad", b"[1]"), Rejected(Action.FAIL, "http_400", "HTTP 400", None)),
        (_answer("503 Unavailable", b"\xff\xfe"), Ambiguous("HTTP 503", "http_503")),
        (_answer("201 Created", b"{}"), Ambiguous("a success without a message id")),
        (_answer("200 OK", b"[]"), Ambiguous("a success without a message id")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
            Ambiguous("ClientPayloadError"),
        ),
        (b"HTTP/1.1 200", Ambiguous("ServerDisconnectedError")),
        (b"SSH-2.0-OpenSSH\r\n\r\n", Ambiguous("ClientResponseError")),
    ],
)
def test_odd_answers(
    *,
    canned: Callable[[bytes], Any],
    send: Any,
    message: Any,
    channel: str,
    answer: bytes,
    expected: Rejected | Ambiguous,
) -> None:
    with canned(answer) as server:
        (result,) = send(server.address, message(channel))
        assert len(server.requests) == 1
    assert type(result) is type(expected)
    if isinstance(expected, Ambiguous):
        assert result.detail.startswith(expected.detail)
        assert result.code == expected.code
    else:
        assert result == expected


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("status", "kind"), [("400 Bad", Rejected), ("500 Error", Ambiguous)])
def test_unknown_codes_are_safe_and_said_to_be_unknown(
    *, canned: Any, send: Any, message: Any, channel: str, status: str, kind: type
) -> None:
    error = {"code": 999_999, "message": "No message to +5511999990001 today"}
    content = error if channel == "sms" else {"error": error}
    with canned(_answer(status, json.dumps(content).encode())) as server:
        (result,) = send(server.address, message(channel))
    assert isinstance(result, kind)
    assert isinstance(result, Rejected | Ambiguous)
    assert not result.known
    assert result.code == "999999"
    assert result.detail == "No message to [number] today"
    if isinstance(result, Rejected):
        assert result.action is Action.FAIL


def test_half_a_character_does_not_raise(sandbox: Any, send: Any, message: Any) -> None:
    results = send(sandbox.address, *(message(channel, body="Oi \ud83d") for channel in CHANNELS))
    assert all(isinstance(result, Accepted) for result in results)


def test_unknown_kind() -> None:
    with pytest.raises(ValueError, match="smpp"):
        create_provider("smpp", ProviderAccount(base_url="http://127.0.0.1:1"))


def test_secrets_do_not_show() -> None:
    secret = "s3cret"  # noqa: S105 - no real one
    account = ProviderAccount(base_url="http://x", auth_token=secret, access_token=secret)
    assert secret not in repr(account)


def test_paused_is_told_apart_from_held(sandbox: Any, send: Any, message: Any) -> None:
    sandbox.behave(recipients={TO: "paused"})
    (result,) = send(sandbox.address, message("whatsapp"))
    assert isinstance(result, Accepted)
    assert (result.held, result.paused) == (False, True)


def test_whatsapp_tells_its_own_id_of_the_person(sandbox: Any, send: Any, message: Any) -> None:
    by_id = message("whatsapp", message_id=43, to="", user_id="BR.9000000000000000001")
    sandbox.behave(user_ids=True)
    first, second = send(sandbox.address, message("whatsapp"), by_id)
    assert (first.user_id, second.user_id) == ("ZZ.5511999990001", "BR.9000000000000000001")
    assert [line["to"] for line in sandbox.log()] == [TO, "BR.9000000000000000001"]


def test_the_endpoint_for_marketing_takes_templates_only(
    sandbox: Any, send: Any, message: Any
) -> None:
    offer = message(
        "whatsapp", category=Category.MARKETING, template="bf", template_language="pt_BR"
    )
    (result,) = send(sandbox.address, offer)
    assert isinstance(result, Accepted)
    assert [line["marketing"] for line in sandbox.log()] == [True]


def test_twilio_carries_whatsapp_too(sandbox: Any, send: Any, message: Any) -> None:
    sent = message("whatsapp", sender_address="+15550100001")
    (result,) = send(sandbox.address, sent, kind="twilio")
    assert isinstance(result, Accepted)
    assert (result.provider_id[:2], result.segments) == ("SM", 1)
    (line,) = sandbox.log()
    assert (line["channel"], line["sender"], line["to"]) == ("whatsapp", "+15550100001", TO)


class Nowhere(AbstractResolver):
    """Knows no host, and remembers which were asked for.

    Attributes:
        asked: (host, port), in order.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        self.asked.append((host, port))
        raise OSError("no such host")

    async def close(self) -> None:
        return


@pytest.mark.parametrize(
    ("kind", "channel", "host"),
    [("twilio", "sms", "api.twilio.com"), ("whatsapp_cloud", "whatsapp", "graph.facebook.com")],
)
def test_an_account_without_an_address_goes_to_its_providers_own(
    message: Any, kind: str, channel: str, host: str
) -> None:
    nowhere = Nowhere()

    async def main() -> None:
        provider = create_provider(
            kind,
            ProviderAccount(base_url="", account_sid="AC1"),
            open_session=lambda headers: aiohttp.ClientSession(
                headers=headers, connector=aiohttp.TCPConnector(resolver=nowhere)
            ),
        )
        try:
            await provider.send(message(channel))
        finally:
            await provider.close()

    asyncio.run(main())
    assert nowhere.asked == [(host, 443)]
