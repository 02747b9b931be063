"""What WhatsApp tells of templates and accounts: webhooks about no person and no message.

See "message_template_status_update", "account_update", "business_capability_update" and
"phone_number_quality_update" at developers.facebook.com/documentation/business-messaging/whatsapp.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pipeline.policy.vocabulary import RegistrationStatus
from pipeline.providers.events import (
    AccountHalt,
    AccountNews,
    LimitChange,
    MalformedEventError,
    OtherEvent,
    TemplateChange,
)
from pipeline.providers.http import clean_detail
from pipeline.providers.untrusted import read_id, read_text

_TEMPLATE_STATUSES = {
    "APPROVED": RegistrationStatus.APPROVED,
    "REINSTATED": RegistrationStatus.APPROVED,
    "PENDING": RegistrationStatus.SUBMITTED,  # it was edited, and is judged anew
    "REJECTED": RegistrationStatus.REJECTED,
    "PAUSED": RegistrationStatus.DISABLED,  # until an APPROVED
    "DISABLED": RegistrationStatus.DISABLED,
    "LOCKED": RegistrationStatus.DISABLED,
    "PENDING_DELETION": RegistrationStatus.DISABLED,
    "DELETED": RegistrationStatus.DISABLED,
    # Nobody may send it until it is taken out again. `UNARCHIVED` does not say as what it comes
    # back; an operator looks, and imports it.
    "ARCHIVED": RegistrationStatus.DISABLED,
}

_SENDING_RESTRICTIONS = frozenset(
    {"RESTRICTED_BIZ_INITIATED_MESSAGING", "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"}
)
"""Others forbid to add numbers and the like; they keep nobody from sending."""

_BANS = frozenset({"DISABLE", "SCHEDULE_FOR_DISABLE"})
_ENDS = frozenset({"ACCOUNT_DELETED", "PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED"})

_TIER = re.compile(r"TIER_([0-9]{1,6})(K)?", re.ASCII)
_LARGEST_LIMIT = 1_000_000_000
_THOUSAND = 1000


def _read_template(value: Mapping[str, Any], at: datetime | None) -> AccountNews | OtherEvent:
    word = read_id(value.get("event"))
    name = read_id(value.get("message_template_name"))
    language = read_id(value.get("message_template_language"))
    if word is None or name is None or language is None:
        raise MalformedEventError("a template's status has no event, name or language")
    status = _TEMPLATE_STATUSES.get(word)
    if status is None:
        return OtherEvent(kind="message_template_status_update")
    return TemplateChange(name=name, language=language, status=status, word=word, occurred_at=at)


def _read_account(value: Mapping[str, Any], at: datetime | None) -> AccountNews | OtherEvent:
    word = read_id(value.get("event"))
    match value:
        case {"event": "ACCOUNT_RESTRICTION", "restriction_info": list(restrictions)}:
            types = {
                read_text(one.get("restriction_type"))
                for one in restrictions
                if isinstance(one, dict)
            }
            reasons = sorted(types & _SENDING_RESTRICTIONS)
        case {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": str(state)}}:
            reasons = sorted({state} & _BANS)
        case {"event": str(event)} if event in _ENDS:
            reasons = [event]
        case _:
            reasons = []
    if word is None or not reasons:
        return OtherEvent(kind="account_update")
    return AccountHalt(word=word, detail=clean_detail(", ".join(reasons)), occurred_at=at)


def _read_capability(value: Mapping[str, Any], at: datetime | None) -> AccountNews | OtherEvent:
    limit = value.get("max_daily_conversations_per_business")
    if limit is None:
        limit = value.get("max_daily_conversation_per_phone")
    return _limit(limit, at, "business_capability_update")


def _read_quality(value: Mapping[str, Any], at: datetime | None) -> AccountNews | OtherEvent:
    limit = value.get("max_daily_conversations_per_business") or value.get("current_limit")
    return _limit(limit, at, "phone_number_quality_update")


def _limit(limit: object, at: datetime | None, kind: str) -> AccountNews | OtherEvent:
    """A limit as a number, as ``TIER_2K``, or as none at all: ``-1`` or ``TIER_UNLIMITED``."""
    if limit in (-1, "TIER_UNLIMITED"):
        return LimitChange(daily_limit=None, occurred_at=at)
    if type(limit) is int and 0 < limit <= _LARGEST_LIMIT:
        return LimitChange(daily_limit=limit, occurred_at=at)
    tier = _TIER.fullmatch(limit) if isinstance(limit, str) else None
    if tier is None or int(tier[1]) == 0:
        return OtherEvent(kind=kind)
    return LimitChange(daily_limit=int(tier[1]) * (_THOUSAND if tier[2] else 1), occurred_at=at)


NEWS: Mapping[str, Callable[[Mapping[str, Any], datetime | None], AccountNews | OtherEvent]] = {
    "message_template_status_update": _read_template,
    "account_update": _read_account,
    "business_capability_update": _read_capability,
    "phone_number_quality_update": _read_quality,
}
"""The reader of each field; it raises `MalformedEventError` for what cannot be meant."""
