from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipeline.policy.local_time import (
    Span,
    constant_offsets,
    intersect,
    local_spans,
    merge,
)

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


def at(hour: int, minute: int = 0, *, day: int = 1) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=UTC)


def local_day(day: date, opens: time, closes: time) -> list[Span]:
    noon = datetime.combine(day, time(12), UTC)
    return list(local_spans(day, opens, closes, constant_offsets(NEW_YORK, noon - DAY, noon + DAY)))


def test_the_offset_changes_at_the_very_second() -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    end = datetime(2026, 12, 1, tzinfo=UTC)
    spring = datetime(2026, 3, 8, 7, tzinfo=UTC)
    autumn = datetime(2026, 11, 1, 6, tzinfo=UTC)
    winter_offset, summer_offset = timedelta(hours=-5), timedelta(hours=-4)
    assert constant_offsets(NEW_YORK, start, end) == [
        (start, spring, winter_offset),
        (spring, autumn, summer_offset),
        (autumn, end, winter_offset),
    ]


def test_an_hour_that_the_clock_skips_yields_nothing() -> None:
    assert local_day(date(2026, 3, 8), time(2), time(3)) == []
    assert local_day(date(2026, 3, 8), time(1, 30), time(3, 30)) == [
        Span(datetime(2026, 3, 8, 6, 30, tzinfo=UTC), datetime(2026, 3, 8, 7, tzinfo=UTC)),
        Span(datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
    ]


def test_an_hour_that_the_clock_repeats_yields_two_spans() -> None:
    assert local_day(date(2026, 11, 1), time(1, 15), time(1, 45)) == [
        Span(datetime(2026, 11, 1, 5, 15, tzinfo=UTC), datetime(2026, 11, 1, 5, 45, tzinfo=UTC)),
        Span(datetime(2026, 11, 1, 6, 15, tzinfo=UTC), datetime(2026, 11, 1, 6, 45, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 6, 1), 24), (date(2026, 11, 1), 25)]
)
def test_a_whole_day_is_as_long_as_its_clock_makes_it(day: date, hours: int) -> None:
    (whole,) = merge(local_day(day, time.min, time.max))
    assert whole.end - whole.start == timedelta(hours=hours)


def test_merging_joins_what_adjoins_and_sorts() -> None:
    spans = [Span(at(5), at(6)), Span(at(1), at(3)), Span(at(3), at(4)), Span(at(2), at(3, 30))]
    assert merge(spans) == [Span(at(1), at(4)), Span(at(5), at(6))]


def test_intersecting_keeps_what_lies_in_both_and_drops_mere_contact() -> None:
    left = [Span(at(1), at(4)), Span(at(6), at(9)), Span(at(10), at(11))]
    right = [Span(at(3), at(7)), Span(at(8), at(10))]
    expected = [Span(at(3), at(4)), Span(at(6), at(7)), Span(at(8), at(9))]
    assert intersect(left, right) == expected
    assert intersect(right, left) == expected
    assert intersect(left, []) == []
