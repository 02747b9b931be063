"""Replies from any other source: one JSON object each, in words of our own."""

from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import InboundReply, MalformedEventError, Person, ProviderEvent
from pipeline.providers.untrusted import read_id, read_iso_time, read_json, read_text


def read_inbound(raw: bytes) -> list[ProviderEvent]:
    """The reply that a body holds: ``{"id", "from", "to", "body", "received_at"}``.

    ``channel`` may tell whether it came by ``sms`` or ``whatsapp``. Whatever else the object
    holds is the source's own business.

    Raises:
        MalformedEventError: a field is missing or cannot be used; the text names it.
    """
    content = read_json(raw)
    if not isinstance(content, dict):
        raise MalformedEventError("the body is no object")
    if not isinstance(content.get("body"), str):
        raise MalformedEventError("body: must be a text")
    try:
        occurred_at = read_iso_time(content.get("received_at"))
    except ValueError:
        raise MalformedEventError("received_at: must be ISO 8601 with an offset") from None
    reply = InboundReply(
        provider_id=_name(content, "id"),
        channel=_channel(content.get("channel")),
        person=Person(phone=_name(content, "from")),
        addresses=(_name(content, "to"),),
        body=read_text(content["body"]),
        occurred_at=occurred_at,
    )
    return [reply]


def _name(content: dict[str, object], field: str) -> str:
    value = content.get(field)
    name = read_id(value) if isinstance(value, str) else None
    if name is None:
        raise MalformedEventError(f"{field}: must be a text of 1 to 256 characters")
    return name


def _channel(value: object) -> Channel | None:
    if value is None:
        return None
    channel = next((channel for channel in Channel if channel.value == value), None)
    if channel is None:
        raise MalformedEventError("channel: must be sms or whatsapp")
    return channel
