"""Whether it is a holiday where a person may be, and until when."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from pipeline.policy.calendar import HolidayCalendar, UnknownHolidays
from pipeline.policy.instants import in_utc

HORIZON_DAYS = 14
"""How far ahead the end of a run of holidays is looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HolidayNow:
    """Whether an instant lies on somebody's holiday.

    Attributes:
        on_holiday: in any of their zones; also where nobody knows.
        ends: the first instant that lies on none, aware and in UTC; None: it is no holiday, or
            nobody knows when it ends.
    """

    on_holiday: bool
    ends: datetime | None = None


NO_HOLIDAY = HolidayNow(on_holiday=False)


def holiday_at(
    calendar: HolidayCalendar, zones: tuple[str, ...], state: str | None, now: datetime
) -> HolidayNow:
    """Whether that instant lies on a public holiday in any of the zones, by each one's own date.

    Where the data cannot tell it counts as a holiday: the lower limit is the safe one.

    Args:
        zones: IANA names in which the person may be.
        state: the person's state, for its own holidays.

    Raises:
        ValueError: `now` is naive.
    """
    start = in_utc(now)
    places = [ZoneInfo(zone) for zone in zones]
    try:
        closed = _closed(calendar, places, state, start)
    except UnknownHolidays:
        return HolidayNow(on_holiday=True)
    if not closed:
        return NO_HOLIDAY
    try:
        return HolidayNow(on_holiday=True, ends=_end(calendar, places, state, start, closed))
    except UnknownHolidays:
        return HolidayNow(on_holiday=True)


def _end(
    calendar: HolidayCalendar,
    zones: list[ZoneInfo],
    state: str | None,
    start: datetime,
    closed: list[ZoneInfo],
) -> datetime | None:
    moment = start
    while closed and moment < start + timedelta(days=HORIZON_DAYS):
        # No earlier instant can do: until then it is still the holiday in one of them.
        moment = max(_next_midnight(zone, moment) for zone in closed)
        closed = _closed(calendar, zones, state, moment)
    return None if closed else moment


def _closed(
    calendar: HolidayCalendar, zones: list[ZoneInfo], state: str | None, moment: datetime
) -> list[ZoneInfo]:
    """The zones in which it is a holiday."""
    return [zone for zone in zones if calendar.is_holiday(moment.astimezone(zone).date(), state)]


def _next_midnight(zone: ZoneInfo, moment: datetime) -> datetime:
    """The first instant of the next local day, also where its clock skips midnight."""
    tomorrow = moment.astimezone(zone).date() + timedelta(days=1)
    return in_utc(datetime.combine(tomorrow, time.min, zone))
