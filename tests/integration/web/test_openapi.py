"""The OpenAPI document describes what is really answered: schemathesis asks, over real HTTP."""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from twilio.request_validator import RequestValidator

from tests.integration.web.calling import (
    APP_SECRET,
    FORM,
    PUBLIC_URL,
    SID,
    TOKEN,
    reply,
    signed_form,
    signed_inbound,
    signed_whatsapp,
)
from tests.integration.web.conftest import Site
from tests.integration.world import World, numbers

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 25

ACCOUNTS = {
    "whatsapp_webhook": "wa",
    "twilio_webhook": "tw",
    "inbound_webhook": "crm",
    "whatsapp_challenge": "wa",
}


class Fields(dict[str, list[str]]):
    """A form with repeated fields, as web frameworks hand it to Twilio's package."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


class Signed(AuthBase):
    """Signs whatever is about to be sent, as its provider would."""

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else body
        assert isinstance(raw, bytes)
        request.headers.update(self._headers(raw, request))
        return request

    def _headers(self, raw: bytes, request: PreparedRequest) -> dict[str, str]:
        if self._operation == "whatsapp_webhook":
            _, headers = signed_whatsapp(raw, APP_SECRET)
        elif self._operation == "inbound_webhook":
            _, headers = signed_inbound(raw)
        else:
            fields = Fields()
            if str(request.headers.get("Content-Type", "")).startswith(FORM):
                fields |= parse_qs(raw.decode(), keep_blank_values=True)
            else:
                request.prepare_url(str(request.url), {"bodySHA256": sha256(raw).hexdigest()})
            url = f"{PUBLIC_URL}{request.path_url}"
            return {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, fields)}
        del headers["Content-Type"]
        return headers


@pytest.fixture
def document(site: Site) -> Any:
    return schemathesis.openapi.from_url(f"{site.address}/openapi.json")


def ask(
    operation: Any,
    change: Callable[[Any], None],
    mode: GenerationMode = GenerationMode.POSITIVE,
    **options: Any,
) -> list[int]:
    """Ask for one operation many times; every answer is as the document says. Their statuses."""
    statuses: list[int] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        change(case)
        answer = case.call(**options)
        case.validate_response(answer, checks=CHECKS)
        statuses.append(answer.status_code)

    run()
    return statuses


def operations(document: Any) -> dict[str, Any]:
    found = [result.ok() for result in document.get_all_operations()]
    return {one.definition.raw["operationId"]: one for one in found}


@pytest.mark.parametrize("mode", GenerationMode)
def test_whatever_strangers_send_is_answered_as_the_document_says(
    document: Any, world: World, mode: GenerationMode
) -> None:
    asked = operations(document)
    assert asked.keys() == {*ACCOUNTS, "healthz", "readyz", "metrics"}
    # Without a parameter there is nothing that could be wrong.
    wrong = mode is GenerationMode.NEGATIVE
    for name in ACCOUNTS if wrong else asked:
        assert ask(asked[name], lambda _: None, mode)
    assert not world.query("SELECT FROM inbound_messages")


@pytest.mark.parametrize("name", ["whatsapp_webhook", "twilio_webhook", "inbound_webhook"])
def test_whatever_a_provider_sends_is_answered_as_the_document_says(
    document: Any, name: str
) -> None:
    def make_ours(case: Any) -> None:
        case.path_parameters = {"account": ACCOUNTS[name]}
        if name == "twilio_webhook" and isinstance(case.body, dict):
            case.body["AccountSid"] = SID

    statuses = ask(operations(document)[name], make_ours, auth=Signed(name))
    assert 200 in statuses
    assert {*statuses} <= {200, 400, 403}


def test_the_document_needs_nothing_from_elsewhere(site: Site) -> None:
    found = site.get("/openapi.json")
    assert found.status == 200
    assert found.json["openapi"].startswith("3.")
    assert "https://" not in json.dumps(found.json)
    schemes = found.json["components"]["securitySchemes"]
    assert {scheme["name"] for scheme in schemes.values()} == {
        "X-Hub-Signature-256",
        "X-Twilio-Signature",
        "webhook-signature",
    }


def test_twilios_own_package_finds_our_address_signed(site: Site) -> None:
    """What their validator accepts for the public address, we accept, and nothing else."""
    path = "/webhooks/twilio/tw?m=17"
    fields = reply("STOP", numbers(1)[0], Body="ç ñ 😀 +&=")
    body, headers = signed_form(fields, path)
    validator = RequestValidator(TOKEN)
    assert validator.validate(PUBLIC_URL + path, fields, headers["X-Twilio-Signature"])
    answer = requests.post(site.address + path, data=body, headers=headers, timeout=10)
    assert answer.status_code == 200
