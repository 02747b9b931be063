"""From hours on a clock on the wall to instants: exact on the days when clocks change.

Everything is computed between UTC instants. A zone is cut into pieces of constant offset, and
inside a piece local time is plain arithmetic: an hour that a clock skips yields nothing, an hour
that it repeats yields two spans.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class Span(NamedTuple):
    """A half-open span of time, ``[start, end)``, both aware and in UTC."""

    start: datetime
    end: datetime


class Piece(NamedTuple):
    """A span of time during which a zone keeps one offset from UTC."""

    start: datetime
    end: datetime
    offset: timedelta


def constant_offsets(zone: ZoneInfo, start: datetime, end: datetime) -> list[Piece]:
    """Cut ``[start, end)``, in UTC, where the zone changes its offset.

    A zone that changes and changes back within 24 h would be seen as unchanged; none does.
    """
    pieces = []
    at, piece_start, offset = start, start, _offset(zone, start)
    while at < end:
        following = min(at + _DAY, end)
        if _offset(zone, following) == offset:
            at = following
            continue
        change = _first_change(zone, at, following)
        pieces.append(Piece(piece_start, change, offset))
        at, piece_start, offset = change, change, _offset(zone, change)
    pieces.append(Piece(piece_start, end, offset))
    return pieces


def local_spans(day: date, opens: time, closes: time, pieces: Sequence[Piece]) -> Iterator[Span]:
    """The instants at which a clock shows that day and a time in ``[opens, closes)``.

    Args:
        day: the local date.
        opens: the first time of day.
        closes: the first time of day that is outside again; ``time.max`` is midnight at the
            day's end.
        pieces: the zone's offsets around that day.
    """
    wall_start = datetime.combine(day, opens, UTC)
    wall_end = (
        datetime.combine(day, time.min, UTC) + _DAY
        if closes == time.max
        else datetime.combine(day, closes, UTC)
    )
    for piece in pieces:
        start = max(wall_start - piece.offset, piece.start)
        end = min(wall_end - piece.offset, piece.end)
        if start < end:
            yield Span(start, end)


def merge(spans: Iterable[Span]) -> list[Span]:
    """The same instants as few, ascending, separate spans; what adjoins becomes one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def intersect(left: Sequence[Span], right: Sequence[Span]) -> list[Span]:
    """The instants that lie in both; each of the two ascending and separate, as `merge` gives."""
    common = []
    i = j = 0
    while i < len(left) and j < len(right):
        start = max(left[i].start, right[j].start)
        end = min(left[i].end, right[j].end)
        if start < end:
            common.append(Span(start, end))
        if left[i].end <= right[j].end:
            i += 1
        else:
            j += 1
    return common


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    if offset is None:  # pragma: no cover - a ZoneInfo always knows
        raise ValueError(f"{zone} has no offset at {at.isoformat()}")
    return offset


def _first_change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second of the new offset, by bisection."""
    old = _offset(zone, before)
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, before + middle * _SECOND) == old:
            low = middle
        else:
            high = middle
    return before + high * _SECOND
