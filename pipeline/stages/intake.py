"""Intake: from a chunk of the stream to rows.

A chunk that cannot be used at all is refused whole, with its reason; a bad row in a good chunk
becomes a blocked message and takes nothing else with it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.decision import Block
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.recipients import BadRow, Recipient, read_recipient
from pipeline.policy.vocabulary import Reason
from pipeline.policy.zones import check_zone
from pipeline.store import campaigns, contacts, incoming
from pipeline.store.campaigns import Campaign
from pipeline.store.incoming import Incoming

SCHEMA = "recado.intake/1"
MAX_MESSAGES = 1000
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """A usable entry of the stream: rows as they came, for one campaign."""

    campaign: str
    rows: Sequence[object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why an entry cannot be used; `reason` is a short code, `detail` tells what to mend."""

    reason: str
    detail: str


def read_entry(fields: Mapping[bytes, bytes]) -> Chunk | Refusal:
    """Check an entry of the stream: ``schema``, ``campaign``, ``messages`` (a JSON array)."""
    schema = fields.get(b"schema", b"").decode(errors="replace")
    if schema != SCHEMA:
        detail = f"schema is {schema[:80]!r}; this version reads {SCHEMA!r}"
        return Refusal(reason="unknown_schema", detail=detail)
    campaign = fields.get(b"campaign", b"").decode(errors="replace")
    if not campaign:
        return Refusal(reason="unknown_campaign", detail="the field campaign is missing")
    if "\0" in campaign:  # PostgreSQL could not even look for it
        detail = f"campaign {campaign[:80]!r} cannot exist: it has a null character"
        return Refusal(reason="unknown_campaign", detail=detail)
    raw = fields.get(b"messages", b"")
    if len(raw) > MAX_BYTES:
        return Refusal(reason="too_large", detail=f"messages has more than {MAX_BYTES} bytes")
    try:
        rows = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return Refusal(reason="not_json", detail=f"messages is not JSON: {error}")
    if not isinstance(rows, list) or not rows:
        return Refusal(reason="not_json", detail="messages is not a JSON array of objects")
    if len(rows) > MAX_MESSAGES:
        detail = f"messages holds {len(rows)} objects; at most {MAX_MESSAGES}"
        return Refusal(reason="too_large", detail=detail)
    return Chunk(campaign=campaign, rows=rows)


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What became of chunks: the ids that go on, and the chunks whose campaign is unknown."""

    ids: list[int]
    unknown: list[Chunk]


def run(
    connection: Connection, chunks: Sequence[Chunk], *, now: datetime, lease: datetime
) -> TakenIn:
    """Make rows of chunks, each row once however often its chunk comes.

    Args:
        lease: machine instant until which the new rows belong to the first stage's queue.
    """
    known = campaigns.by_codes(connection, {chunk.campaign for chunk in chunks})
    unknown = [chunk for chunk in chunks if chunk.campaign not in known]
    rows = [
        _read(known[chunk.campaign], row)
        for chunk in chunks
        if chunk.campaign in known
        for row in chunk.rows
    ]
    if not rows:
        return TakenIn([], unknown)
    people = [row.number for row in rows if row.number is not None]
    ids = contacts.identify(connection, people, now=now)
    new = [row.incoming(ids) for row in rows]
    return TakenIn(incoming.take_in(connection, new, lease=lease, now=now), unknown)


@dataclass(frozen=True, slots=True)
class _Row:
    campaign: Campaign
    recipient: Recipient | None
    number: NumberFacts | None
    raw: str | None
    blocked: Reason | None = None
    detail: str | None = None

    def incoming(self, contact_ids: Mapping[str, int]) -> Incoming:
        recipient, number = self.recipient, self.number
        fallback = number.e164 if number else f"?{self.raw}"
        return Incoming(
            campaign_id=self.campaign.id,
            key=(recipient.id if recipient else None) or fallback,
            contact_id=contact_ids[number.e164] if number else None,
            position=recipient.position if recipient else None,
            recipient=None if number else self.raw,
            timezone=recipient.timezone if recipient and not self.blocked else None,
            language=recipient.language if recipient else None,
            variables=self._needed(recipient.variables) if recipient else None,
            blocked=self.blocked,
            detail=self.detail,
        )

    def _needed(self, values: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """The variables that the body names: what no message will say is not kept."""
        if values is None or self.blocked:
            return None
        return {name: values[name] for name in self.campaign.variables if name in values} or None


def _shown(raw: object) -> str:
    """The beginning of a bad row, and what tells it from another with the same beginning."""
    whole = json.dumps(raw, ensure_ascii=True)
    return f"{whole[:200]} #{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


def _read(campaign: Campaign, raw: object) -> _Row:
    recipient = read_recipient(raw)
    if isinstance(recipient, BadRow):
        reason = (
            Reason.CONTENT_VARIABLE_MISSING
            if recipient.field.startswith("variables")
            else Reason.INVALID_NUMBER
        )
        detail = f"{recipient.field} {recipient.problem}"
        return _Row(campaign, None, None, _shown(raw), reason, detail)
    number = read_number(recipient.to, recipient.country)
    if isinstance(number, Block):
        detail = "to is not a valid phone number; write it as +<country><number>"
        return _Row(campaign, recipient, None, recipient.to, number.reason, detail)
    if recipient.timezone is not None and not check_zone(recipient.timezone):
        # The producer knows where the person is, and we cannot read it: nothing is guessed.
        detail = f"timezone {recipient.timezone[:64]!r} is not an IANA zone, e.g. America/Sao_Paulo"
        return _Row(campaign, recipient, number, None, Reason.NO_COMMON_WINDOW, detail)
    return _Row(campaign, recipient, number, None)
