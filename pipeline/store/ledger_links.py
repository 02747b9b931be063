"""Whether the consent ledger is what was written: every fingerprint and every link, in order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from pipeline.policy.consent_events import ConsentEventKind
from pipeline.store import consent_chain
from pipeline.store.consent_chain import FIRST_HASH, EventContents

READ_AT_ONCE = 5000
SMALLEST_ID = -(2**63)
MOST_BREAKS = 1000
"""Breaks that are named; of what is spoilt from end to end nobody reads more."""

_EVENTS = text(
    """
    SELECT id, contact_id, business, kind, category, channel, topics, occurred_at, granted_at,
           recorded_at, evidence, fingerprint, version, previous_hash, hash
    FROM consent_events WHERE id > :after ORDER BY id LIMIT :count
    """
)
_HEAD = text("SELECT events, hash FROM consent_ledger WHERE id = 1")
_FOUND = text(
    "SELECT id, hash FROM consent_events WHERE hash = ANY(CAST(:hashes AS bytea[])) ORDER BY id"
)
_AFTER = text("SELECT min(id) FROM consent_events WHERE id > :id")


class BreakKind(StrEnum):
    """In what way the ledger is not what was written."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    CUT_OFF = "cut_off"
    UNEXPECTED = "unexpected"
    STATE = "state_differs"
    DECISION = "decision_without_consent"


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerBreak:
    """One thing that does not fit.

    Attributes:
        event_id: the event at which it shows; None: there is none to name.
        problem: what does not fit, in words; no personal data.
    """

    kind: BreakKind
    event_id: int | None
    problem: str


@dataclass(kw_only=True, slots=True)
class Links:
    """What reading the whole chain has found.

    Attributes:
        events: how many there are.
        first_at, last_at: when the first and the last were recorded.
        head: the hash of the last; of an empty ledger, zeros.
        expected_at: the event whose hash was asked for.
        breaks: the first of what does not fit.
    """

    events: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    head: bytes = FIRST_HASH
    expected_at: int | None = None
    breaks: list[LedgerBreak] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Loose:
    """An event that follows another than the one before it."""

    event_id: int
    follows: bytes
    after: int | None


def read_links(connection: Connection, *, expected: bytes | None) -> Links:
    """Read every event once, in order, and recompute what it says of itself.

    Args:
        expected: a hash that an auditor wrote down; None: none.
    """
    found, loose = Links(), []
    before: _Before | None = None
    for rows in _batches(connection):
        for row in rows:
            before, gap = _look(row, before, found.breaks)
            if gap is not None:
                loose.append(gap)
            if before.hash == expected:
                found.expected_at = before.id
        found.events += len(rows)
        found.first_at = found.first_at or rows[0].recorded_at
        found.last_at = rows[-1].recorded_at
        del found.breaks[MOST_BREAKS:], loose[MOST_BREAKS:]
    if before is not None:
        found.head = before.hash
    found.breaks += _explain(connection, loose)
    found.breaks += _compare_head(connection, found, before)
    if expected is not None and expected != FIRST_HASH and found.expected_at is None:
        problem = f"the hash {expected.hex()} is that of no event: what led to it was rewritten"
        found.breaks.append(LedgerBreak(kind=BreakKind.UNEXPECTED, event_id=None, problem=problem))
    return found


@dataclass(frozen=True, slots=True)
class _Before:
    """The event before: its number, its hash as stored and as it should be."""

    id: int
    hash: bytes
    computed: bytes


def _batches(connection: Connection) -> Iterator[Sequence[Row[Any]]]:
    after = SMALLEST_ID
    while rows := connection.execute(_EVENTS, {"after": after, "count": READ_AT_ONCE}).all():
        yield rows
        after = rows[-1].id


def _look(
    row: Row[Any], before: _Before | None, breaks: list[LedgerBreak]
) -> tuple[_Before, _Loose | None]:
    """Recompute one event; what does not fit in itself goes to `breaks`."""
    stored, fingerprint = bytes(row.hash), bytes(row.fingerprint)
    previous = bytes(row.previous_hash)
    if not _says_what_it_did(row, fingerprint):
        breaks.append(_changed(row.id, "what it says is not what its fingerprint stands for"))
    expected = FIRST_HASH if before is None else before.hash
    gap = None
    if stored == _link(row, expected, fingerprint):
        if previous != expected:
            breaks.append(_changed(row.id, "its previous_hash was changed"))
        return _Before(row.id, stored, stored), None
    computed = _link(row, previous, fingerprint)
    if stored != computed:
        breaks.append(
            _changed(row.id, "its number, recorded_at, version, fingerprint or hash was changed")
        )
    if previous != expected and (before is None or previous != before.computed):
        gap = _Loose(row.id, previous, None if before is None else before.id)
    return _Before(row.id, stored, computed), gap


def _says_what_it_did(row: Row[Any], fingerprint: bytes) -> bool:
    """Whether the columns say what the fingerprint stands for.

    A grant's fingerprint holds its own moment, which stands in two columns; where nobody knows
    it, the event occurred when it was recorded.
    """
    if row.kind == ConsentEventKind.GRANTED and row.version >= consent_chain.VERSION:
        moment = row.recorded_at if row.granted_at is None else row.granted_at
        if row.occurred_at != moment:
            return False
    return consent_chain.fits(_contents(row), fingerprint, row.version)


def _link(row: Row[Any], previous: bytes, fingerprint: bytes) -> bytes:
    return consent_chain.link(
        previous,
        fingerprint,
        event_id=row.id,
        recorded_at=row.recorded_at,
        version=row.version,
    )


def _contents(row: Row[Any]) -> EventContents:
    return EventContents(
        contact_id=row.contact_id,
        business=row.business,
        kind=row.kind,
        category=row.category,
        channel=row.channel,
        topics=row.topics or [""],
        occurred_at=row.occurred_at,
        granted_at=row.granted_at,
        evidence=consent_chain.canonical(row.evidence),
    )


def _changed(event_id: int, problem: str) -> LedgerBreak:
    return LedgerBreak(kind=BreakKind.CHANGED, event_id=event_id, problem=problem)


def _explain(connection: Connection, loose: Sequence[_Loose]) -> Iterator[LedgerBreak]:
    """Why events follow others than those before them."""
    if not loose:
        return
    rows = connection.execute(_FOUND, {"hashes": [one.follows for one in loose]})
    known = {bytes(row.hash): row.id for row in rows} | {FIRST_HASH: SMALLEST_ID}
    for one in loose:
        yield _explain_one(connection, one, known)


def _explain_one(connection: Connection, one: _Loose, known: Mapping[bytes, int]) -> LedgerBreak:
    follows = known.get(one.follows)
    if follows is None:
        place = (
            "before it" if one.after is None else f"between events {one.after} and {one.event_id}"
        )
        problem = f"one or more events {place} were removed"
        return LedgerBreak(kind=BreakKind.REMOVED, event_id=one.event_id, problem=problem)
    if follows > one.event_id:
        problem = f"it follows event {follows}, which stands after it: their order was changed"
        return LedgerBreak(kind=BreakKind.REORDERED, event_id=one.event_id, problem=problem)
    first = connection.execute(_AFTER, {"id": follows}).scalar_one()
    problem = (
        f"events {first} to {one.after} stand between event {one.event_id} and the one that it "
        "follows: they were inserted, or their order was changed"
    )
    return LedgerBreak(kind=BreakKind.INSERTED, event_id=first, problem=problem)


def _compare_head(
    connection: Connection, found: Links, last: _Before | None
) -> Iterator[LedgerBreak]:
    """Whether the ledger ends where its own row says."""
    head = connection.execute(_HEAD).one_or_none()
    at = None if last is None else last.id
    if head is None:
        problem = "consent_ledger has no row: nobody can tell whether the last events are there"
        yield LedgerBreak(kind=BreakKind.CUT_OFF, event_id=at, problem=problem)
        return
    ends = {found.head} if last is None else {found.head, last.computed}
    whole = bytes(head.hash) in ends
    if whole and head.events == found.events:
        return
    problem = f"the ledger was written to {head.events} events and has {found.events}"
    if not whole:
        problem += f", and the last one's hash is not {bytes(head.hash).hex()}"
    yield LedgerBreak(
        kind=_kind_of_end(head.events, found.events, whole), event_id=at, problem=problem
    )


def _kind_of_end(written: int, there: int, whole: bool) -> BreakKind:
    if written < there:
        return BreakKind.INSERTED
    if written == there:
        return BreakKind.CHANGED
    return BreakKind.REMOVED if whole else BreakKind.CUT_OFF
