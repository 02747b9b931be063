"""The lane's notices: written, given to a sender, and what becomes of them after each attempt.

A notice leaves outside windows, caps and quotas, and a suspended sender may send it: only the
sender's rate binds. It is claimed before it is sent, and what is in doubt is never sent again.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import (
    Accepted,
    Action,
    Ambiguous,
    OutboundMessage,
    Rejected,
    SendResult,
)
from pipeline.providers.events import DeliveryStatus
from pipeline.store import notice_evidence, notices, senders
from pipeline.store.notices import Notice, NoticeEnd, NoticeState
from pipeline.store.senders import Sender

log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 120.0
"""Seconds of machine time between two attempts: the pause doubles with each, and is drawn at
random from its upper half."""

MOST_ATTEMPTS = 40
"""At the longest pauses that is over an hour, the strictest deadline that a country sets."""

MOST_SENDERS = 3
"""So many senders of a business are tried in turn when each of them refuses for good."""

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
        sender_address=notice.address,
        to=notice.phone,
        body=notice.body,
        template=None,
        template_language=None,
        template_parameters=(),
        validity_seconds=None,
    )


def unusable(problem: str) -> Rejected:
    """The sender's account is not in our settings, or cannot send: nothing has left."""
    return Rejected(Action.HALT_SENDER, "account_unusable", problem[:200], None)


def fitting_senders(
    available: Sequence[Sender],
    *,
    channel: Channel,
    received_by: int | None,
    country: str,
    accounts: Collection[str],
) -> list[Sender]:
    """Who may answer, the best first: whoever got the reply, then one of the person's country.

    Args:
        available: the senders of the business.
        accounts: provider accounts that can send, in lower case.
    """

    def rank(sender: Sender) -> tuple[object, ...]:
        return (
            sender.provider.lower() not in accounts,
            sender.id != received_by,
            sender.state is SenderState.SUSPENDED,
            sender.country != country,
            sender.code,
        )

    fitting = (sender for sender in available if sender.channel is channel)
    return sorted(fitting, key=rank)[:MOST_SENDERS]


def record(
    connection: Connection,
    answers: Sequence[NoticeAnswer],
    *,
    accounts: Collection[str],
    now: datetime,
    machine_now: datetime,
) -> set[int]:
    """Write the ends of attempts, and what they mean for the senders; the ids that were open."""
    others = _other_senders(connection, answers, accounts)
    _halt_senders(connection, answers, now)  # afterwards: it changes who comes next
    ends = [_end(answer, others.get(answer.notice.id), machine_now) for answer in answers]
    return notices.record(connection, ends)


def settle_by_status(
    connection: Connection,
    notice_id: int,
    *,
    account: str,
    status: DeliveryStatus,
    code: str | None,
    provider_id: str,
    at: datetime,
) -> bool:
    """Move a notice on by what its provider reports; a doubt is settled by it.

    Args:
        account: that brought the report; any but the notice's own changes nothing.
        at: business instant of the report.

    Returns:
        Whether it was news.
    """
    if status in _FAILED:
        return notice_evidence.note_failure(
            connection, notice_id, account=account, provider_id=provider_id, code=code
        )
    return notice_evidence.note_arrival(
        connection,
        notice_id,
        account=account,
        provider_id=provider_id,
        arrived=status in _ARRIVED,
        at=at,
    )


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


def _halt_senders(connection: Connection, answers: Sequence[NoticeAnswer], now: datetime) -> None:
    """A refusal that halts a sender halts it for campaigns too, whoever heard it first."""
    for answer in answers:
        result = answer.result
        if not (isinstance(result, Rejected) and answer.started):
            continue
        if result.action is Action.HALT_SENDER:
            halted = [answer.notice.sender_id]
        elif result.action is Action.HALT_ACCOUNT:
            everyone = senders.select_senders(connection)
            halted = [one.id for one in everyone if one.provider == answer.notice.provider]
        else:
            continue
        why = f"{result.code}: {result.detail}"[:200]
        senders.set_sender_state(connection, halted, SenderState.SUSPENDED, reason=why, now=now)
        log.error("sender_halted", sender_ids=halted, code=result.code)


def _other_senders(
    connection: Connection, answers: Sequence[NoticeAnswer], accounts: Collection[str]
) -> Mapping[int, int]:
    """Who could try next, for the notices that their sender refuses: notice id → sender id."""
    refused = [
        answer.notice
        for answer in answers
        if isinstance(answer.result, Rejected) and answer.result.action not in _TRY_AGAIN | _LEFT
    ]
    if not refused:
        return {}
    available = senders.select_senders(connection, businesses={one.business for one in refused})
    found: dict[int, int] = {}
    for notice in refused:
        others = fitting_senders(
            [one for one in available if one.business == notice.business],
            channel=notice.channel,
            received_by=notice.received_by,
            country=notice.country,
            accounts=accounts,
        )
        ids = [sender.id for sender in others]
        place = ids.index(notice.sender_id) + 1 if notice.sender_id in ids else 0
        if place < len(ids):
            found[notice.id] = ids[place]
    return found
