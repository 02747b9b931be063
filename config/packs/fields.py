"""How times, days and durations are written in a pack."""

import re
from collections.abc import Mapping, Sequence
from datetime import time, timedelta
from itertools import pairwise

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EVERY_DAY = "every-day"

_DURATION = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?")
_SPAN = re.compile(r"(?P<opens>\d\d:\d\d)-(?P<closes>\d\d:\d\d)")

Span = tuple[time, time]

LONGEST_PERIOD = timedelta(days=31)
"""Of a cap or a quota: what was sent earlier is no longer counted."""


def parse_duration(text: str) -> timedelta:
    """Read an ISO 8601 duration of days, hours and minutes: ``P31D``, ``PT1H``, ``PT30M``.

    Raises:
        ValueError: it is none, or is zero. Months and years are refused: they have no length.
    """
    match = _DURATION.fullmatch(text)
    parts = {} if match is None else {key: int(n) for key, n in match.groupdict("0").items()}
    duration = timedelta(**parts)
    if not duration:
        raise ValueError(
            f"{text!r} is not a duration; write days as P31D, hours as PT1H, minutes as PT30M"
        )
    return duration


def parse_hours(hours: Mapping[str, Sequence[str]]) -> dict[int, tuple[Span, ...]]:
    """Read opening hours: days → spans, e.g. ``monday-friday = ["09:00-20:00"]``.

    Days are a weekday, a range of weekdays or ``every-day``; a day that is not named is closed.
    A span is half-open; ``24:00`` is midnight at the day's end (`time.max` in the answer).

    Returns:
        For each open weekday (0 = Monday) its spans in ascending order.

    Raises:
        ValueError: an unknown or repeated day, a bad time, a reversed span or two that overlap.
    """
    answer: dict[int, tuple[Span, ...]] = {}
    for days, spans in hours.items():
        parsed = _parse_spans(days, spans)
        for day in _parse_days(days):
            if day in answer:
                raise ValueError(f"{WEEKDAYS[day]} is named twice; give each day its hours once")
            answer[day] = parsed
    return answer


def _parse_days(text: str) -> range:
    if text == EVERY_DAY:
        return range(len(WEEKDAYS))
    first, _, last = text.partition("-")
    last = last or first
    for day in (first, last):
        if day not in WEEKDAYS:
            raise ValueError(
                f"{day!r} is not a day; write monday … sunday, monday-friday, or {EVERY_DAY}"
            )
    if WEEKDAYS.index(last) < WEEKDAYS.index(first):
        raise ValueError(f"{text!r} runs backwards; the week begins on monday")
    return range(WEEKDAYS.index(first), WEEKDAYS.index(last) + 1)


def _parse_spans(days: str, spans: Sequence[str]) -> tuple[Span, ...]:
    if not spans:
        raise ValueError(f"{days} has no hours; leave a closed day out")
    parsed = sorted(_parse_span(span) for span in spans)
    for earlier, later in pairwise(parsed):
        if later[0] < earlier[1]:
            raise ValueError(
                f"the hours of {days} overlap: one span closes at {earlier[1]:%H:%M}, "
                f"the next opens at {later[0]:%H:%M}; join them"
            )
    return tuple(parsed)


def _parse_span(text: str) -> Span:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a span of hours; write it as 09:00-20:00")
    opens, closes = _parse_time(match["opens"]), _parse_time(match["closes"])
    if closes <= opens:
        raise ValueError(
            f"{text!r} closes before it opens; for hours past midnight give each day its part, "
            "00:00-02:00 and 20:00-24:00"
        )
    return opens, closes


def _parse_time(text: str) -> time:
    if text == "24:00":
        return time.max
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time of day; write 00:00 to 24:00") from None
