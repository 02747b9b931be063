"""Calling webhooks as providers do, and as nobody should."""

import asyncio
import base64
import hashlib
import hmac
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
from twilio.request_validator import RequestValidator
from yarl import URL

from workers.clock import machine_seconds

PUBLIC_URL = "https://hooks.example.com"
"""Nobody is there: requests go to the test's own port, and Twilio signs this."""

SID = "AC" + "1" * 32
TOKEN = "twilio-token"  # noqa: S105 - of a test
SHARED_KEY = "shared-key"
APP_SECRET = "app-secret"  # noqa: S105 - of a test
TRIAL_SECRET = "trial-secret"  # noqa: S105 - of a test
VERIFY_TOKEN = "verify-token"  # noqa: S105 - of a test
WEBHOOK_KEY = b"a key of at least twenty-four bytes"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(WEBHOOK_KEY).decode()

ACCOUNTS: dict[str, dict[str, str]] = {
    "tw": {
        "kind": "twilio",
        "base_url": "https://api.twilio.example",
        "account_sid": SID,
        "auth_token": TOKEN,
        "webhook_secret": SHARED_KEY,
    },
    "wa": {
        "kind": "whatsapp_cloud",
        "base_url": "https://graph.example",
        "access_token": "access",
        "app_secret": APP_SECRET,
        "verify_token": VERIFY_TOKEN,
    },
    "crm": {"kind": "inbound", "webhook_secret": WEBHOOK_SECRET},
    "trial": {
        "kind": "sandbox",
        "base_url": "http://127.0.0.1:9",
        "app_secret": TRIAL_SECRET,
        "auth_token": TRIAL_SECRET,
    },
}

OUR_NUMBER = "+15005550006"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, as it came."""

    status: int
    headers: Headers
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Calls one address."""

    def __init__(self, address: str) -> None:
        self.address = address

    def call(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Headers | None = None,
    ) -> Answer:
        async def request() -> Answer:
            async with aiohttp.ClientSession(self.address) as session:
                return await call(session, method, path, body, headers)

        return asyncio.run(request())

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: bytes = b"", headers: Headers | None = None) -> Answer:
        return self.call("POST", path, body, headers)

    def twilio(self, fields: Mapping[str, str], path: str = "/webhooks/twilio/tw") -> Answer:
        return self.post(path, *signed_form(fields, path))

    def whatsapp(self, content: object, path: str = "/webhooks/whatsapp/wa") -> Answer:
        return self.post(path, *signed_whatsapp(json.dumps(content).encode()))

    def inbound(self, content: object, path: str = "/webhooks/inbound/crm") -> Answer:
        return self.post(path, *signed_inbound(json.dumps(content).encode()))


async def call(
    session: aiohttp.ClientSession,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Headers | None = None,
) -> Answer:
    """Call once, within a session that knows the address. The path goes as it is."""
    url = URL(path, encoded=True)
    # The client warns of many bytes in one piece.
    data = io.BytesIO(body)
    async with session.request(method, url, data=data, headers=headers) as answer:
        return Answer(answer.status, dict(answer.headers), await answer.read())


def reply(body: str, sender: str, sid: str = "SM1", **more: str) -> dict[str, str]:
    """The fields of a reply, as Twilio posts them."""
    fields = {
        "AccountSid": SID,
        "MessageSid": sid,
        "From": sender,
        "To": OUR_NUMBER,
        "Body": body,
        "NumMedia": "0",
        "FromCity": "",
    }
    return fields | more


def signed_form(
    fields: Mapping[str, str], path: str, token: str = TOKEN
) -> tuple[bytes, dict[str, str]]:
    """A form's body and headers, signed by Twilio's own package."""
    signature = RequestValidator(token).compute_signature(PUBLIC_URL + path, fields)
    return urlencode(fields).encode(), {"Content-Type": FORM, "X-Twilio-Signature": signature}


def signed_whatsapp(body: bytes, secret: str = APP_SECRET) -> tuple[bytes, dict[str, str]]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return body, {"Content-Type": JSON, "X-Hub-Signature-256": f"sha256={digest}"}


def signed_inbound(
    body: bytes, *, at: float | None = None, key: bytes = WEBHOOK_KEY
) -> tuple[bytes, dict[str, str]]:
    timestamp = str(int(machine_seconds() if at is None else at))
    content = b"msg_1." + timestamp.encode() + b"." + body
    digest = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return body, {
        "Content-Type": JSON,
        "webhook-id": "msg_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{digest}",
    }


def whatsapp_text(body: str, sender: str, message_id: str = "wamid.1") -> dict[str, Any]:
    """A text message, as the WhatsApp Cloud API posts it."""
    return whatsapp_change(
        {
            "contacts": [{"profile": {"name": "Ana"}, "wa_id": sender.lstrip("+")}],
            "messages": [
                {
                    "from": sender.lstrip("+"),
                    "id": message_id,
                    "timestamp": str(int(machine_seconds())),
                    "type": "text",
                    "text": {"body": body},
                }
            ],
        }
    )


def whatsapp_change(value: Mapping[str, Any], field: str = "messages") -> dict[str, Any]:
    metadata = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": OUR_NUMBER.lstrip("+"),
            "phone_number_id": "100000000000001",
        },
    }
    change = {"field": field, "value": metadata | dict(value)}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "200000000000001", "changes": [change]}],
    }


def inbound_reply(body: str, sender: str, message_id: str = "in-1") -> dict[str, Any]:
    return {
        "id": message_id,
        "from": sender,
        "to": OUR_NUMBER,
        "body": body,
        "received_at": "2026-11-23T16:30:00Z",
    }
