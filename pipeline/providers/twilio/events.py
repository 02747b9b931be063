"""Webhooks of Twilio: what people write, and what became of a message.

See "Twilio's request to your incoming message webhook URL", "Outbound message status in status
callbacks" and "Advanced Opt-Out" at twilio.com/docs.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from pipeline.policy.vocabulary import Channel
from pipeline.providers.codes import halted_by, is_known, means_opt_out, means_violation
from pipeline.providers.events import (
    DeliveryStatus,
    InboundReply,
    MalformedEventError,
    OtherEvent,
    Person,
    PlatformVerdict,
    ProviderEvent,
    StatusReport,
)
from pipeline.providers.http import clean_detail
from pipeline.providers.twilio.codes import TWILIO
from pipeline.providers.untrusted import (
    LONGEST_ID,
    read_code,
    read_id,
    read_json,
    read_message_id,
    read_text,
)

Fields = Mapping[str, Sequence[str]]
"""A body's fields; a field may come several times, and empty."""

MOST_FIELDS = 1000
"""In one body; Twilio's have some forty."""

_INBOUND_STATUSES = frozenset({"", "received", "receiving"})
_STATUSES = {
    "accepted": DeliveryStatus.ACCEPTED,
    "scheduled": DeliveryStatus.ACCEPTED,
    "queued": DeliveryStatus.ACCEPTED,
    "sending": DeliveryStatus.ACCEPTED,
    "sent": DeliveryStatus.SENT,
    "partially_delivered": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "undelivered": DeliveryStatus.UNDELIVERED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.FAILED,  # somebody took it back before it was sent
}
_VERDICTS = {
    "STOP": PlatformVerdict.STOP,
    "START": PlatformVerdict.START,
    "HELP": PlatformVerdict.HELP,
}
# A business-scoped user id, which stands where the number does when WhatsApp hides it.
_USER_ID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}", re.ASCII)
_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):(.*)", re.ASCII | re.DOTALL)
_CHANNELS: Mapping[str | None, Channel | None] = {
    None: Channel.SMS,
    "sms": Channel.SMS,
    "whatsapp": Channel.WHATSAPP,
    # May be what Twilio has made of an SMS of ours: any sender with the address is meant.
    "rcs": None,
}


def is_json(content_type: str | None) -> bool:
    """Whether a body of this type is JSON, and so is signed through its hash."""
    return _media_type(content_type) == "application/json"


def parse_twilio_body(raw: bytes, content_type: str | None) -> dict[str, list[str]]:
    """The fields of a body: a form's with the empty ones, as its signature wants them, or JSON's.

    Of JSON only what a form could say is taken: an object's texts, numbers and lists of them.

    Raises:
        MalformedEventError: it is neither, or has more than `MOST_FIELDS`.
    """
    if is_json(content_type):
        return _parse_json(raw)
    if _media_type(content_type) not in ("", "application/x-www-form-urlencoded"):
        raise MalformedEventError("the body is neither a form nor JSON")
    fields: dict[str, list[str]] = {}
    try:
        # What is not UTF-8 becomes a replacement, and fails its signature.
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise MalformedEventError("the body is no form, or has too many fields") from None
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def account_of(fields: Fields) -> str | None:
    """The account that the event belongs to, by its own account."""
    return read_id(_first(fields, "AccountSid"))


def read_twilio(fields: Fields, query: Mapping[str, str]) -> list[ProviderEvent]:
    """What a webhook tells: one event.

    Args:
        query: of the address that was called; our message's id is its ``m``.

    Raises:
        MalformedEventError: a field is missing without which it says nothing.
    """
    status = (_first(fields, "MessageStatus") or _first(fields, "SmsStatus") or "").lower()
    # A reply with a status that nobody knows is still a reply: what people say must be heard.
    if status in _INBOUND_STATUSES or (status not in _STATUSES and "Body" in fields):
        return [_read_reply(fields)]
    return [_read_status(fields, status, query)]


def _read_reply(fields: Fields) -> ProviderEvent:
    prefix, sender = _address(_required(fields, "From"))
    _, recipient = _address(_required(fields, "To"))
    provider_id = _message_sid(fields)
    if prefix not in _CHANNELS:
        return OtherEvent(kind="other_channel")
    body = read_text(_first(fields, "Body")) or read_text(_first(fields, "ButtonText"))
    button = _first(fields, "ButtonPayload") or _first(fields, "ListId")
    verdict = _VERDICTS.get((_first(fields, "OptOutType") or "").strip().upper())
    service = read_id(_first(fields, "MessagingServiceSid"))
    return InboundReply(
        provider_id=provider_id,
        channel=_CHANNELS[prefix],
        person=_person(sender, fields),
        addresses=(recipient,) if service is None else (recipient, service),
        body=body,
        payload=read_text(button, LONGEST_ID) or None,
        verdict=verdict,
        # Whatever Twilio takes for a keyword, it answers with the texts of its own settings.
        answered=verdict is not None,
    )


def _read_status(fields: Fields, status: str, query: Mapping[str, str]) -> ProviderEvent:
    provider_id = _message_sid(fields)
    if status not in _STATUSES:
        return OtherEvent(kind="unknown_status")
    recipient = read_id(_first(fields, "To"))
    prefix, name = (None, None) if recipient is None else _address(recipient)
    sender_prefix, _ = _address(_first(fields, "From") or "")
    on_whatsapp = "whatsapp" in (prefix, sender_prefix)
    words = _first(fields, "ErrorMessage") or _first(fields, "ChannelStatusMessage")
    code = read_code(_first(fields, "ErrorCode"))
    detail = clean_detail(words) if words else None
    failed = _STATUSES[status] in (DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED)
    return StatusReport(
        provider_id=provider_id,
        message_id=read_message_id(query.get("m")),
        channel=Channel.WHATSAPP if on_whatsapp else Channel.SMS,
        status=_STATUSES[status],
        code=code,
        detail=detail,
        opted_out=failed and means_opt_out(TWILIO, code),
        violation=failed and means_violation(TWILIO, code),
        halts=halted_by(TWILIO, code, detail) if failed else None,
        known=not failed or is_known(TWILIO, code),
        person=None if name is None else _person(name, fields),
    )


def _person(name: str, fields: Fields) -> Person:
    """Who goes by this name: a number, or an id where WhatsApp hides the number."""
    _, given = _address(_first(fields, "ExternalUserId") or "")
    user_id = read_id(given)
    if _USER_ID.fullmatch(name):
        return Person(phone=read_id(_first(fields, "WaId")), user_id=name)
    return Person(phone=name, user_id=user_id)


def _address(value: str) -> tuple[str | None, str]:
    """A channel's prefix, as in ``whatsapp:+15550100001``, and what follows it."""
    prefixed = _PREFIX.fullmatch(value)
    return (prefixed[1].lower(), prefixed[2].strip()) if prefixed else (None, value)


def _message_sid(fields: Fields) -> str:
    provider_id = read_id(_first(fields, "MessageSid")) or read_id(_first(fields, "SmsSid"))
    if provider_id is None:
        raise MalformedEventError("MessageSid is missing or too long")
    return provider_id


def _required(fields: Fields, name: str) -> str:
    value = read_id(_first(fields, name))
    if value is None or not _address(value)[1]:
        raise MalformedEventError(f"{name} is missing or too long")
    return value


def _first(fields: Fields, name: str) -> str | None:
    values = fields.get(name)
    return values[0] if values and values[0] else None


def _media_type(content_type: str | None) -> str:
    return (content_type or "").partition(";")[0].strip().lower()


def _parse_json(raw: bytes) -> dict[str, list[str]]:
    content = read_json(raw)
    if not isinstance(content, dict):
        raise MalformedEventError("the body is no object")
    fields: dict[str, list[str]] = {}
    taken = 0
    for name, value in content.items():
        values = value if isinstance(value, list) else [value]
        taken += len(values) or 1
        if taken > MOST_FIELDS:
            raise MalformedEventError("the body has too many fields")
        texts = [_as_text(item) for item in values]
        fields[name] = [text for text in texts if text is not None]
    return fields


def _as_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    # Of numbers only whole ones: nothing that Twilio sends is measured.
    return read_id(value)
