"""The lane's notices: written, given to a sender, and what becomes of them after each attempt.

A notice leaves outside windows, caps and quotas, and a suspended sender may send it: only the
sender's rate binds. It is claimed before it is sent, and what is in doubt is never sent again.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import Category
from pipeline.providers.base import (
    Accepted,
    Action,
    Ambiguous,
    OutboundMessage,
    Rejected,
    SendResult,
)
from pipeline.providers.events import DeliveryStatus
from pipeline.providers.health import UNUSABLE
from pipeline.stages.books import Books
from pipeline.stages.notice_senders import halt_senders, other_senders
from pipeline.stages.refusals import Refusal, note_refusals
from pipeline.store import notice_evidence, notice_outcomes
from pipeline.store.notice_outcomes import NoticeEnd
from pipeline.store.notices import Notice, NoticeKind, NoticeState

log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 120.0
"""Seconds of machine time between two attempts: the pause doubles with each, and is drawn at
random from its upper half."""

MOST_ATTEMPTS = 40
"""At the longest pauses that is over an hour, the strictest deadline that a country sets."""

_TRY_AGAIN = frozenset(
    {Action.RETRY_LATER, Action.SLOW_SENDER, Action.SLOW_RECIPIENT, Action.SLOW_ACCOUNT}
)
_HALTED = frozenset({Action.HALT_SENDER, Action.HALT_ACCOUNT, Action.HALT_DESTINATION})
"""Another sender may do; without one it is tried again: an operator may mend it."""

_LEFT = frozenset({Action.SUPPRESS, Action.SUPPRESS_MARKETING})
"""The provider lets nothing through to a person who has left, and tells them so itself."""

_FAILED = frozenset({DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED})
_ARRIVED = frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.READ})


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeAnswer:
    """The end of one attempt, as the lane's worker knows it.

    Attributes:
        attempt: the number of the attempt, as the claim gave it.
        result: what the provider said; None: the request never began, or our own code failed.
        started: whether a request may have left.
        sent_at: business instant at which it began.
        answered_at: business instant of the end.
    """

    notice: Notice
    attempt: int
    result: SendResult | None
    started: bool
    sent_at: datetime | None
    answered_at: datetime


def compose(notice: Notice) -> OutboundMessage:
    """The notice as the provider needs it.

    The provider's tables end a message after a few tries; a notice has bounds of its own.
    """
    return OutboundMessage(
        message_id=notice.id,
        attempt=1,
        channel=notice.channel,
        category=Category.TRANSACTIONAL,
        sender_address=notice.address,
        to=notice.phone,
        user_id=notice.user_id,
        body=notice.body,
        template=None,
        template_language=None,
        template_parameters=(),
        validity_seconds=None,
    )


def unusable(problem: str) -> Rejected:
    """The sender's account is not in our settings, or cannot send: nothing has left."""
    return Rejected(Action.HALT_SENDER, UNUSABLE, problem[:200], None)


def record(
    connection: Connection,
    answers: Sequence[NoticeAnswer],
    *,
    accounts: Collection[str],
    books: Books,
    now: datetime,
    machine_now: datetime,
) -> set[int]:
    """Write the ends of attempts, and what they mean for senders and people.

    Returns:
        The ids that this moved.
    """
    refused = [
        answer.notice
        for answer in answers
        if isinstance(answer.result, Rejected) and answer.result.action not in _TRY_AGAIN | _LEFT
    ]
    others = other_senders(connection, refused, accounts)
    refusals = [
        (answer.notice, answer.result)
        for answer in answers
        if answer.started and isinstance(answer.result, Rejected)
    ]
    halt_senders(connection, refusals, now)  # afterwards: it changes who comes next
    # Before the notices: the webhook, too, locks people first.
    note_refusals(connection, _refusals(answers), books=books, now=now)
    ends = [_end(answer, others.get(answer.notice.id), machine_now) for answer in answers]
    return notice_outcomes.record(connection, ends)


def settle_by_status(
    connection: Connection,
    notice_id: int,
    *,
    account: str,
    status: DeliveryStatus,
    code: str | None,
    provider_id: str,
    at: datetime,
    books: Books,
    now: datetime,
    opted_out: bool = False,
) -> bool:
    """Move a notice on by what its provider reports; a doubt is settled by it.

    Args:
        account: that brought the report; any but the notice's own changes nothing.
        at: business instant of the report.
        opted_out: the provider lets nothing through, since the person has left.

    Returns:
        Whether it was news.
    """
    if opted_out:
        _note_left(connection, notice_id, account=account, code=code, books=books, now=now)
    if status in _FAILED:
        return notice_evidence.note_failure(
            connection,
            notice_id,
            account=account,
            provider_id=provider_id,
            code=code,
            confirmation="by_provider" if opted_out else "failed",
        )
    return notice_evidence.note_arrival(
        connection,
        notice_id,
        account=account,
        provider_id=provider_id,
        arrived=status in _ARRIVED,
        at=at,
    )


def _note_left(
    connection: Connection,
    notice_id: int,
    *,
    account: str,
    code: str | None,
    books: Books,
    now: datetime,
) -> None:
    """Let the person go who got the notice; one who was told of leaving has gone already."""
    sent = notice_evidence.sent_through(connection, notice_id, account=account)
    if sent is None or sent.kind is NoticeKind.CONFIRMATION:
        return
    refusal = Refusal(
        message_id=notice_id,
        account=account.lower(),
        contact_id=sent.contact_id,
        business=sent.business,
        sender_id=sent.sender_id,
        channel=sent.channel,
        code=code or "",
        received_at=now,
    )
    note_refusals(connection, [refusal], books=books, now=now)


def _end(answer: NoticeAnswer, other: int | None, machine_now: datetime) -> NoticeEnd:
    result = answer.result
    if isinstance(result, Accepted):
        return _closed(answer, NoticeState.SENT, "sent", provider_id=result.provider_id)
    if isinstance(result, Rejected):
        return _refused(answer, result, other, machine_now)
    if isinstance(result, Ambiguous):
        return _closed(answer, NoticeState.IN_DOUBT, "in_doubt", code=result.code or "ambiguous")
    if answer.started:
        return _closed(answer, NoticeState.IN_DOUBT, "in_doubt", code="crashed")
    return _waiting(answer, lease_until=None)


def _refused(
    answer: NoticeAnswer, result: Rejected, other: int | None, machine_now: datetime
) -> NoticeEnd:
    if not result.known:
        log.warning("provider_code_unknown", code=result.code, notice_id=answer.notice.id)
    if result.action in _LEFT:
        return _closed(answer, NoticeState.FAILED, "by_provider", code=result.code)
    if answer.attempt < MOST_ATTEMPTS:
        if result.action in _TRY_AGAIN or (result.action in _HALTED and other is None):
            pause = _pause(answer.attempt, result.retry_after)
            return _waiting(answer, lease_until=machine_now + pause, code=result.code)
        if other is not None:
            return _waiting(answer, lease_until=None, code=result.code, sender_id=other)
    log.error("notice_failed", notice_id=answer.notice.id, code=result.code)
    return _closed(answer, NoticeState.FAILED, "failed", code=result.code)


def _pause(attempt: int, retry_after: float | None) -> timedelta:
    ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt - 1, 16))
    drawn = random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter
    # Some providers ask for a day; a confirmation that late is worth less than one more refusal.
    return timedelta(seconds=max(drawn, min(retry_after or 0.0, LONGEST_PAUSE)))


def _closed(
    answer: NoticeAnswer,
    state: NoticeState,
    confirmation: str,
    *,
    provider_id: str | None = None,
    code: str | None = None,
) -> NoticeEnd:
    may_have_left = state is not NoticeState.FAILED
    return NoticeEnd(
        id=answer.notice.id,
        attempt=answer.attempt,
        state=state,
        confirmation=confirmation,
        provider_id=provider_id,
        code=code,
        sent_at=answer.sent_at if may_have_left else None,
        confirmed_at=answer.answered_at if state is NoticeState.SENT else None,
    )


def _waiting(
    answer: NoticeAnswer,
    *,
    lease_until: datetime | None,
    code: str | None = None,
    sender_id: int | None = None,
) -> NoticeEnd:
    return NoticeEnd(
        id=answer.notice.id,
        attempt=answer.attempt,
        state=NoticeState.PENDING,
        confirmation="due",
        sender_id=sender_id,
        lease_until=lease_until,
        code=code,
    )


def _refusals(answers: Sequence[NoticeAnswer]) -> list[Refusal]:
    """Those who, by the provider's answer to something else than a confirmation, have left."""
    return [
        Refusal(
            message_id=notice.id,
            account=notice.provider.lower(),
            contact_id=notice.contact_id,
            business=notice.business,
            sender_id=notice.sender_id,
            channel=notice.channel,
            code=result.code,
            received_at=answer.answered_at,
        )
        for answer in answers
        if isinstance(result := answer.result, Rejected)
        and result.action in _LEFT
        and (notice := answer.notice).kind is not NoticeKind.CONFIRMATION
    ]
