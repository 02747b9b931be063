"""WhatsApp's webhooks, built for tests."""

import json
from datetime import UTC, datetime
from typing import Any

from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import InboundReply, Person, ProviderEvent
from pipeline.providers.whatsapp.events import read_whatsapp

PHONE, USER_ID = "5511999990001", "BR.9000000000000000001"
BOTH = Person(phone=PHONE, user_id=USER_ID)
ADDRESSES = ("900000000000002", "+15550100001")
AT = datetime.fromtimestamp(1780000000, UTC)
CONTACT = {"profile": {"name": "Test"}, "wa_id": PHONE, "user_id": USER_ID}


def body(*changes: dict[str, Any]) -> bytes:
    entries = [{"id": "900000000000001", "changes": [change]} for change in changes]
    return json.dumps({"object": "whatsapp_business_account", "entry": entries}).encode()


def change(field: str = "messages", **value: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "15550100001", "phone_number_id": "900000000000002"}
    return {"field": field, "value": {"metadata": metadata, "contacts": [CONTACT], **value}}


def message(kind: str, content: object = None, **fields: Any) -> dict[str, Any]:
    given = {"from": PHONE, "id": "wamid.1", "timestamp": "1780000000", "type": kind}
    return {**given, kind: content, **fields}


def read_one(raw: bytes) -> ProviderEvent:
    (event,) = read_whatsapp(raw)
    return event


def read_message(kind: str, content: object = None, **fields: Any) -> ProviderEvent:
    return read_one(body(change(messages=[message(kind, content, **fields)])))


def reply(**fields: Any) -> InboundReply:
    expected: dict[str, Any] = {
        "provider_id": "wamid.1",
        "channel": Channel.WHATSAPP,
        "person": BOTH,
        "addresses": ADDRESSES,
        "body": "",
        "occurred_at": AT,
    }
    return InboundReply(**{**expected, **fields})
