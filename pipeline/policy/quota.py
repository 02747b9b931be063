"""How many messages a sender may send within a rolling period."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipeline.policy.country import CountryPolicy
from pipeline.policy.decision import Decision, Defer, Proceed
from pipeline.policy.instants import add_months, in_utc
from pipeline.policy.sender import SenderFacts
from pipeline.policy.sender_rules import Quota
from pipeline.policy.vocabulary import Reason, Tier

BUCKET = timedelta(minutes=1)


def bucket_of(moment: datetime) -> datetime:
    """The label of the bucket that counts a message sent at `moment`: the end of its minute.

    The end, not the start, so that a bucket outlives every message in it: a sender never gets
    more than its quota, and may get its room back up to a minute late.
    """
    return in_utc(moment).replace(second=0, microsecond=0) + BUCKET


def quota_room(
    quota: Quota | None, used: Sequence[tuple[datetime, int]], *, now: datetime
) -> int | None:
    """How many more messages fit now; None: no quota, so any number.

    Args:
        quota: the country's quota for the sender's tier.
        used: (bucket label, messages) of the sender, in any order.
        now: the instant of the decision.

    Raises:
        ValueError: an instant is naive.
    """
    if quota is None:
        return None
    moment = in_utc(now)
    counted = sum(count for label, count in used if in_utc(label) + quota.period > moment)
    return max(0, quota.limit - counted)


def decide_quota(
    quota: Quota | None, used: Sequence[tuple[datetime, int]], *, now: datetime, wanted: int = 1
) -> Decision:
    """Whether `wanted` more messages fit within the quota now, else when they first fit.

    A bucket counts until its label and `quota.period` have passed.

    Raises:
        ValueError: an instant is naive, or `wanted` is below 1 or above what could ever fit.
    """
    if wanted < 1:
        raise ValueError(f"wanted is {wanted}; ask for at least one message")
    if quota is None:
        return Proceed()
    if wanted > quota.limit:
        raise ValueError(f"{wanted} messages never fit in a quota of {quota.limit}; ask for fewer")
    moment = in_utc(now)
    counting = sorted(
        (in_utc(label) + quota.period, count)
        for label, count in used
        if in_utc(label) + quota.period > moment
    )
    surplus = sum(count for _, count in counting) + wanted - quota.limit
    until = moment
    for frees_at, count in counting:
        if surplus <= 0:
            break
        until = frees_at
        surplus -= count
    if until <= moment:
        return Proceed(rule=quota.rule)
    return Defer(until=until, reason=Reason.DAILY_QUOTA, rule=quota.rule)


def binding_quotas(
    policy: CountryPolicy, sender: SenderFacts, *, now: datetime
) -> tuple[Quota, ...]:
    """The quotas on a sender now; it must have room in each.

    A tier that comes only with time counts as new until the sender's registration has been
    approved for long enough; without a date of approval nobody can tell, and it is new. What its
    tier is held to from the first day holds besides, and where nothing is said of new ones all of
    its tier's quotas.
    """
    quotas = _on_channel(policy, sender.tier, sender)
    later = [quota for quota in quotas if quota.after_months is not None]
    if all(_is_mature(sender, quota.after_months or 0, now) for quota in later):
        return quotas
    new = _on_channel(policy, Tier.NEW, sender)
    return (*new, *(quota for quota in quotas if quota not in later)) if new else quotas


def _on_channel(policy: CountryPolicy, tier: Tier, sender: SenderFacts) -> tuple[Quota, ...]:
    return tuple(q for q in policy.quotas.get(tier, ()) if sender.channel in q.channels)


def _is_mature(sender: SenderFacts, months: int, now: datetime) -> bool:
    approved_at = None if sender.registration is None else sender.registration.approved_at
    return approved_at is not None and add_months(in_utc(approved_at), months) <= in_utc(now)


def room_in_all(
    quotas: Sequence[Quota], used: Sequence[tuple[datetime, int]], *, now: datetime
) -> int | None:
    """How many more messages fit in every quota now; None: there is no quota."""
    rooms = [quota_room(quota, used, now=now) for quota in quotas]
    return min((room for room in rooms if room is not None), default=None)


def decide_quotas(
    quotas: Sequence[Quota], used: Sequence[tuple[datetime, int]], *, now: datetime
) -> Decision:
    """Whether one more message fits in every quota now, else when it first does in all of them."""
    found: Decision = Proceed(rule=quotas[0].rule) if quotas else Proceed()
    for quota in quotas:
        decision = decide_quota(quota, used, now=now)
        if isinstance(decision, Defer) and (
            not isinstance(found, Defer)
            or found.until is None
            or (decision.until is not None and decision.until > found.until)
        ):
            found = decision
    return found
