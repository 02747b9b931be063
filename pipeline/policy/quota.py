"""How many messages a sender may send within a rolling period."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipeline.policy.country import Quota
from pipeline.policy.decision import Decision, Defer, Proceed
from pipeline.policy.instants import in_utc
from pipeline.policy.vocabulary import Reason

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
