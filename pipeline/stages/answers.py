"""What becomes of a message after its attempt: from a provider's answer to rows.

One literal table says what each action does to the message; what it does to others (a sender, a
campaign, a person) follows in the same transaction.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import (
    Accepted,
    Action,
    Ambiguous,
    NotStarted,
    Rejected,
    SendResult,
)
from pipeline.stages import delivery
from pipeline.stages.books import Books
from pipeline.stages.campaign_states import pause_halted
from pipeline.stages.delivery import Claimed
from pipeline.stages.refusals import Refusal, note_refusals
from pipeline.stages.suspensions import halt
from pipeline.store import campaigns, sender_counts, senders
from pipeline.store.outcomes import SendOutcome

log = structlog.get_logger(__name__)

MOST_REFUSALS = 8
"""After so many refusals that allow another try, a message has failed. A message that was claimed
and not started in time was not refused."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 600.0
"""Seconds of machine time: the pause doubles with each refusal, and is drawn at random below it,
so that messages refused together do not come back together."""

SHORT_PAUSE = 60.0
"""A pause up to this is a lease on the ready row; a longer one is a deferral, so that the message
is decided again (its window may have closed) before it is tried again."""

_TRY_AGAIN = frozenset(
    {
        Action.RETRY_LATER,
        Action.SLOW_SENDER,
        Action.SLOW_RECIPIENT,
        Action.SLOW_ACCOUNT,
        Action.HALT_SENDER,
        Action.HALT_ACCOUNT,
        Action.HALT_TEMPLATE,
        Action.HALT_CAMPAIGN,
    }
)
"""Refusals that are not this message's fault: it waits. Every other one is its end."""


_LEFT = frozenset({Action.SUPPRESS, Action.SUPPRESS_MARKETING})

_MAY_HAVE_LEFT = frozenset({MessageState.SENT, MessageState.IN_DOUBT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The end of one attempt, as the courier knows it.

    Attributes:
        result: what the provider said; None: the request was never started, or it crashed.
        sent_at: business instant at which the request began; None: it did not.
        started: whether a request may have left.
    """

    claimed: Claimed
    result: SendResult | None
    sent_at: datetime | None
    started: bool


def read(claimed: Claimed, result: SendResult, *, sent_at: datetime) -> Answer:
    """The provider has said something, or nobody can tell what it did."""
    return Answer(claimed=claimed, result=result, sent_at=sent_at, started=True)


def not_started(claimed: Claimed) -> Answer:
    """The message was claimed and its moment passed before its request began."""
    return Answer(claimed=claimed, result=None, sent_at=None, started=False)


def unsendable(claimed: Claimed) -> Answer:
    """The message could not be composed; it never left, and never will."""
    refusal = Rejected(Action.FAIL, "unsendable", "the message could not be composed", None)
    return Answer(claimed=claimed, result=refusal, sent_at=None, started=False)


def misconfigured(claimed: Claimed, problem: str) -> Answer:
    """The sender's provider account cannot be used: an operator's mistake, not the message's."""
    refusal = Rejected(Action.HALT_SENDER, "account_unusable", problem[:200], None)
    return Answer(claimed=claimed, result=refusal, sent_at=None, started=False)


def crashed(claimed: Claimed, *, sent_at: datetime) -> Answer:
    """Our own code failed around the request: it may have left."""
    return Answer(claimed=claimed, result=None, sent_at=sent_at, started=True)


def record(
    connection: Connection,
    answers: Sequence[Answer],
    *,
    books: Books,
    now: datetime,
    machine_now: datetime,
) -> None:
    """Write the ends of attempts and what follows from them."""
    # Senders are locked before messages and people, as claims lock them.
    _follow_up(connection, answers, now)
    note_refusals(connection, _refusals(connection, answers, now), books=books, now=now)
    ends = [(answer.claimed, outcome_of(answer, now, machine_now)) for answer in answers]
    recorded = delivery.record(connection, ends, now=now)
    _count(connection, [one for one in answers if one.claimed.parcel.id in recorded], now)


def outcome_of(answer: Answer, now: datetime, machine_now: datetime) -> SendOutcome:
    """What the row becomes."""
    result = answer.result
    if isinstance(result, Accepted):
        return _outcome(
            answer,
            MessageState.SENT,
            "sent",
            provider_id=result.provider_id,
            code="held" if result.held else None,
        )
    if isinstance(result, Rejected):
        return _refused(answer, result, now, machine_now)
    if isinstance(result, Ambiguous):
        return _outcome(
            answer, MessageState.IN_DOUBT, "in_doubt", code=result.code, explanation=result.detail
        )
    if answer.started and not isinstance(result, NotStarted):
        why = "the worker failed while it was sending"
        return _outcome(answer, MessageState.IN_DOUBT, "in_doubt", explanation=why)
    return _outcome(answer, MessageState.READY, "unsent", unsent=True)


def _refused(answer: Answer, result: Rejected, now: datetime, machine_now: datetime) -> SendOutcome:
    refusals = answer.claimed.parcel.refusals + 1
    if result.action not in _TRY_AGAIN or refusals >= MOST_REFUSALS:
        return _outcome(
            answer,
            MessageState.FAILED,
            "failed",
            unsent=True,
            code=result.code,
            explanation=result.detail,
        )
    ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2**refusals)
    pause = max(result.retry_after or 0.0, random.uniform(0, ceiling))  # noqa: S311 - jitter
    short = pause <= SHORT_PAUSE
    return _outcome(
        answer,
        MessageState.READY if short else MessageState.DEFERRED,
        "retry",
        unsent=True,
        lease_until=machine_now + timedelta(seconds=pause) if short else None,
        not_before=None if short else now + timedelta(seconds=pause),
        code=result.code,
        explanation=result.detail,
    )


def _outcome(
    answer: Answer,
    state: MessageState,
    label: str,
    *,
    unsent: bool = False,
    provider_id: str | None = None,
    lease_until: datetime | None = None,
    not_before: datetime | None = None,
    code: str | None = None,
    explanation: str | None = None,
) -> SendOutcome:
    claimed = answer.claimed
    return SendOutcome(
        id=claimed.parcel.id,
        attempt=claimed.attempt,
        state=state,
        label=label,
        claimed_at=claimed.claimed_at,
        counted=claimed.counted,
        unsent=unsent,
        provider_id=provider_id,
        sent_at=answer.sent_at if state in _MAY_HAVE_LEFT else None,
        lease_until=lease_until,
        not_before=not_before,
        code=code,
        explanation=explanation,
    )


def _follow_up(connection: Connection, answers: Sequence[Answer], now: datetime) -> None:
    """What refusals mean for others than their messages: senders first, then campaigns.

    Each in the order of their ids, so that two batches never wait for each other in a circle.
    """
    refused = [
        (answer.claimed.parcel, answer.result)
        for answer in answers
        if isinstance(answer.result, Rejected)
    ]
    for parcel, result in sorted(refused, key=lambda one: one[0].sender_id):
        if not result.known:
            log.warning("provider_code_unknown", code=result.code, message_id=parcel.id)
        halt(connection, parcel.sender_id, result, now=now)
    for parcel, result in sorted(refused, key=lambda one: one[0].campaign_id):
        if result.action in (Action.HALT_CAMPAIGN, Action.HALT_TEMPLATE):
            pause_halted(connection, parcel.campaign_id, result, now=now)


def _count(connection: Connection, recorded: Sequence[Answer], now: datetime) -> None:
    """Count, for the senders' thresholds, what was taken and what was refused as violating."""
    sent = Counter(
        one.claimed.parcel.sender_id for one in recorded if isinstance(one.result, Accepted)
    )
    violations = Counter(
        one.claimed.parcel.sender_id
        for one in recorded
        if isinstance(one.result, Rejected) and one.result.violation
    )
    sender_counts.count(connection, sent=sent, violations=violations, now=now)


def _refusals(connection: Connection, answers: Sequence[Answer], now: datetime) -> list[Refusal]:
    """Those who, by the provider's answer, have left."""
    found = [
        (answer.claimed.parcel, answer.result)
        for answer in answers
        if isinstance(answer.result, Rejected) and answer.result.action in _LEFT
    ]
    if not found:
        return []
    theirs = campaigns.by_ids(connection, {parcel.campaign_id for parcel, _ in found})
    ours = senders.select_senders(connection, ids={parcel.sender_id for parcel, _ in found})
    providers = {sender.id: sender.provider.lower() for sender in ours}
    return [
        Refusal(
            message_id=parcel.id,
            account=providers[parcel.sender_id],
            contact_id=parcel.contact_id,
            business=theirs[parcel.campaign_id].business,
            sender_id=parcel.sender_id,
            channel=theirs[parcel.campaign_id].channel,
            code=result.code,
            received_at=now,
        )
        for parcel, result in found
    ]
