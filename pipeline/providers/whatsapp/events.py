"""Webhooks of the WhatsApp Cloud API: everything that one body tells, in its order.

See "Webhooks" at developers.facebook.com/documentation/business-messaging/whatsapp. A body may
hold many events of many numbers; one that cannot be used takes no other with it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

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
from pipeline.providers.untrusted import (
    read_code,
    read_id,
    read_json,
    read_message_id,
    read_unix_time,
)
from pipeline.providers.whatsapp.codes import WHATSAPP
from pipeline.providers.whatsapp.messages import read_message
from pipeline.providers.whatsapp.news import NEWS
from pipeline.providers.whatsapp.people import Surroundings, read_surroundings

MOST_EVENTS = 2000
"""In one body. WhatsApp puts at most 1,000 into one."""

_CONVERSATION_FIELDS = frozenset(
    # `standby`: somebody else answers on our number now, yet the person talks to us all the same.
    {"messages", "standby", "user_preferences"}
)
_OTHER_FIELDS = frozenset(
    {
        "account_alerts",
        "account_offboarded",
        "account_reconnected",
        "account_review_update",
        "account_settings_update",
        "account_update",
        "automatic_events",
        "business_capability_update",
        "business_status_update",
        "calls",
        "flows",
        "history",
        "message_echoes",
        "message_template_components_update",
        "message_template_quality_update",
        "message_template_status_update",
        "messaging_handovers",
        "partner_solutions",
        "payment_configuration_update",
        "phone_number_name_update",
        "phone_number_quality_update",
        "security",
        "smb_app_state_sync",
        "smb_message_echoes",
        "template_category_update",
        "template_correct_category_detection",
        "tracking_events",
        "user_id_update",
    }
)
_STATUSES = {
    "accepted": DeliveryStatus.ACCEPTED,
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "played": DeliveryStatus.READ,  # of a voice message
    "failed": DeliveryStatus.FAILED,
}
_PREFERENCES = {"stop": PlatformVerdict.STOP, "resume": PlatformVerdict.RESUME}
_MALFORMED = OtherEvent(kind="malformed")


def read_whatsapp(raw: bytes) -> list[ProviderEvent]:
    """Everything that a webhook's body tells.

    An event that cannot be used is an `OtherEvent` of kind ``malformed``.

    Raises:
        MalformedEventError: the body is no webhook of WhatsApp's at all, or holds more than
            `MOST_EVENTS`.
    """
    match read_json(raw):
        case {"object": "whatsapp_business_account", "entry": list(entries)}:
            events = list(islice(_of_entries(entries), MOST_EVENTS + 1))
        case _:
            raise MalformedEventError("the body is no whatsapp_business_account with entries")
    if len(events) > MOST_EVENTS:
        raise MalformedEventError(f"the body holds more than {MOST_EVENTS} events")
    return events


def _of_entries(entries: list[Any]) -> Iterator[ProviderEvent]:
    for entry in entries:
        match entry:
            case {"changes": list(changes)}:
                for change in changes:
                    yield from _of_change(change, entry)
            case _:
                yield _MALFORMED


def _of_change(change: object, entry: Mapping[str, Any]) -> Iterator[ProviderEvent]:
    match change:
        case {"field": str(field), "value": dict(value)} if field in _CONVERSATION_FIELDS:
            try:
                around = read_surroundings(value, entry.get("id"))
            except MalformedEventError:
                yield _MALFORMED
            else:
                yield from _of_value(value, around)
        case {"field": str(field), "value": dict(value)} if field in NEWS:
            try:
                yield NEWS[field](value, read_unix_time(entry.get("time")))
            except MalformedEventError:
                yield _MALFORMED
        case {"field": str(field)} if field not in _CONVERSATION_FIELDS:
            yield OtherEvent(kind=field if field in _OTHER_FIELDS else "unknown_field")
        case _:
            yield _MALFORMED


def _of_value(value: dict[str, Any], around: Surroundings) -> Iterator[ProviderEvent]:
    empty = True
    for name, read in _READERS.items():
        items = value.get(name)
        if items is None:
            continue
        if not isinstance(items, list):
            items = [None]
        for item in items:
            empty = False
            try:
                yield read(item, around)
            except MalformedEventError:
                yield _MALFORMED
    if empty:
        yield OtherEvent(kind="empty_change")


def _read_status(status: object, around: Surroundings) -> ProviderEvent:
    if not isinstance(status, dict):
        raise MalformedEventError("a status is not an object")
    provider_id = read_id(status.get("id"))
    value = status.get("status")
    if provider_id is None or not isinstance(value, str):
        raise MalformedEventError("a status has no id or no status")
    if value not in _STATUSES:
        return OtherEvent(kind="unknown_status")
    code, detail = _read_error(status.get("errors"))
    failed = value == "failed"
    return StatusReport(
        provider_id=provider_id,
        message_id=read_message_id(status.get("biz_opaque_callback_data")),
        channel=Channel.WHATSAPP,
        status=_STATUSES[value],
        code=code,
        detail=detail,
        opted_out=failed and means_opt_out(WHATSAPP, code),
        violation=failed and means_violation(WHATSAPP, code),
        halts=halted_by(WHATSAPP, code, detail) if failed else None,
        known=not failed or is_known(WHATSAPP, code),
        person=_recipient(status, around),
        occurred_at=read_unix_time(status.get("timestamp")),
    )


def _recipient(status: dict[str, Any], around: Surroundings) -> Person | None:
    # The recipient may be a group, which is nobody.
    if status.get("recipient_type") not in (None, "individual"):
        return None
    try:
        return around.person(status.get("recipient_id"), status.get("recipient_user_id"))
    except MalformedEventError:
        return None


def _read_error(errors: object) -> tuple[str | None, str | None]:
    match errors:
        case [dict(error), *_]:
            pass
        case _:
            return None, None
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    words = (details, error.get("message"), error.get("title"))
    detail = next((word for word in words if isinstance(word, str) and word), None)
    return read_code(error.get("code")), None if detail is None else clean_detail(detail)


def _read_preference(preference: object, around: Surroundings) -> ProviderEvent:
    if not isinstance(preference, dict):
        raise MalformedEventError("a preference is not an object")
    value = preference.get("value")
    if not isinstance(value, str):
        raise MalformedEventError("a preference has no value")
    # Whatever category it names: taking less for a wish to leave would be the worse mistake.
    verdict = _PREFERENCES.get(value)
    if verdict is None:
        return OtherEvent(kind="unknown_preference")
    return InboundReply(
        provider_id=_preference_id(preference, around),
        channel=Channel.WHATSAPP,
        person=around.person(preference.get("wa_id"), preference.get("user_id")),
        addresses=around.addresses,
        body="",
        verdict=verdict,
        answered=True,
        setting=True,
        occurred_at=read_unix_time(preference.get("timestamp")),
    )


def _preference_id(preference: dict[str, Any], around: Surroundings) -> str:
    """WhatsApp gives none: the same for the same event brought again, and no number in it."""
    names = ("wa_id", "user_id", "timestamp", "category", "value")
    parts = [around.addresses[0], *(read_id(preference.get(name)) or "" for name in names)]
    return "preference:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _read_value_error(error: object, around: Surroundings) -> ProviderEvent:
    del error, around
    return OtherEvent(kind="provider_error")


_READERS = {
    "messages": read_message,
    "statuses": _read_status,
    "user_preferences": _read_preference,
    "errors": _read_value_error,
}
