"""Watching what senders bring about: whoever is above a threshold of its country is suspended."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.country import CountryPolicy
from pipeline.policy.sender import SenderState
from pipeline.policy.thresholds import Standing, Verdict, decide_thresholds
from pipeline.stages.books import Books
from pipeline.stages.suspensions import Cause, suspend
from pipeline.store import audit, sender_counts, senders
from pipeline.store.audit import AuditAction, AuditEvent, Offence
from pipeline.store.sender_counts import Span
from pipeline.store.senders import Sender

ACTOR = "dispatch"


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspension:
    """A sender that was suspended just now, by which rule, and what was seen."""

    sender: Sender
    rule: str
    saw: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What one look at every sender has brought.

    Attributes:
        near: (sender, verdict) of those to be warned of.
    """

    suspended: Sequence[Suspension]
    near: Sequence[tuple[Sender, Verdict]]


def verdicts_on(
    connection: Connection, wanted: Iterable[Sender], *, books: Books, now: datetime
) -> dict[int, list[Verdict]]:
    """What the thresholds in force say of senders: sender id → one verdict a threshold.

    Only what came after a sender's last lift is counted.
    """
    bound = [
        (sender, policy)
        for sender in wanted
        if (policy := books.policy(sender.country, now)) is not None and policy.thresholds
    ]
    lifts = _last_lifts(connection, [sender for sender, _ in bound])
    spans = {
        (sender.id, threshold.within): _span(sender, now - threshold.within, lifts)
        for sender, policy in bound
        for threshold in policy.thresholds
    }
    found = sender_counts.read(connection, list(spans.values()))
    counts = dict(zip(spans, found, strict=True))
    return {
        sender.id: decide_thresholds(
            policy.thresholds,
            {t.within: counts[sender.id, t.within] for t in policy.thresholds},
        )
        for sender, policy in bound
    }


def watch(connection: Connection, *, books: Books, now: datetime) -> Watched:
    """Look at every active sender, and suspend those that are above a threshold."""
    known = senders.select_senders(connection)
    active = [sender for sender in known if sender.state is SenderState.ACTIVE]
    verdicts = verdicts_on(connection, active, books=books, now=now)
    suspended: list[Suspension] = []
    near: list[tuple[Sender, Verdict]] = []
    for sender in active:
        found = verdicts.get(sender.id, [])
        over = next((one for one in found if one.standing is Standing.OVER), None)
        if over is None:
            near += [(sender, one) for one in found if one.standing is Standing.NEAR]
        else:
            suspended += _suspend(connection, sender, over, books, now)
    suspended += _ban_repeaters(connection, known, books, now)
    return Watched(suspended=suspended, near=near)


def _suspend(
    connection: Connection, sender: Sender, verdict: Verdict, books: Books, now: datetime
) -> list[Suspension]:
    policy = books.policy(sender.country, now)
    threshold = verdict.threshold
    done = suspend(
        connection,
        [sender],
        cause=Cause.THRESHOLD,
        actor=ACTOR,
        reason=verdict.saw,
        rule=threshold.rule,
        policy=policy.version if policy else None,
        detail={
            "measure": threshold.measure.value,
            "counted": verdict.counted,
            "sample": verdict.sample,
            "limit": threshold.above,
            "days": threshold.within.total_seconds() / 86_400,
        },
        now=now,
    )
    return [Suspension(sender=one, rule=threshold.rule, saw=verdict.saw) for one in done]


def _ban_repeaters(
    connection: Connection, known: Sequence[Sender], books: Books, now: datetime
) -> list[Suspension]:
    """Suspend every sender of a business that thresholds have suspended before.

    It goes by the trail and not by what was suspended just now: two dispatchers may each have
    seen one of two offences, and a sender may have been imported since.
    """
    owned: dict[tuple[str, str], list[Sender]] = {}
    for sender in known:
        policy = books.policy(sender.country, now)
        if policy is not None and policy.repeat_ban is not None:
            owned.setdefault((sender.business, sender.country), []).append(sender)
    if not owned:
        return []
    bound = [sender for theirs in owned.values() for sender in theirs]
    trail: dict[str, list[Offence]] = {}
    for offence in audit.suspensions(
        connection, [sender.code for sender in bound], cause=Cause.THRESHOLD.value
    ):
        trail.setdefault(offence.subject, []).append(offence)
    lifts = _last_lifts(connection, bound)
    banned: list[Suspension] = []
    for (_, country), theirs in owned.items():
        offences = [one for sender in theirs for one in trail.get(sender.code, ())]
        policy = books.policy(country, now)
        if policy is not None:
            banned += _ban(connection, theirs, policy, offences, lifts, now)
    return banned


def _ban(
    connection: Connection,
    theirs: Sequence[Sender],
    policy: CountryPolicy,
    offences: Sequence[Offence],
    lifts: Mapping[str, AuditEvent],
    now: datetime,
) -> list[Suspension]:
    ban = policy.repeat_ban
    if ban is None:
        return []
    counting = [one for one in offences if one.occurred_at > ban.since(now)]
    if len(counting) < 2:  # noqa: PLR2004 - the second one is a repetition
        return []
    last = max(one.id for one in counting)
    # A person has looked at the ones that were lifted since. One that was suspended when we looked
    # may be lifted meanwhile, which the next look will see.
    wanted = [
        one
        for one in theirs
        if one.state is SenderState.ACTIVE and (one.code not in lifts or lifts[one.code].id < last)
    ]
    saw = f"{len(counting)} suspensions by thresholds in {ban.years} years"
    done = suspend(
        connection,
        wanted,
        cause=Cause.REPEATED,
        actor=ACTOR,
        reason=saw,
        rule=ban.rule,
        policy=policy.version,
        detail={"suspensions": len(counting), "years": ban.years},
        now=now,
    )
    return [Suspension(sender=one, rule=ban.rule, saw=saw) for one in done]


def _last_lifts(connection: Connection, found: Sequence[Sender]) -> dict[str, AuditEvent]:
    codes = [sender.code for sender in found]
    return audit.latest(connection, codes, [AuditAction.SENDER_LIFTED]) if codes else {}


def _span(sender: Sender, start: datetime, lifts: Mapping[str, AuditEvent]) -> Span:
    lift = lifts.get(sender.code)
    if lift is None or lift.occurred_at <= start:
        return Span(sender_id=sender.id, since=start)
    before = lift.detail or {}
    return Span(
        sender_id=sender.id,
        since=lift.occurred_at,
        lifted=True,
        less_sent=before.get("sent_in_hour", 0),
        less_violations=before.get("violations_in_hour", 0),
    )
