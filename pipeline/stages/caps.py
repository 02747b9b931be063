"""Which caps and which quotas bind a message: the same answer for the throttle and the claim."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from pipeline.policy.country import Cap
from pipeline.policy.frequency import binding_caps, limit_of
from pipeline.policy.holidays_now import NO_HOLIDAY, HolidayNow, holiday_at
from pipeline.policy.numbers import states_of
from pipeline.policy.quota import binding_quotas
from pipeline.policy.sender_rules import Quota
from pipeline.policy.vocabulary import Category, Channel
from pipeline.stages.books import Books
from pipeline.store.claims import Parcel
from pipeline.store.senders import Sender

LONGEST_PERIOD = timedelta(days=31)
"""Sends older than this count towards no cap of any pack."""

PROVIDER_LIMIT = "provider_limit"
"""Stands where a rule's id does when a provider's own daily limit makes a message wait."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BindingCaps:
    """The caps that bind one message now; it must fit under each, and counts where there is none.

    Attributes:
        limits: (at most so many, since), a cap each.
        counted: the categories counted together, as the store names them.
        holiday: whether the lower limits of a public holiday apply, and until when.
    """

    caps: Sequence[Cap]
    limits: Sequence[tuple[int, datetime]]
    counted: str
    holiday: HolidayNow


def caps_on(
    parcel: Parcel, category: Category, channel: Channel, *, books: Books, now: datetime
) -> BindingCaps | None:
    """The frequency caps on this message now; None: its category has none in its country."""
    policy = books.policy(parcel.country, now)
    if policy is None or category not in policy.caps:
        return None
    every = policy.caps[category]
    # What no cap binds counts all the same towards those that bind the person's next message.
    caps = binding_caps(every, channel, lambda: states_of(parcel.phone))
    lowered = any(cap.holiday_limit is not None for cap in caps)
    holiday = NO_HOLIDAY
    if lowered:
        calendar = books.windows.calendar(policy)
        holiday = holiday_at(calendar, parcel.zones, parcel.state, now)
    return BindingCaps(
        caps=caps,
        limits=[(limit_of(cap, on_holiday=holiday.on_holiday), now - cap.period) for cap in caps],
        counted=counted_name(every[0].counts),
        holiday=holiday,
    )


@cache
def counted_name(counts: frozenset[Category]) -> str:
    """What the store calls categories that are counted together."""
    return "+".join(sorted(counts))


def quotas_on(sender: Sender, *, books: Books, now: datetime) -> Sequence[Quota]:
    """The quotas on this sender now: its country's by channel and tier, and its provider's own."""
    policy = books.policy(sender.country, now)
    quotas = () if policy is None else binding_quotas(policy, sender.facts(), now=now)
    return (*quotas, *own_quotas(sender))


def own_quotas(sender: Sender) -> Sequence[Quota]:
    """The limit that the sender's provider itself has told us; none: it has told us of none.

    WhatsApp counts people in any 24 hours, all senders of an account together; counted here are
    messages, and each sender has its share. That is never more than the provider allows.
    """
    if sender.daily_limit is None:
        return ()
    return (Quota(rule=PROVIDER_LIMIT, limit=sender.daily_limit, period=timedelta(days=1)),)
