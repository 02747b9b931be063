"""WhatsApp's ``messages``: what people write and press, and when their numbers change.

See "messages webhook reference" and "Business-scoped user IDs" at developers.facebook.com.
"""

from collections.abc import Mapping
from typing import Any

from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import (
    InboundReply,
    MalformedEventError,
    NumberChange,
    OtherEvent,
    Person,
    ProviderEvent,
)
from pipeline.providers.untrusted import LONGEST_ID, read_id, read_text, read_unix_time
from pipeline.providers.whatsapp.people import Surroundings

_MEDIA = frozenset({"audio", "document", "image", "sticker", "video", "voice"})
_WORDLESS = frozenset(
    {"contacts", "location", "reaction", "request_welcome", "revoke", "unsupported"}
)
_NUMBER_CHANGES = frozenset(
    # The second is the first one's name in old versions of the interface.
    {"user_changed_number", "customer_changed_number", "user_changed_user_id"}
)

_Said = tuple[str, str | None]
"""The text, and the payload of the button."""


def read_message(message: object, around: Surroundings) -> ProviderEvent:
    """What one of a change's ``messages`` tells.

    Raises:
        MalformedEventError: it cannot be used.
    """
    if not isinstance(message, dict):
        raise MalformedEventError("a message is not an object")
    if message.get("type") == "system":
        return _read_system(message, around)
    said = _read_said(message)
    if isinstance(said, OtherEvent):
        return said
    body, payload = said
    return InboundReply(
        provider_id=_provider_id(message),
        channel=Channel.WHATSAPP,
        person=around.person(message.get("from"), message.get("from_user_id")),
        addresses=around.addresses,
        body=body,
        payload=payload,
        occurred_at=read_unix_time(message.get("timestamp")),
    )


def _read_said(message: Mapping[str, Any]) -> _Said | OtherEvent:
    kind = message.get("type")
    if not isinstance(kind, str):
        raise MalformedEventError("a message has no type")
    if kind in _WORDLESS:
        return OtherEvent(kind=kind)
    content = message.get(kind)
    if not isinstance(content, dict):
        content = {}
    if kind == "text":
        return _required(content, "body"), None
    if kind in _MEDIA:
        return read_text(content.get("caption")), None
    if kind == "order":
        return read_text(content.get("text")), None
    if kind == "button":
        return _button(content, text="text", payload="payload")
    if kind == "interactive":
        return _read_interactive(content)
    return _read_edit(content) if kind == "edit" else OtherEvent(kind="unknown_message")


def _read_interactive(content: Mapping[str, Any]) -> _Said | OtherEvent:
    match content:
        case {"type": "button_reply", "button_reply": dict(reply)}:
            return _button(reply, text="title", payload="id")
        case {"type": "list_reply", "list_reply": dict(reply)}:
            return _button(reply, text="title", payload="id")
        case {"type": "nfm_reply"}:
            # A form that was filled in; its text is WhatsApp's own.
            return OtherEvent(kind="flow_reply")
        case {"type": "button_reply" | "list_reply"}:
            raise MalformedEventError("an interactive reply has no content")
        case _:
            return OtherEvent(kind="unknown_interactive")


def _read_edit(content: Mapping[str, Any]) -> _Said | OtherEvent:
    # Somebody who corrects a message may have corrected it into a wish to leave.
    edited = content.get("message")
    if isinstance(edited, dict) and edited.get("type") in ("text", "document", "image", "video"):
        return _read_said(edited)
    return OtherEvent(kind="edit")


def _read_system(message: Mapping[str, Any], around: Surroundings) -> ProviderEvent:
    system = message.get("system")
    if not isinstance(system, dict):
        raise MalformedEventError("a system message has no content")
    if read_id(system.get("type")) not in _NUMBER_CHANGES:
        return OtherEvent(kind="system")
    new = Person(
        phone=read_id(system.get("wa_id")) or read_id(system.get("new_wa_id")),
        user_id=read_id(system.get("user_id")),
    )
    if new.phone is None and new.user_id is None:
        raise MalformedEventError("a change of number has no new one")
    return NumberChange(
        provider_id=_provider_id(message),
        channel=Channel.WHATSAPP,
        person=_before(message, system, new, around),
        new=new,
        addresses=around.addresses,
        occurred_at=read_unix_time(message.get("timestamp")),
    )


def _before(
    message: Mapping[str, Any], system: Mapping[str, Any], new: Person, around: Surroundings
) -> Person:
    """Who the person was. A new number brings a new id, and what is new says nothing here."""
    phone = read_id(message.get("from"))
    if phone == new.phone:
        phone = None
    user_id = read_id(system.get("previous_user_id"))
    if user_id is None:
        sender = read_id(message.get("from_user_id"))
        user_id = None if sender == new.user_id else sender
    if phone is None and user_id is None:
        raise MalformedEventError("a change of number has no old one")
    person = around.person(phone, user_id)
    return Person(
        phone=None if person.phone == new.phone else person.phone,
        user_id=None if person.user_id == new.user_id else person.user_id,
    )


def _button(content: Mapping[str, Any], *, text: str, payload: str) -> _Said:
    said = read_text(content.get(text))
    put_in = read_text(content.get(payload), LONGEST_ID)
    if not said and not put_in:
        raise MalformedEventError(f"a button has neither {text} nor {payload}")
    return said, put_in or None


def _required(content: Mapping[str, Any], field: str) -> str:
    if not isinstance(content.get(field), str):
        raise MalformedEventError(f"a message has no {field}")
    return read_text(content[field])


def _provider_id(message: Mapping[str, Any]) -> str:
    provider_id = read_id(message.get("id"))
    if provider_id is None:
        raise MalformedEventError("a message has no id")
    return provider_id
