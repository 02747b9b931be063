"""Settling what is in doubt: by what its provider finds, or by an operator's evidence.

What a status tells settles it too, in ``statuses``, and so does a worker's late answer. Nothing
here sends anything: only an operator who knows that a message never left has it decided anew.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.engine import Connection

from pipeline.policy.look_ups import ENOUGH, LookUpPlan
from pipeline.policy.rendering import render
from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import Finding, Found, NotFound, Sought
from pipeline.store import audit, doubts, look_ups, sender_counts, template_use
from pipeline.store.audit import AuditAction, AuditEvent
from pipeline.store.doubts import Settled
from pipeline.store.look_ups import DoubtedMessage, Looked

NOT_FOUND = "not_found"
"""The code beside the decision of a message that its provider never had."""


class Verdict(StrEnum):
    """What an operator knows of a message."""

    SENT = "sent"
    """The provider took it."""
    UNSENT = "unsent"
    """The provider never took it, and it is not to be sent any more."""
    AGAIN = "again"
    """The provider never took it: it is decided anew, and sent if that is still allowed."""


_BECOMES = {
    Verdict.SENT: (MessageState.SENT, "sent"),
    Verdict.UNSENT: (MessageState.FAILED, "failed"),
    Verdict.AGAIN: (MessageState.ACCEPTED, "retry"),
}


def sought(message: DoubtedMessage, *, sending: timedelta) -> Sought | None:
    """What a provider is asked about a message; None: there is nothing to ask by.

    Args:
        sending: business time that an attempt takes at most.
    """
    began = message.sent_at or message.claimed_at
    if message.phone is None or began is None:
        return None
    try:
        body = render(message.body, message.variables)
    except KeyError:  # its variables were erased
        return None
    return Sought(
        message_id=message.id,
        channel=message.channel,
        sender_address=message.sender_address,
        to=message.phone,
        body=body,
        sent_after=began,
        sent_before=began + sending,
    )


@dataclass(slots=True)
class LookedUp:
    """What look-ups came to.

    Attributes:
        sent: messages that their provider has.
        failed: messages that it never had.
        open: messages that are as much in doubt as before.
    """

    sent: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    open: list[int] = field(default_factory=list)


def settle_by_look_up(
    connection: Connection,
    findings: Sequence[tuple[DoubtedMessage, Finding]],
    *,
    plan: LookUpPlan,
    now: datetime,
    machine_now: datetime,
) -> LookedUp:
    """Write down what providers found, and settle what that proves.

    A message that was found is sent. One that was not found twice, at a time when the provider
    must know, has failed and gets its cap and quota back. Everything else stays in doubt, and so
    does one whose words another message of ours to the same person has: that may be what was found.
    """
    done = LookedUp()
    looked: list[Looked] = []
    found: list[tuple[DoubtedMessage, Found]] = []
    absent: list[DoubtedMessage] = []
    contested = look_ups.contested(
        connection,
        {one.id: finding.provider_id for one, finding in findings if isinstance(finding, Found)},
    )
    for message, finding in findings:
        if isinstance(finding, Found) and message.id not in contested:
            found.append((message, finding))
            continue
        times = message.not_found
        if isinstance(finding, NotFound) and plan.counts(message.looked):
            times += 1
            if times >= ENOUGH:
                absent.append(message)
                continue
        looked.append(_looked(message, times, plan, machine_now))
    # Quotas, then all of the messages, then what is counted: as everybody locks them.
    doubts.lock_quotas(connection, [message.id for message in absent])
    doubts.lock(connection, [message.id for message in (*absent, *(one for one, _ in found))])
    sent = _settle_found(connection, found, now)
    done.sent = [one.id for one in sent]
    done.failed = _settle_absent(connection, absent, now)
    _count(connection, sent, now)
    look_ups.note(connection, looked)
    done.open = [one.message_id for one in looked]
    return done


def _looked(message: DoubtedMessage, times: int, plan: LookUpPlan, machine_now: datetime) -> Looked:
    pause = plan.pause(message.looked + 1)
    return Looked(
        message_id=message.id,
        attempt=message.attempt,
        not_found=times,
        lease_until=None if pause is None else machine_now + timedelta(seconds=pause),
    )


def _settle_found(
    connection: Connection, found: Sequence[tuple[DoubtedMessage, Found]], now: datetime
) -> list[Settled]:
    if not found:
        return []
    return doubts.settle(
        connection,
        [message.id for message, _ in found],
        attempts=[message.attempt for message, _ in found],
        provider_ids=[finding.provider_id for _, finding in found],
        state=MessageState.SENT,
        outcome="sent",
        detail={"source": "look_up"},
        now=now,
    )


def _settle_absent(
    connection: Connection, absent: Sequence[DoubtedMessage], now: datetime
) -> list[int]:
    if not absent:
        return []
    settled = doubts.settle(
        connection,
        [message.id for message in absent],
        attempts=[message.attempt for message in absent],
        state=MessageState.FAILED,
        outcome="failed",
        detail={
            "source": "look_up",
            "code": NOT_FOUND,
            "explanation": "the provider never had it, so it was never sent",
        },
        now=now,
    )
    doubts.give_back(connection, settled)
    return [one.id for one in settled]


def settle_by_operator(
    connection: Connection,
    ids: Collection[int],
    verdict: Verdict,
    *,
    actor: str,
    reason: str,
    now: datetime,
    machine_now: datetime,
) -> list[Settled]:
    """Settle messages that are still in doubt as an operator says; the trail tells who and why.

    Returns:
        Those that moved: a status, a late answer or somebody else may have been first.
    """
    state, outcome = _BECOMES[verdict]
    if verdict is not Verdict.SENT:
        doubts.lock_quotas(connection, ids)
    settled = doubts.settle(
        connection,
        sorted(ids),
        state=state,
        outcome=outcome,
        detail={"source": "operator", "actor": actor, "explanation": reason},
        lease=machine_now,
        now=now,
    )
    if verdict is not Verdict.SENT:
        doubts.give_back(connection, settled)
    if verdict is Verdict.AGAIN:
        doubts.reopen(connection, {one.campaign_id for one in settled})
    audit.add(connection, _trail(settled, verdict, actor, reason, now))
    if verdict is Verdict.SENT:
        _count(connection, settled, now)
    return settled


def _trail(
    settled: Sequence[Settled], verdict: Verdict, actor: str, reason: str, now: datetime
) -> list[AuditEvent]:
    """An entry for each campaign."""
    campaigns = Counter(one.campaign for one in settled)
    return [
        AuditEvent(
            occurred_at=now,
            actor=actor,
            action=AuditAction.DOUBTS_SETTLED,
            subject=campaign,
            reason=reason,
            detail={"as": verdict.value, "messages": amount},
        )
        for campaign, amount in sorted(campaigns.items())
    ]


def _count(connection: Connection, sent: Sequence[Settled], now: datetime) -> None:
    """What a sent message is counted for: its template's use, and its sender's thresholds."""
    template_use.note(connection, {one.campaign_id for one in sent}, now=now)
    amounts = Counter(one.sender_id for one in sent)
    sender_counts.count(connection, sent=amounts, violations={}, now=now)
