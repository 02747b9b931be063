"""How senders stand: states, quotas, registrations, and rates beside their limits."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from redis import RedisError
from sqlalchemy.engine import Connection

from pipeline.limits.pace import Pace
from pipeline.policy.country import CountryPolicy
from pipeline.policy.quota import binding_quotas, quota_room
from pipeline.policy.registration import Registration, expected_approval, renewal_due
from pipeline.policy.sender import SenderState
from pipeline.policy.sender_rules import Quota
from pipeline.policy.thresholds import Verdict
from pipeline.policy.vocabulary import Tier
from pipeline.stages.caps import LONGEST_PERIOD, own_quotas
from pipeline.stages.thresholds import verdicts_on
from pipeline.store import audit, quotas, senders
from pipeline.store.audit import AuditAction
from pipeline.store.senders import Sender
from workers.runtime import Runtime


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotaUse:
    """How much of a quota is used now; `period` in seconds."""

    rule: str
    limit: int
    period: float
    used: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistrationStanding:
    """How far a registration is.

    Attributes:
        expected_on: the day by which its review is over as a rule; None: it is decided, or
            nobody can tell.
        renew: whether its country wants it renewed by now.
    """

    kind: str
    status: str
    approved_at: datetime | None
    expires_at: datetime | None
    expected_on: date | None
    renew: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderStanding:
    """One sender.

    Attributes:
        since: when it came into its state; None: it has always been so.
        rule: the rule by which it was suspended; None: it is active, or none asked for it.
        rate_now: messages a second: below its own rate while its provider finds that too fast.
        tier_now: the tier whose quotas bind: one that comes with time counts as new until then.
        verdicts: one a threshold of its country, over what came after its last lift.
    """

    sender: Sender
    since: datetime | None
    rule: str | None
    rate_now: float
    tier_now: Tier
    quotas: Sequence[QuotaUse]
    verdicts: Sequence[Verdict]
    registration: RegistrationStanding | None

    def as_json(self) -> dict[str, Any]:
        """The sender as ``--json`` prints it."""
        sender = self.sender
        return {
            "id": sender.code,
            "business": sender.business,
            "country": sender.country,
            "channel": sender.channel,
            "provider": sender.provider,
            "rate_per_second": sender.rate_per_second,
            "rate_now": self.rate_now,
            "state": sender.state,
            "state_reason": sender.state_reason,
            "since": self.since,
            "rule": self.rule,
            "tier": sender.tier,
            "tier_now": self.tier_now,
            "quotas": [
                {"rule": q.rule, "limit": q.limit, "period_seconds": q.period, "used": q.used}
                for q in self.quotas
            ],
            "thresholds": [_verdict(verdict) for verdict in self.verdicts],
            "registration": None if self.registration is None else asdict(self.registration),
        }


def read_senders(
    runtime: Runtime, *, business: str | None = None, now: datetime
) -> list[SenderStanding]:
    """Every sender, or those of one business, in the order of their codes."""
    books = runtime.books
    shares = _slowed(runtime)
    with runtime.transaction() as connection:
        known = senders.select_senders(
            connection, businesses=None if business is None else [business]
        )
        verdicts = verdicts_on(connection, known, books=books, now=now)
        used = quotas.used(connection, [one.id for one in known], since=now - LONGEST_PERIOD)
        changes = _last_changes(connection, known)
    standings = []
    for sender in known:
        policy = books.policy(sender.country, now)
        tier_now, binding = _binding(policy, sender, now)
        since, rule = changes.get(sender.code, (None, None))
        standings.append(
            SenderStanding(
                sender=sender,
                since=since,
                rule=rule,
                rate_now=shares.get(sender.id, 1.0) * sender.rate_per_second,
                tier_now=tier_now,
                quotas=[_use(quota, used[sender.id], now) for quota in binding],
                verdicts=verdicts.get(sender.id, ()),
                registration=_registration(policy, sender.facts().registration, now),
            )
        )
    return standings


def _slowed(runtime: Runtime) -> Mapping[int, float]:
    """Shares of their own rates; without Redis nothing is sent, and nobody is slowed."""
    try:
        return Pace(runtime.redis).slowed()
    except RedisError:
        return {}


def _last_changes(
    connection: Connection, known: Sequence[Sender]
) -> Mapping[str, tuple[datetime, str | None]]:
    """Since when each is in its state, and by which rule."""
    wanted = {
        SenderState.SUSPENDED: AuditAction.SENDER_SUSPENDED,
        SenderState.ACTIVE: AuditAction.SENDER_LIFTED,
    }
    last = audit.latest(connection, [one.code for one in known], list(wanted.values()))
    return {
        one.code: (event.occurred_at, event.rule)
        for one in known
        if (event := last.get(one.code)) is not None and event.action is wanted[one.state]
    }


def _binding(
    policy: CountryPolicy | None, sender: Sender, now: datetime
) -> tuple[Tier, Sequence[Quota]]:
    told = own_quotas(sender)
    if policy is None:
        return sender.tier, told
    binding = binding_quotas(policy, sender.facts(), now=now)
    own = policy.quotas.get(sender.tier, ())
    return (sender.tier if all(quota in own for quota in binding) else Tier.NEW), (*binding, *told)


def _use(quota: Quota, used: Sequence[tuple[datetime, int]], now: datetime) -> QuotaUse:
    room = quota_room(quota, used, now=now) or 0
    return QuotaUse(
        rule=quota.rule,
        limit=quota.limit,
        period=quota.period.total_seconds(),
        used=quota.limit - room,
    )


def _registration(
    policy: CountryPolicy | None, registration: Registration | None, now: datetime
) -> RegistrationStanding | None:
    if registration is None:
        return None
    required = None if policy is None else policy.registration
    return RegistrationStanding(
        kind=registration.kind,
        status=registration.status.value,
        approved_at=registration.approved_at,
        expires_at=registration.expires_at,
        expected_on=expected_approval(
            registration.status,
            registration.submitted_at,
            None if required is None else required.review,
            holidays=None if policy is None else policy.holidays,
        ),
        renew=required is not None and renewal_due(required, registration, now=now),
    )


def _verdict(verdict: Verdict) -> dict[str, Any]:
    threshold = verdict.threshold
    return {
        "rule": threshold.rule,
        "measure": threshold.measure,
        "standing": verdict.standing,
        "value": verdict.value,
        "counted": verdict.counted,
        "sample": verdict.sample,
        "minimum_sample": threshold.minimum_sample,
        "limit": threshold.above,
        "warn_above": threshold.warn_above,
        "period_seconds": threshold.within.total_seconds(),
    }
