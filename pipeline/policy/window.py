"""May a message leave now, by the recipient's own clock, and if not, when?

A recipient who may be in several zones is in all of them: the window must be open in each, on
each zone's own date. Zone arithmetic is done with ``zoneinfo``: 0.3 µs a conversion, where
pendulum takes 50.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from typing import Final
from zoneinfo import ZoneInfo

from pipeline.policy.calendar import HolidayCalendar, UnknownHolidays
from pipeline.policy.country import CountryPolicy, HolidayRules, Window
from pipeline.policy.decision import Block, Defer, Proceed
from pipeline.policy.instants import in_utc
from pipeline.policy.local_time import (
    Span,
    constant_offsets,
    intersect,
    local_spans,
    merge,
)
from pipeline.policy.vocabulary import Category, Reason
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
    window: Window,
    *,
    zones: tuple[str, ...],
    calendar: HolidayCalendar,
    state: str | None,
    now: datetime,
    horizon_days: int = HORIZON_DAYS,
) -> Interval | None:
    """The first interval ending after `now` in which the window is open in every zone.

    When it is open at `now`, the interval's `opens` is the start of the local day's hours at the
    earliest, even where the hours of the night before adjoin. Its `closes` lies at most a day
    past the horizon, so a window that never closes has one, too.

    Args:
        window: the hours by weekday.
        zones: IANA names; at least one.
        calendar: asked only when the window closes on holidays.
        state: the recipient's state, for its own holidays.
        now: aware.
        horizon_days: openings later than this many days from `now` are not looked for.

    Returns:
        The interval, or None when it does not open within the horizon.

    Raises:
        ValueError: `now` is naive, or there are no zones.
        UnknownHolidays: a day before the first opening that is certain may be a holiday.
    """
    start = in_utc(now)
    if not zones:
        raise ValueError("no zones: nobody's local time is known")
    search = _Search(window, calendar, state, start, start + timedelta(days=horizon_days))
    common = reduce(intersect, (search.open_spans(ZoneInfo(zone)) for zone in zones))
    if common:
        return Interval(opens=common[0].start, closes=common[0].end)
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
class _Outlook:
    """What the window says of every instant in ``[since, until)``."""

    since: datetime
    until: datetime
    opens: datetime
    before: WindowDecision
    after: WindowDecision

    def decide(self, now: datetime) -> WindowDecision:
        return self.after if now >= self.opens else self.before


def _look_ahead(
    window: Window,
    zones: tuple[str, ...],
    calendar: HolidayCalendar,
    state: str | None,
    now: datetime,
) -> _Outlook:
    verdict: Defer | Block = Block(reason=Reason.NO_COMMON_WINDOW, rule=window.rule)
    interval = None
    if zones and all(map(check_zone, zones)):
        try:
            interval = next_interval(window, zones=zones, calendar=calendar, state=state, now=now)
        except UnknownHolidays:
            until = now + RETRY_UNKNOWN_HOLIDAYS
            verdict = Defer(until=until, reason=Reason.WINDOW_CLOSED, rule=window.rule)
    if interval is None:
        shut = WindowDecision(decision=verdict)
        # True of this instant only: a later one sees further.
        return _Outlook(since=now, until=now, opens=now, before=shut, after=shut)
    waiting = Defer(until=interval.opens, reason=Reason.WINDOW_CLOSED, rule=window.rule)
    return _Outlook(
        since=now,
        until=interval.closes,
        opens=interval.opens,
        before=WindowDecision(decision=waiting),
        after=WindowDecision(decision=Proceed(rule=window.rule), closes_at=interval.closes),
    )


def decide_window(
    window: Window | None,
    *,
    zones: tuple[str, ...],
    calendar: HolidayCalendar,
    state: str | None,
    now: datetime,
) -> WindowDecision:
    """Decide whether the window lets a message leave at `now`.

    It fails closed: without a zone, with a zone that does not exist, or when no common opening
    comes within `HORIZON_DAYS`, the message is blocked (``no_common_window``). When the holidays
    that decide about it are unknown it waits `RETRY_UNKNOWN_HOLIDAYS` and is looked at again,
    since data can be brought up to date; a campaign's expiry ends the waiting.

    Args:
        window: None: the category has no window, and the message may leave.
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
    return _look_ahead(window, zones, calendar, state, instant).decide(instant)


class WindowTable:
    """Window decisions for many messages: what `decide_window` says, at a dict look-up each.

    The interval found for a set of zones is kept until it closes or the UTC date changes.
    Nothing is shared between processes and nothing needs to be: every process comes to the same
    answer.

    Args:
        closed_days: dates that the operator closes in every country, besides those in each
            policy's own rules; like holidays they matter only to windows that close on holidays.
        capacity: how many intervals are kept; beyond it the oldest goes.
    """

    def __init__(self, closed_days: Iterable[date] = (), *, capacity: int = 4096) -> None:
        self._closed_days = frozenset(closed_days)
        self._capacity = capacity
        self._calendars: dict[HolidayRules, HolidayCalendar] = {}
        self._outlooks: dict[tuple[object, ...], _Outlook] = {}

    def calendar(self, policy: CountryPolicy) -> HolidayCalendar:
        """The holidays of a policy's country, with the operator's days."""
        known = self._calendars.get(policy.holidays)
        if known is None:
            known = HolidayCalendar(policy.holidays, self._closed_days)
            self._calendars[policy.holidays] = known
        return known

    def decide(
        self,
        policy: CountryPolicy,
        category: Category,
        *,
        zones: tuple[str, ...],
        state: str | None,
        now: datetime,
    ) -> WindowDecision:
        """As `decide_window`, with the policy's window for that category.

        Raises:
            ValueError: `now` is naive.
        """
        instant = in_utc(now)
        window = policy.windows.get(category)
        if window is None:
            return UNRESTRICTED
        # The date, so that messages of now and of a campaign that starts next week, decided in
        # turn, do not drive out each other's interval.
        key = (policy.version, policy.country, category, zones, state, instant.date())
        outlook = self._outlooks.get(key)
        if outlook is None or not outlook.since <= instant < outlook.until:
            outlook = _look_ahead(window, zones, self.calendar(policy), state, instant)
            self._keep(key, outlook)
        return outlook.decide(instant)

    def _keep(self, key: tuple[object, ...], outlook: _Outlook) -> None:
        self._outlooks.pop(key, None)
        if len(self._outlooks) >= self._capacity:
            del self._outlooks[next(iter(self._outlooks))]
        self._outlooks[key] = outlook
