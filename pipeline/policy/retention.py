"""How long what was done is kept, and what is never removed.

Sources: `br_consent_retention` and `in_consent_retention` want the proof of a consent, and of what
was sent by it, kept for at least 12 months; `eu_storage_limitation` wants nothing kept longer than
its purpose needs. So everything has an end, and none is nearer than 12 months.

Whatever proves a wish stays: the ledger of consents, suppressions, opt-outs with the replies that
they came from, reviews, and the audit trail.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SHORTEST_MONTHS = 12
"""By `br_consent_retention` and `in_consent_retention`."""

RECEIPT_IDS = timedelta(days=7)
"""A provider that names messages by its own ids tells their end within three days."""

USED_QUOTA = timedelta(days=62)
"""Twice the longest period over which any quota or cap counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ends:
    """Business instants: what is older has had its time.

    Attributes:
        messages: of campaigns that ended before it; of answers that were no wish; of senders'
            hours.
        decisions: of the decisions themselves. Always the first instant of a month.
        receipt_ids: of the providers' own ids.
        use: of what caps and quotas have counted.
    """

    messages: datetime
    decisions: datetime
    receipt_ids: datetime
    use: datetime


def ends(*, now: datetime, message_months: int, decision_months: int) -> Ends:
    """What has had its time by `now`.

    Raises:
        ValueError: the months are fewer than the rules allow.
    """
    if min(message_months, decision_months) < SHORTEST_MONTHS:
        raise ValueError(f"rules want {SHORTEST_MONTHS} months of proof")
    return Ends(
        messages=months_from(now, -message_months),
        decisions=month_of(months_from(now, -decision_months)),
        receipt_ids=now - RECEIPT_IDS,
        use=now - USED_QUOTA,
    )


def month_of(instant: datetime) -> datetime:
    """The first instant of its month, in UTC."""
    return instant.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def months_from(instant: datetime, months: int) -> datetime:
    """The same day and time so many months on; a day that the month lacks is its last."""
    at = instant.astimezone(UTC)
    count = at.year * 12 + at.month - 1 + months
    first = at.replace(year=count // 12, month=count % 12 + 1, day=1)
    last_day = (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(at.day, last_day.day))
