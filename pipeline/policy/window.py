"""May a message leave now, by the recipient's own clock, and if not, when?

A recipient who may be in several zones is in all of them: the window must be open in each, on
each zone's own date. Zone arithmetic is done with ``zoneinfo``: 0.3 µs a conversion, where
pendulum takes 50.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import reduce
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.policy.calendar import HolidayCalendar, UnknownHolidays
from pipeline.policy.country import Window
from pipeline.policy.decision import Block, Defer, Proceed
from pipeline.policy.instants import in_utc
from pipeline.policy.local_time import (
    Span,
    constant_offsets,
    intersect,
    local_spans,
    merge,
)
from pipeline.policy.vocabulary import Reason
from pipeline.policy.zones import check_zone

HORIZON_DAYS: Final = 14
"""How far ahead an opening is looked for; none in that time is a final block."""

RETRY_UNKNOWN_HOLIDAYS: Final = timedelta(days=1)
"""How long a message waits when the holidays that decide about it are not known."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A half-open stretch of time, ``[opens, closes)``, both aware and in UTC."""

    opens: datetime
    closes: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowDecision:
    """What the window says of one instant.

    Attributes:
        decision: proceed, defer to the next opening, or block.
        closes_at: with `Proceed`, the instant at which the window closes: the message must be
            out, or expired at the provider, before it. None: there is no window.
    """

    decision: Proceed | Defer | Block
    closes_at: datetime | None = None


UNRESTRICTED: Final = WindowDecision(decision=Proceed())
"""For categories that have no window."""


def next_interval(
    *windows: Window,
    zones: tuple[str, ...],
    calendar: HolidayCalendar,
    state: str | None,
    now: datetime,
    horizon_days: int = HORIZON_DAYS,
) -> Interval | None:
    """The first interval ending after `now` in which every window is open in every zone.

    When it is open at `now`, the interval's `opens` is the start of the local day's hours at the
    earliest, even where the hours of the night before adjoin. Its `closes` lies at most a day
    past the horizon, so a window that never closes has one, too.

    Args:
        windows: the hours by weekday, each from a rule of its own; at least one.
        zones: IANA names; at least one.
        calendar: asked only when a window closes on holidays.
        state: the recipient's state, for its own holidays.
        now: aware.
        horizon_days: openings later than this many days from `now` are not looked for.

    Returns:
        The interval, or None when it does not open within the horizon.

    Raises:
        ValueError: `now` is naive, or there are no zones or no windows.
        UnknownHolidays: a day before the first opening that is certain may be a holiday.
    """
    start = in_utc(now)
    if not zones or not windows:
        raise ValueError("no zones or no windows: nobody's local time is known")
    limit = start + timedelta(days=horizon_days)
    searches = [_Search(window, calendar, state, start, limit) for window in windows]
    common = reduce(
        intersect, (search.open_spans(ZoneInfo(zone)) for search in searches for zone in zones)
    )
    if common:
        return Interval(opens=common[0].start, closes=common[0].end)
    for search in searches:
        if search.unknown is not None:
            raise search.unknown
    return None


class _Search:
    """One search for open spans between two instants; remembers whether data were missing."""

    def __init__(
        self,
        window: Window,
        calendar: HolidayCalendar,
        state: str | None,
        start: datetime,
        limit: datetime,
    ) -> None:
        self._window = window
        self._calendar = calendar
        self._state = state
        self._start = start
        self._limit = limit
        self.unknown: UnknownHolidays | None = None

    def open_spans(self, zone: ZoneInfo) -> list[Span]:
        """When the window is open in one zone, up to the limit or to the first unknown day.

        Spans that end by the start or begin at or after the limit are left out, and their days'
        holidays are not asked for.
        """
        # Two days more than needed on each side: no local day is cut by the first or last piece.
        whole_seconds = self._start.replace(microsecond=0)
        pieces = constant_offsets(zone, whole_seconds - 2 * _DAY, self._limit + 2 * _DAY)
        spans: list[Span] = []
        # The day before, for clocks that went back across midnight.
        day = self._start.astimezone(zone).date() - _DAY
        while day <= self._limit.astimezone(zone).date():
            todays = [
                span
                for opens, closes in self._window.hours.get(day.weekday(), ())
                for span in local_spans(day, opens, closes, pieces)
                if span.end > self._start and span.start < self._limit
            ]
            try:
                if todays and not self._is_closed(day):
                    spans.extend(todays)
            except UnknownHolidays as unknown:
                self.unknown = unknown
                break
            day += _DAY
        return merge(spans)

    def _is_closed(self, day: date) -> bool:
        return self._window.closed_on_holidays and self._calendar.is_holiday(day, self._state)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What the window says of every instant in ``[since, until)``."""

    since: datetime
    until: datetime
    opens: datetime
    before: WindowDecision
    after: WindowDecision

    def decide(self, now: datetime) -> WindowDecision:
        """The answer for an instant in that stretch."""
        return self.after if now >= self.opens else self.before


def look_ahead(
    windows: tuple[Window, ...],
    zones: tuple[str, ...],
    calendar: HolidayCalendar,
    state: str | None,
    now: datetime,
) -> Outlook:
    """What the windows, all of them, say of `now` and of the time up to their next change.

    A deferral names, of the windows that are shut at that instant, the last to open.
    """
    verdict: Defer | Block = Block(reason=Reason.NO_COMMON_WINDOW, rule=windows[0].rule)
    interval = None
    if zones and all(map(check_zone, zones)):
        try:
            interval = next_interval(*windows, zones=zones, calendar=calendar, state=state, now=now)
        except UnknownHolidays:
            until = now + RETRY_UNKNOWN_HOLIDAYS
            verdict = Defer(until=until, reason=Reason.WINDOW_CLOSED, rule=windows[0].rule)
    if interval is None:
        if isinstance(verdict, Block) and len(windows) > 1 and zones:
            verdict = replace(verdict, rule=_never_open(windows, zones, calendar, state, now))
        shut = WindowDecision(decision=verdict)
        # True of this instant only: a later one sees further.
        return Outlook(since=now, until=now, opens=now, before=shut, after=shut)
    last, until = windows[0].rule, interval.closes
    if len(windows) > 1 and interval.opens > now:
        last, until = _last_to_open(windows, zones, calendar, state, now)
    waiting = Defer(until=interval.opens, reason=Reason.WINDOW_CLOSED, rule=last)
    return Outlook(
        since=now,
        until=until,
        opens=interval.opens,
        before=WindowDecision(decision=waiting),
        after=WindowDecision(decision=Proceed(rule=windows[0].rule), closes_at=interval.closes),
    )


def _never_open(
    windows: tuple[Window, ...],
    zones: tuple[str, ...],
    calendar: HolidayCalendar,
    state: str | None,
    now: datetime,
) -> str:
    """The rule of the first window that the ones before it leave no common opening."""
    for count in range(1, len(windows)):
        try:
            common = next_interval(
                *windows[:count], zones=zones, calendar=calendar, state=state, now=now
            )
        except (UnknownHolidays, ValueError):
            break
        if common is None:
            return windows[count - 1].rule
    return windows[-1].rule


def _last_to_open(
    windows: tuple[Window, ...],
    zones: tuple[str, ...],
    calendar: HolidayCalendar,
    state: str | None,
    now: datetime,
) -> tuple[str, datetime]:
    """Of the windows shut now the rule of the last to open, and until when that is the answer.

    It changes when one of them opens or shuts: at half past eight in the evening only the window
    that closes at eight forbids anything, at half past nine another one may as well.
    """
    shut: list[tuple[datetime, str]] = []
    changes: list[datetime] = []
    for window in windows:
        try:
            own = next_interval(window, zones=zones, calendar=calendar, state=state, now=now)
        except UnknownHolidays:
            return window.rule, now
        if own is None:
            return window.rule, now
        if own.opens > now:
            shut.append((own.opens, window.rule))
        changes.append(own.opens if own.opens > now else own.closes)
    # max() takes the first of equals, so the pack's own rule comes before an overlay's.
    return max(shut, key=lambda one: one[0])[1] if shut else windows[0].rule, min(changes)


def decide_window(
    window: Window | Sequence[Window] | None,
    *,
    zones: tuple[str, ...],
    calendar: HolidayCalendar,
    state: str | None,
    now: datetime,
) -> WindowDecision:
    """Decide whether the window, or all of several, let a message leave at `now`.

    It fails closed: without a zone, with a zone that does not exist, or when no common opening
    comes within `HORIZON_DAYS`, the message is blocked (``no_common_window``). When the holidays
    that decide about it are unknown it waits `RETRY_UNKNOWN_HOLIDAYS` and is looked at again,
    since data can be brought up to date; a campaign's expiry ends the waiting.

    Args:
        window: None or none: the category has no window, and the message may leave.
        zones: every zone in which the recipient may be.
        calendar: the holidays of the recipient's country.
        state: the recipient's state, None when unknown.
        now: aware.

    Raises:
        ValueError: `now` is naive.
    """
    instant = in_utc(now)
    if window is None:
        return UNRESTRICTED
    windows = (window,) if isinstance(window, Window) else tuple(window)
    if not windows:
        return UNRESTRICTED
    return look_ahead(windows, zones, calendar, state, instant).decide(instant)
