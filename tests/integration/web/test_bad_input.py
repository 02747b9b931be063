"""Bodies that should not have come: each gets its answer, nothing is changed, nothing breaks."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from multidict import CIMultiDict

from tests.integration.web.calling import (
    FORM,
    JSON,
    Answer,
    inbound_reply,
    reply,
    signed_form,
    signed_inbound,
    signed_whatsapp,
    whatsapp_change,
    whatsapp_text,
)
from tests.integration.web.conftest import Serve, Site
from tests.integration.world import World, numbers
from workers.clock import machine_now
from workers.web.bodies import SMALL_BODY_BYTES

PHONE, OTHER = numbers(2)
TWILIO, WHATSAPP, INBOUND = "/webhooks/twilio/tw", "/webhooks/whatsapp/wa", "/webhooks/inbound/crm"
MIB = 1024 * 1024


def replies(world: World) -> int:
    amount: int = world.query("SELECT count(*) AS n FROM inbound_messages")[0].n
    return amount


def check_problem(answer: Answer, status: int) -> None:
    assert (answer.status, answer.media_type) == (status, "application/problem+json")
    assert answer.json["status"] == status


def check_taken(answer: Answer) -> None:
    assert answer.status == 200, answer.body


def push(
    site: Site,
    path: str,
    body: bytes | Iterator[bytes],
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send all of a body, whatever is answered meanwhile; without a length if it comes in parts."""
    address = urlsplit(site.address)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=20)
    headers = headers or {"X-Hub-Signature-256": "sha256=0", "Content-Type": JSON}
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, CIMultiDict(answer.getheaders()), answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("path", [TWILIO, WHATSAPP, INBOUND])
def test_ten_megabytes_are_refused_before_they_are_read(
    site: Site, world: World, path: str
) -> None:
    check_problem(push(site, path, b"x" * (10 * MIB)), 413)
    assert replies(world) == 0


@pytest.mark.parametrize(("path", "status"), [(TWILIO, 413), (INBOUND, 413), (WHATSAPP, 403)])
def test_routes_of_single_events_take_small_bodies_only(
    site: Site, world: World, path: str, status: int
) -> None:
    headers = dict.fromkeys(
        ("X-Twilio-Signature", "X-Hub-Signature-256", "webhook-signature", "webhook-id"), "x"
    ) | {"webhook-timestamp": "1", "Content-Type": FORM}
    check_problem(site.post(path, b"Body=" + b"%41" * 20_000, headers), 403)
    longer = b"x" * (SMALL_BODY_BYTES + 1)
    check_problem(site.post(path, longer, headers), status)
    check_problem(push(site, path, iter([longer]), headers), status)
    assert replies(world) == 0


def test_what_grows_too_long_while_it_is_read_is_refused(serve: Serve, world: World) -> None:
    site = serve(largest_body_bytes=MIB)
    check_problem(push(site, WHATSAPP, iter([b"x" * MIB] * 3)), 413)
    assert replies(world) == 0
    assert site.post(WHATSAPP, *signed_whatsapp(b" " * MIB)).status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        json.dumps(whatsapp_text("STOP", PHONE)).encode()[:-20],
        b"STOP",
        b"\x00\x00\x00",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"object": "page", "entry": []}',
        b"[" * 60_000,
    ],
    ids=["empty", "open", "truncated", "text", "nulls", "utf-16", "list", "null", "page", "deep"],
)
def test_what_is_signed_and_cannot_be_read_is_a_bad_request(
    site: Site, world: World, body: bytes
) -> None:
    check_problem(site.post(WHATSAPP, *signed_whatsapp(body)), 400)
    check_problem(site.post(INBOUND, *signed_inbound(body)), 400)
    assert replies(world) == 0
    labels = {"route": "whatsapp", "account": "wa", "reason": "malformed"}
    assert site.figure("recado_webhooks_refused_total", **labels) == 1


def test_a_form_that_is_none_is_refused(site: Site, world: World) -> None:
    _, headers = signed_form(reply("STOP", PHONE), TWILIO)
    for body in (b"\x00\x00", b"\xff\xff=\xff", b"%zz&&&===", b"a=1&" * 5000, b'{"a": 1}'):
        check_problem(site.post(TWILIO, body, headers), 403)
    check_problem(site.post(TWILIO, b"x", headers | {"Content-Type": "multipart/form-data"}), 403)
    assert replies(world) == 0


@pytest.mark.parametrize("missing", ["MessageSid", "From", "To"])
def test_a_reply_without_what_it_needs_is_a_bad_request(
    site: Site, world: World, missing: str
) -> None:
    fields = {name: value for name, value in reply("STOP", PHONE).items() if name != missing}
    check_problem(site.twilio(fields), 400)
    assert replies(world) == 0


def test_a_reply_without_a_body_is_a_reply(site: Site, world: World) -> None:
    fields = {name: value for name, value in reply("x", PHONE).items() if name != "Body"}
    check_taken(site.twilio(fields))
    assert replies(world) == 1


def test_null_bytes_and_half_characters_in_a_text_are_survived(site: Site, world: World) -> None:
    check_taken(site.twilio(reply("ST\x00OP\x00", PHONE, "SM1")))
    check_taken(site.whatsapp(whatsapp_text("ST\x00OP \ud83d", PHONE, "wamid.\x001")))
    check_taken(site.inbound(inbound_reply("STOP\x00", PHONE, "in-\x00")))
    assert replies(world) == 3


@pytest.mark.parametrize("number", ["12345", "CLARO", "+0", "+" + "9" * 200, "¡hola!", "client:x"])
def test_a_number_that_is_none_is_taken_and_breaks_nothing(
    site: Site, world: World, number: str
) -> None:
    check_taken(site.twilio(reply("STOP", number)))
    check_taken(site.whatsapp(whatsapp_text("STOP", number)))
    check_taken(site.inbound(inbound_reply("STOP", number)))
    assert world.query("SELECT count(*) AS n FROM opt_outs")[0].n == 0


def test_unknown_kinds_of_events_are_counted_and_not_brought_again(
    site: Site, world: World
) -> None:
    check_taken(site.whatsapp(whatsapp_change({"anything": [1]}, "new_thing_of_2031")))
    check_taken(site.whatsapp(whatsapp_change({"messages": [{"type": "hologram"}, 7, None]})))
    check_taken(site.whatsapp({"object": "whatsapp_business_account", "entry": [None, 1, {}]}))
    check_taken(site.twilio(reply("x", PHONE, MessageStatus="teleported")))
    labels = {"account": "wa", "kind": "unknown_field"}
    assert site.figure("recado_webhook_events_ignored_total", **labels) == 1
    assert world.query("SELECT count(*) AS n FROM suppressions")[0].n == 0


def test_clocks_of_the_future_and_of_the_past_do_not_move_ours(site: Site, world: World) -> None:
    for number, (phone, at) in enumerate([(PHONE, 4_000_000_000), (OTHER, 1)]):
        content = whatsapp_text("STOP", phone, f"wamid.{number}")
        content["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = str(at)
        check_taken(site.whatsapp(content))
    content = inbound_reply("STOP", PHONE)
    check_taken(site.inbound(content | {"received_at": "9999-12-31T23:59:59+00:00"}))
    check_problem(site.inbound(content | {"received_at": "2026-11-23T16:30:00"}), 400)
    rows = world.query("SELECT received_at, in_force_at, deadline_at FROM opt_outs")
    assert len(rows) == 3
    now = machine_now()
    for row in rows:
        assert now - timedelta(minutes=1) < row.received_at <= now < row.deadline_at


def test_a_replay_changes_nothing(site: Site, world: World) -> None:
    for _ in range(3):
        check_taken(site.twilio(reply("STOP", PHONE)))
    assert replies(world) == 1
    assert len(site.told) == 1
    labels = {"account": "tw", "effect": "repeated", "intent": ""}
    assert site.figure("recado_webhook_events_total", **labels) == 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/webhooks/telegram/x", 404),
        ("GET", "/webhooks/twilio/tw/", 404),
        ("GET", "/docs", 404),
        ("GET", "/webhooks/twilio/tw", 405),
        ("DELETE", "/webhooks/whatsapp/wa", 405),
        ("POST", "/healthz", 405),
    ],
)
def test_what_is_not_there_is_a_problem_document_too(
    site: Site, method: str, path: str, status: int
) -> None:
    answer = site.call(method, path)
    check_problem(answer, status)
    assert ("Allow" in answer.headers) == (status == 405)


def raw(site: Site, request: bytes) -> bytes:
    """What comes back for these bytes, until the server closes or says nothing for 2 seconds."""
    address = urlsplit(site.address)
    received = b""
    with socket.create_connection((str(address.hostname), address.port or 80), 5) as connection:
        connection.settimeout(2)
        with suppress(OSError):  # the server may close before it has read all of it
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65_536):
                received += part
    return received


def test_what_is_not_http_is_refused(site: Site) -> None:
    assert raw(site, b"\x16\x03\x01\x00\xa5\x01").startswith(b"HTTP/1.1 400")
    assert raw(site, b"POST /webhooks/twilio/tw HTTP/9.9\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert site.get("/healthz").status == 200


def test_a_head_without_end_is_not_kept(site: Site) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: "
    assert raw(site, head + b"x" * (MIB // 2)) == b""
    assert raw(site, head + b"x" * 1000 + b"\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_body_that_ends_too_early_changes_nothing(site: Site, world: World) -> None:
    body, headers = signed_form(reply("STOP", PHONE), TWILIO)
    lines = [f"POST {TWILIO} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    raw(site, "\r\n".join([*lines, "", ""]).encode() + body[:-10])
    assert site.get("/healthz").status == 200
    assert replies(world) == 0
