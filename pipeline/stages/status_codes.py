"""What the codes of late failures mean for others than their messages.

A message that was taken and then failed ends there: it is never sent again by itself, whatever its
code would allow a message that was refused at once. What the code says of the sender, the account,
the template or the country holds all the same. Who left is in ``statuses``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import MessageState
from pipeline.providers.events import StatusReport
from pipeline.stages import template_states
from pipeline.stages.arrivals import Brought
from pipeline.stages.suspensions import halt
from pipeline.store import notice_evidence, provider_news
from pipeline.store.statuses import Addressee

log = structlog.get_logger(__name__)

_HEARD = frozenset({MessageState.DELIVERED, MessageState.UNDELIVERED})
"""Of these messages we know the end: a failure told again, or too late, halts nothing."""

_Told = Mapping[int, Sequence[Brought[StatusReport]]]


@dataclass(frozen=True, slots=True)
class _Failure:
    """A failure that is new to us.

    Attributes:
        message_id: below 0: a notice's.
        campaign_id: None of a notice: it is of no campaign.
        country: the recipient's.
    """

    message_id: int
    sender_id: int
    campaign_id: int | None
    country: str
    brought: Brought[StatusReport]


def follow_up(
    connection: Connection,
    told: _Told,
    known: Mapping[int, Addressee],
    of_notices: Sequence[tuple[int, Brought[StatusReport]]],
    *,
    now: datetime,
) -> None:
    """Halt what failures that are new to us halt, and count codes that nobody knows.

    Args:
        told: message id → what was told of it.
        known: message id → whom it went to.
        of_notices: a notice's id, and what was told of it.
    """
    fresh = [*_of_messages(told, known), *_of_notices(connection, of_notices)]
    _count_unknown(connection, fresh, now)
    halts = {
        (one.sender_id, one.campaign_id or 0, refusal.code): (one, refusal)
        for one in fresh
        if (refusal := one.brought.event.halts) is not None
    }
    for _, (one, refusal) in sorted(halts.items(), key=lambda item: item[0]):
        told_at = _told_at(one)
        halt(connection, one.sender_id, refusal, country=one.country, told_at=told_at, now=now)
    for _, (one, refusal) in sorted(halts.items(), key=lambda item: item[0][1]):
        if one.campaign_id is None:
            continue
        template_states.halt(
            connection, one.campaign_id, one.sender_id, refusal, told_at=_told_at(one), now=now
        )


def _told_at(failure: _Failure) -> datetime:
    return failure.brought.happened_at(failure.brought.event.occurred_at)


def _of_messages(told: _Told, known: Mapping[int, Addressee]) -> Iterator[_Failure]:
    for message_id, brought in told.items():
        addressee = known[message_id]
        if addressee.state not in _HEARD:
            for one in brought:
                yield _Failure(
                    message_id, addressee.sender_id, addressee.campaign_id, addressee.country, one
                )


def _of_notices(
    connection: Connection, told: Sequence[tuple[int, Brought[StatusReport]]]
) -> Iterator[_Failure]:
    for notice_id, one in told:
        if one.event.halts is None and one.event.known:
            continue
        sent = notice_evidence.sent_through(connection, notice_id, account=one.account)
        if sent is not None and not sent.ended:
            yield _Failure(notice_id, sent.sender_id, None, sent.country, one)


def _count_unknown(connection: Connection, fresh: Sequence[_Failure], now: datetime) -> None:
    unknown: Counter[tuple[str, str]] = Counter()
    for failure in fresh:
        event = failure.brought.event
        if not event.known and event.code is not None:
            unknown[failure.brought.account, event.code] += 1
            log.warning("provider_code_unknown", code=event.code, message_id=failure.message_id)
    provider_news.count_unknown_codes(connection, unknown, now=now)
