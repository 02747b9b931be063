"""Which cap and which quota bind a message: the same answer for the throttle and the claim."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from pipeline.policy.calendar import UnknownHolidays
from pipeline.policy.country import Cap, CountryPolicy, Quota
from pipeline.policy.vocabulary import Category
from pipeline.stages.books import Books
from pipeline.store.claims import Parcel
from pipeline.store.senders import Sender

LONGEST_PERIOD = timedelta(days=31)
"""Sends older than this count towards no cap of any pack."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BindingCap:
    """A cap as it binds one message now.

    Attributes:
        limit: at most so many since `since`.
        counted: the categories counted together, as the store names them.
        on_holiday: whether the lower limit of a public holiday applies.
    """

    cap: Cap
    limit: int
    since: datetime
    counted: str
    on_holiday: bool


def binding_cap(
    parcel: Parcel, category: Category, *, books: Books, now: datetime
) -> BindingCap | None:
    """The frequency cap on this message now; None: no cap."""
    policy = books.policy(parcel.country, now)
    cap = None if policy is None else policy.caps.get(category)
    if policy is None or cap is None:
        return None
    on_holiday = cap.holiday_limit is not None and _on_holiday(parcel, policy, books, now)
    limit = cap.holiday_limit if on_holiday and cap.holiday_limit is not None else cap.limit
    return BindingCap(
        cap=cap,
        limit=limit,
        since=now - cap.period,
        counted=_name(cap.counts),
        on_holiday=on_holiday,
    )


@cache
def _name(counts: frozenset[Category]) -> str:
    return "+".join(sorted(counts))


def binding_quota(sender: Sender, *, books: Books, now: datetime) -> Quota | None:
    """The quota on this sender now, by its country and tier; None: no quota."""
    policy = books.policy(sender.country, now)
    return None if policy is None else policy.quotas.get(sender.tier)


def _on_holiday(parcel: Parcel, policy: CountryPolicy, books: Books, now: datetime) -> bool:
    calendar = books.windows.calendar(policy)
    try:
        return any(
            calendar.is_holiday(now.astimezone(ZoneInfo(zone)).date(), parcel.state)
            for zone in parcel.zones
        )
    except UnknownHolidays:
        return True  # the lower limit is the safe one
