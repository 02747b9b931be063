from datetime import UTC, datetime, timedelta, timezone

import pytest

from pipeline.policy.instants import add_months, in_utc


def test_a_naive_datetime_is_no_instant() -> None:
    with pytest.raises(ValueError, match="no UTC offset"):
        in_utc(datetime(2026, 11, 23))  # noqa: DTZ001 - the naive one is the case


def test_an_offset_is_taken_off() -> None:
    lima = timezone(timedelta(hours=-5))
    assert in_utc(datetime(2026, 11, 23, 20, tzinfo=lima)) == datetime(2026, 11, 24, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ((2026, 8, 31), 6, (2027, 2, 28)),
        ((2027, 8, 31), 6, (2028, 2, 29)),
        ((2026, 5, 23), 6, (2026, 11, 23)),
        ((2026, 12, 1), 1, (2027, 1, 1)),
        ((2026, 6, 30), 6, (2026, 12, 30)),
    ],
)
def test_months_are_those_of_the_calendar(
    start: tuple[int, int, int], months: int, end: tuple[int, int, int]
) -> None:
    assert add_months(datetime(*start, 9, tzinfo=UTC), months) == datetime(*end, 9, tzinfo=UTC)
