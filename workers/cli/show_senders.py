"""Senders, for a person."""

from collections.abc import Sequence

from pipeline.policy.thresholds import Standing
from workers.reports.senders import QuotaUse, RegistrationStanding, SenderStanding

_MARKS = {Standing.WITHIN: "", Standing.NEAR: "  (near)", Standing.OVER: "  (above)"}


def print_senders(found: Sequence[SenderStanding]) -> None:
    """A few lines each."""
    for standing in found:
        print("\n".join(_lines(standing)))
    print(f"{len(found)} in all")


def _lines(standing: SenderStanding) -> list[str]:
    sender = standing.sender
    since = f" since {standing.since:%Y-%m-%d %H:%M} UTC" if standing.since else ""
    rule = f", rule {standing.rule}" if standing.rule else ""
    why = f": {sender.state_reason}{rule}" if sender.state_reason else rule
    counts = "" if standing.tier_now is sender.tier else f", counts as {standing.tier_now} now"
    own = f"{sender.rate_per_second:g}/s"
    slowed = standing.rate_now < sender.rate_per_second
    rate = f"{own} slowed to {standing.rate_now:.3g}/s" if slowed else own
    means = f"{sender.channel} through {sender.provider}, {rate}"
    lines = [
        f"{sender.code}  {sender.state}{since}{why}",
        f"  {sender.business}, {sender.country}, {means}, tier {sender.tier}{counts}",
    ]
    lines += [f"  quota         {_quota(quota)}" for quota in standing.quotas]
    lines += [
        f"  threshold     {verdict.saw}, rule {verdict.threshold.rule}{_MARKS[verdict.standing]}"
        for verdict in standing.verdicts
    ]
    if standing.registration is not None:
        lines.append(f"  registration  {_registration(standing.registration)}")
    return lines


def _quota(quota: QuotaUse) -> str:
    hours = quota.period / 3600
    return f"{quota.used:,} of {quota.limit:,} in {hours:g} h, rule {quota.rule}"


def _registration(registration: RegistrationStanding) -> str:
    parts = [f"{registration.kind} {registration.status}"]
    if registration.approved_at is not None:
        parts.append(f"approved {registration.approved_at:%Y-%m-%d}")
    if registration.expected_on is not None:
        parts.append(f"expected {registration.expected_on:%Y-%m-%d}")
    if registration.expires_at is not None:
        due = ": renew it" if registration.renew else ""
        parts.append(f"expires {registration.expires_at:%Y-%m-%d}{due}")
    return ", ".join(parts)
