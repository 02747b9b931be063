"""The hashes of the consent ledger: what each event is, and how it is chained to the last.

A fingerprint is what an event says, so that the same one told twice is known again. A link is the
event's place: version 1 covers the hash before it and the fingerprint, version 2 besides the
event's number and the instant at which it was recorded.
"""

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

VERSION = 2
"""What the hashes of new events cover."""

FIRST_HASH = bytes(32)
"""What stands before the first event."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GRANTED = "granted"
_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventContents:
    """What an event says, as its columns hold it.

    Attributes:
        granted_at: the grant that it concerns; None where it names none.
        evidence: JSON with sorted keys, as `canonical` writes it.
    """

    contact_id: int
    business: str
    kind: str
    category: str
    channel: str
    topics: Sequence[str]
    occurred_at: datetime
    granted_at: datetime | None
    evidence: str


def canonical(evidence: object) -> str:
    """Evidence as the one text that stands for it."""
    return _CANONICAL.encode(evidence)


def fingerprint(contents: EventContents) -> bytes:
    """The event's fingerprint: SHA-256 over a JSON array of what it says."""
    if contents.kind == _GRANTED:
        return _digest(contents, _moment(contents.granted_at))
    return _digest(
        contents, contents.occurred_at.astimezone(UTC).isoformat(), _moment(contents.granted_at)
    )


def old_fingerprint(contents: EventContents) -> bytes:
    """That of version 1, which does not say which grant an event concerns."""
    if contents.kind == _GRANTED:
        return fingerprint(contents)
    return _digest(contents, contents.occurred_at.astimezone(UTC).isoformat())


def fits(contents: EventContents, stored: bytes, version: int) -> bool:
    """Whether a stored event says what its fingerprint stands for."""
    if version >= VERSION:
        return stored == fingerprint(contents)
    if contents.kind != _GRANTED:
        return stored == old_fingerprint(contents)
    # Version 1 did not keep whether the moment of a grant was known.
    moments = (contents.occurred_at, None)
    return stored in [fingerprint(replace(contents, granted_at=moment)) for moment in moments]


def link(
    previous: bytes, fingerprint: bytes, *, event_id: int, recorded_at: datetime, version: int
) -> bytes:
    """The hash of an event, given that of the one before it.

    SHA-256 over `previous` and `fingerprint`, 32 bytes each; from version 2 followed by the
    version (2 bytes), the event's number and the microseconds from 1970 to `recorded_at` (8 bytes
    each), big-endian.
    """
    covered = previous + fingerprint
    if version >= VERSION:
        past = recorded_at - _EPOCH
        microseconds = (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds
        covered += struct.pack(">hqq", version, event_id, microseconds)
    return hashlib.sha256(covered).digest()


def _digest(contents: EventContents, moment: str, *more: str) -> bytes:
    c = contents
    identity = [c.contact_id, c.business, c.kind, c.category, c.channel, list(c.topics), moment]
    return hashlib.sha256(json.dumps([*identity, c.evidence, *more]).encode()).digest()


def _moment(instant: datetime | None) -> str:
    # A grant without a moment of its own is known by its content alone.
    return "" if instant is None else instant.astimezone(UTC).isoformat()
