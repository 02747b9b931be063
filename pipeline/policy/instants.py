"""What the pure decisions need to do with instants."""

from calendar import monthrange
from datetime import UTC, datetime

MONTHS_IN_A_YEAR = 12


def in_utc(moment: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: `moment` is naive: without an offset it is no instant.
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise ValueError(f"{moment!r} has no UTC offset; instants must be aware")
    return moment.astimezone(UTC)


def add_months(moment: datetime, months: int) -> datetime:
    """The instant `months` calendar months later, at the same time of day in UTC.

    A day that the target month lacks becomes its last: 31 August and six months is the end of
    February.
    """
    start = in_utc(moment)
    whole_months = start.year * MONTHS_IN_A_YEAR + start.month - 1 + months
    year, month = divmod(whole_months, MONTHS_IN_A_YEAR)
    last_day = monthrange(year, month + 1)[1]
    return start.replace(year=year, month=month + 1, day=min(start.day, last_day))
