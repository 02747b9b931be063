"""The end of one attempt: what it makes of its message.

One literal table says which refusals a message waits after. What an answer means for others than
its message stands in ``answers``.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.policy.retries import End, RetryPolicy
from pipeline.policy.vocabulary import MessageState, Reason
from pipeline.providers.base import (
    Accepted,
    Action,
    Ambiguous,
    NotStarted,
    Rejected,
    SendResult,
)
from pipeline.providers.health import is_outage
from pipeline.stages.delivery import Claimed
from pipeline.store.outcomes import SendOutcome

RETRIES = RetryPolicy()
"""A message that was claimed and not started in time was not refused."""

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
        Action.HALT_DESTINATION,
    }
)
"""Refusals that are not this message's fault: it waits. Every other one is its end."""

_OWN = frozenset({Action.RETRY_LATER, Action.SLOW_RECIPIENT})
"""Of these the ones that may be about the message all the same, unless its provider is out."""

_ENDS = {
    End.TOO_MANY: (MessageState.FAILED, "failed", None),
    End.EXPIRED: (MessageState.EXPIRED, "block", Reason.EXPIRED),
}


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


def outcome_of(
    answer: Answer, now: datetime, machine_now: datetime, expires_at: datetime | None
) -> SendOutcome:
    """What the row becomes.

    Args:
        expires_at: when its campaign ends; None: never.
    """
    result = answer.result
    if isinstance(result, Accepted):
        return _outcome(
            answer,
            MessageState.SENT,
            "sent",
            provider_id=result.provider_id,
            code="held" if result.held else "paused" if result.paused else None,
            explanation=_in_segments(result.segments),
        )
    if isinstance(result, Rejected):
        return _refused(answer, result, now, machine_now, expires_at)
    if isinstance(result, Ambiguous):
        return _outcome(
            answer, MessageState.IN_DOUBT, "in_doubt", code=result.code, explanation=result.detail
        )
    if answer.started and not isinstance(result, NotStarted):
        why = "the worker failed while it was sending"
        return _outcome(answer, MessageState.IN_DOUBT, "in_doubt", explanation=why)
    return _outcome(answer, MessageState.READY, "unsent", unsent=True)


def _in_segments(segments: int | None) -> str | None:
    """What a text of more than one SMS costs is worth a word."""
    return f"in {segments} segments" if segments is not None and segments > 1 else None


def _refused(
    answer: Answer,
    result: Rejected,
    now: datetime,
    machine_now: datetime,
    expires_at: datetime | None,
) -> SendOutcome:
    parcel = answer.claimed.parcel
    # A provider's outage ends no message, however few tries its table allows for the code.
    if result.action not in _TRY_AGAIN and not is_outage(result):
        return _outcome(answer, MessageState.FAILED, "failed", refusal=result)
    next_ = RETRIES.decide(
        parcel.refusals + 1,
        turned_away=result.action not in _OWN or is_outage(result),
        retry_after=result.retry_after,
        chance=random.random(),  # noqa: S311 - jitter
        now=now,
        window_closes_at=parcel.window_closes_at,
        expires_at=expires_at,
    )
    if isinstance(next_, End):
        state, label, reason = _ENDS[next_]
        return _outcome(answer, state, label, reason=reason, refusal=result)
    pause = timedelta(seconds=next_.pause)
    return _outcome(
        answer,
        MessageState.DEFERRED if next_.decide_anew else MessageState.READY,
        "retry",
        lease_until=None if next_.decide_anew else machine_now + pause,
        not_before=now + pause if next_.decide_anew else None,
        reason=Reason.WINDOW_CLOSED if next_.window_closed else None,
        refusal=result,
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
    reason: Reason | None = None,
    refusal: Rejected | None = None,
) -> SendOutcome:
    """The row's new values; a `refusal` says why, and that nothing was sent."""
    claimed = answer.claimed
    if refusal is not None:
        unsent, code, explanation = True, refusal.code, refusal.detail
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
        reason=reason,
    )
