"""Values from a webhook's body as they may be kept: of the right type, bounded, storable.

None of these functions raises for anything that JSON or a form can hold, but where it says so.
"""

import json
import re
from datetime import UTC, datetime

from pipeline.providers.events import MalformedEventError
from pipeline.providers.http import storable

LONGEST_ID = 256
"""Characters. A longer id is refused: cut short, two of them could become one."""

LONGEST_BODY = 4096
"""Characters that are kept of what a person wrote; WhatsApp itself carries no more."""

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_CODE = re.compile(r"[0-9]{1,9}", re.ASCII)
_LARGEST_ID = 2**63


def read_json(raw: bytes) -> object:
    """The value that a body holds.

    Raises:
        MalformedEventError: it is not JSON in UTF-8, or nested too deeply.
    """
    try:
        return json.loads(raw.decode())
    except (ValueError, RecursionError):
        raise MalformedEventError("the body is not JSON") from None


def read_id(value: object) -> str | None:
    """An id, a number or another short name; None: there is none, or it is too long.

    Some sources write ids as numbers.
    """
    if type(value) is int:
        value = str(value) if abs(value) < 10**LONGEST_ID else None
    if not isinstance(value, str):
        return None
    cleaned = storable(value).strip()
    return cleaned if 0 < len(cleaned) <= LONGEST_ID else None


def read_text(value: object, longest: int = LONGEST_BODY) -> str:
    """What somebody wrote, its head if it is too long; empty for anything but text."""
    return storable(value)[:longest] if isinstance(value, str) else ""


def read_message_id(value: object) -> int | None:
    """An id of ours that a provider gave back; None: it is none of ours."""
    if type(value) is int:
        number = value
    elif isinstance(value, str) and _INTEGER.fullmatch(value):
        number = int(value)
    else:
        return None
    return number if -_LARGEST_ID <= number < _LARGEST_ID else None


def read_code(value: object) -> str | None:
    """A provider's error code as its table writes it; None: it is no code."""
    if type(value) is int and abs(value) < 10**9:
        value = str(value)
    return str(int(value)) if isinstance(value, str) and _CODE.fullmatch(value) else None


def read_unix_time(value: object) -> datetime | None:
    """An instant from seconds since 1970, as a number or as text; None for an absurd one."""
    seconds = read_message_id(value)
    if seconds is None or not _EARLIEST.timestamp() <= seconds < _LATEST.timestamp():
        return None
    return datetime.fromtimestamp(seconds, UTC)


def read_iso_time(value: object) -> datetime | None:
    """An instant from ISO 8601 with an offset; None for an absurd one.

    Raises:
        ValueError: it is not such a text, or has no offset.
    """
    instant = datetime.fromisoformat(value if isinstance(value, str) else "")
    if instant.tzinfo is None:
        raise ValueError("a time without its offset")
    # Compared before it is converted: a year at the edge of the calendar would overflow.
    return instant.astimezone(UTC) if _EARLIEST <= instant < _LATEST else None
