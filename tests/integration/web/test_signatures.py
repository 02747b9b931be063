"""Who is heard: requests that prove who sent them, and nobody else."""

import base64
import hmac
import json
from collections.abc import Callable
from hashlib import sha256

import pytest
from twilio.request_validator import RequestValidator

from tests.integration.web.calling import (
    JSON,
    PUBLIC_URL,
    SHARED_KEY,
    TOKEN,
    TRIAL_SECRET,
    VERIFY_TOKEN,
    Answer,
    inbound_reply,
    reply,
    signed_form,
    signed_inbound,
    signed_whatsapp,
    whatsapp_text,
)
from tests.integration.web.conftest import Site
from tests.integration.world import World, numbers
from workers.clock import machine_seconds

PHONE = numbers(1)[0]
PROBLEM = "application/problem+json"

STOP = reply("STOP", PHONE)
TEXT = json.dumps(whatsapp_text("STOP", PHONE)).encode()
INBOUND = json.dumps(inbound_reply("STOP", PHONE)).encode()


def stored(world: World) -> list[int]:
    """How much there is of everything that a webhook may write."""
    tables = ("contacts", "inbound_messages", "opt_outs", "suppressions", "review_holds")
    return [world.query(f"SELECT count(*) AS n FROM {table}")[0].n for table in tables]  # noqa: S608 - the names above


def check_refused(answer: Answer, status: int) -> None:
    assert answer.status == status, answer.body
    assert answer.media_type == PROBLEM
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert PHONE not in answer.body.decode()


SIGNED: dict[str, Callable[[], tuple[bytes, dict[str, str]]]] = {
    "/webhooks/twilio/tw": lambda: signed_form(STOP, "/webhooks/twilio/tw"),
    "/webhooks/whatsapp/wa": lambda: signed_whatsapp(TEXT),
    "/webhooks/inbound/crm": lambda: signed_inbound(INBOUND),
}
SIGNATURE = {
    "/webhooks/twilio/tw": "X-Twilio-Signature",
    "/webhooks/whatsapp/wa": "X-Hub-Signature-256",
    "/webhooks/inbound/crm": "webhook-signature",
}


@pytest.mark.parametrize("path", SIGNED)
def test_what_is_signed_is_taken(site: Site, world: World, path: str) -> None:
    assert site.post(path, *SIGNED[path]()).status == 200
    assert stored(world) == [1, 1, 1, 1, 0]


@pytest.mark.parametrize("path", SIGNED)
def test_what_is_not_signed_is_not_heard(site: Site, world: World, path: str) -> None:
    body, headers = SIGNED[path]()
    del headers[SIGNATURE[path]]
    answer = site.post(path, body, headers)
    check_refused(answer, 401)
    assert answer.headers["WWW-Authenticate"]
    assert stored(world) == [0] * 5


@pytest.mark.parametrize("path", SIGNED)
@pytest.mark.parametrize("signature", ["nonsense", "sha256=00", "v1,AAAA", "é"])
def test_what_is_wrongly_signed_changes_nothing(
    site: Site, world: World, path: str, signature: str
) -> None:
    body, headers = SIGNED[path]()
    check_refused(site.post(path, body, headers | {SIGNATURE[path]: signature}), 403)
    assert stored(world) == [0] * 5


@pytest.mark.parametrize("path", SIGNED)
def test_a_signature_of_other_bytes_is_none(site: Site, world: World, path: str) -> None:
    body, headers = SIGNED[path]()
    check_refused(site.post(path, body.replace(b"STOP", b"STAY"), headers), 403)
    assert stored(world) == [0] * 5


def test_the_signature_of_another_secret_is_none(site: Site, world: World) -> None:
    path = "/webhooks/twilio/tw"
    check_refused(site.post(path, *signed_form(STOP, path, "another")), 403)
    check_refused(site.post("/webhooks/whatsapp/wa", *signed_whatsapp(TEXT, "another")), 403)
    other = signed_inbound(INBOUND, key=b"another")
    check_refused(site.post("/webhooks/inbound/crm", *other), 403)
    assert stored(world) == [0] * 5


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/twilio/nobody",
        "/webhooks/twilio/wa",
        "/webhooks/whatsapp/tw",
        "/webhooks/inbound/wa",
    ],
)
def test_an_account_that_is_none_is_told_nothing_else(site: Site, world: World, path: str) -> None:
    headers = {"X-Twilio-Signature": "x", "X-Hub-Signature-256": "x"}
    headers |= {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
    check_refused(site.post(path, b"{}", headers), 403)
    check_refused(site.post(path, b"{}"), 401)
    assert stored(world) == [0] * 5


def test_twilio_signs_the_public_address_and_nothing_that_a_request_says(
    site: Site, world: World
) -> None:
    path = "/webhooks/twilio/tw?m=7&b=%20x&a=%C3%A9+1&empty="
    body, headers = signed_form(STOP, path)
    forged = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answer = site.post(path, body, headers | forged | {"X-Forwarded-Proto": "http"})
    assert answer.status == 200
    for other in ("/webhooks/twilio/tw", path + "&c=1", path.replace("%20", "+")):
        check_refused(site.post(other, body, headers), 403)
    assert stored(world) == [1, 1, 1, 1, 0]


def test_a_request_signed_for_the_address_that_it_reached_is_refused(
    site: Site, world: World
) -> None:
    path = "/webhooks/twilio/tw"
    signature = RequestValidator(TOKEN).compute_signature(site.address + path, STOP)
    body, headers = signed_form(STOP, path)
    check_refused(site.post(path, body, headers | {"X-Twilio-Signature": signature}), 403)
    assert stored(world) == [0] * 5


def test_twilio_may_put_the_port_into_the_address(site: Site, world: World) -> None:
    path = "/webhooks/twilio/tw"
    signature = RequestValidator(TOKEN).compute_signature(f"{PUBLIC_URL}:443{path}", STOP)
    body, headers = signed_form(STOP, path)
    assert site.post(path, body, headers | {"X-Twilio-Signature": signature}).status == 200
    assert stored(world)[1] == 1


def test_a_body_of_json_from_twilio_is_signed_by_its_hash(site: Site, world: World) -> None:
    body = json.dumps(STOP).encode()
    path = f"/webhooks/twilio/tw?bodySHA256={sha256(body).hexdigest()}"
    validator = RequestValidator(TOKEN)
    signature = validator.compute_signature(PUBLIC_URL + path, {})
    assert validator.validate(PUBLIC_URL + path, body.decode(), signature)

    headers = {"Content-Type": JSON, "X-Twilio-Signature": signature}
    check_refused(site.post(path, body + b" ", headers), 403)
    assert site.post(path, body, headers).status == 200
    assert stored(world)[1] == 1


def test_a_shared_key_of_twilio_signs_too(site: Site, world: World) -> None:
    path = "/webhooks/twilio/tw"
    signed = PUBLIC_URL + path + "".join(name + STOP[name] for name in sorted(STOP))
    digest = hmac.new(SHARED_KEY.encode(), signed.encode(), sha256).digest()
    body, headers = signed_form(STOP, path)
    headers["X-Twilio-Signature"] = base64.b64encode(digest).decode()
    check_refused(site.post(path, body, headers), 403)
    settings = {"X-Twilio-Webhooks-Signature-Settings": "key=SK1,algorithm=HMAC_SHA256"}
    assert site.post(path, body, headers | settings).status == 200
    assert stored(world)[1] == 1


def test_a_reply_of_another_account_of_twilio_is_not_ours(site: Site, world: World) -> None:
    check_refused(site.twilio(STOP | {"AccountSid": "AC" + "2" * 32}), 403)
    check_refused(site.twilio({k: v for k, v in STOP.items() if k != "AccountSid"}), 403)
    assert stored(world) == [0] * 5
    labels = {"route": "twilio", "account": "tw", "reason": "other_account"}
    assert site.figure("recado_webhooks_refused_total", **labels) == 2


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_a_standard_webhook_of_another_time_is_refused(
    site: Site, world: World, seconds: int
) -> None:
    at = machine_seconds() + seconds
    check_refused(site.post("/webhooks/inbound/crm", *signed_inbound(INBOUND, at=at)), 403)
    assert stored(world) == [0] * 5


def test_the_challenge_of_whatsapp_is_answered_to_whom_knows_the_token(site: Site) -> None:
    path = "/webhooks/whatsapp/{}?hub.mode=subscribe&hub.challenge=158&hub.verify_token={}"
    answer = site.get(path.format("wa", VERIFY_TOKEN))
    assert (answer.status, answer.body, answer.media_type) == (200, b"158", "text/plain")
    check_refused(site.get(path.format("wa", "guess")), 403)
    check_refused(site.get(path.format("nobody", VERIFY_TOKEN)), 403)
    check_refused(site.get("/webhooks/whatsapp/wa?hub.mode=subscribe"), 401)


def test_the_sandbox_has_the_webhooks_of_both_its_dialects(site: Site, world: World) -> None:
    path = "/webhooks/twilio/trial"
    assert site.post(path, *signed_form(STOP, path, TRIAL_SECRET)).status == 200
    whatsapp = signed_whatsapp(TEXT, TRIAL_SECRET)
    assert site.post("/webhooks/whatsapp/trial", *whatsapp).status == 200
    assert stored(world)[1] == 2
