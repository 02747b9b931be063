"""What becomes of a message after its attempt: from a provider's answer to rows.

What it makes of the message itself stands in ``attempts``; what it does to others (a sender, a
campaign, a person) follows here, in the same transaction.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.providers.base import (
    Accepted,
    Action,
    Rejected,
    SendResult,
)
from pipeline.providers.health import UNUSABLE
from pipeline.stages import answer_news, delivery, receipt_ids
from pipeline.stages.attempts import Answer, outcome_of
from pipeline.stages.books import Books
from pipeline.stages.delivery import Claimed
from pipeline.stages.refusals import Refusal, note_refusals
from pipeline.stages.suspensions import halt
from pipeline.store import campaigns, sender_counts, senders

_LEFT = frozenset({Action.SUPPRESS, Action.SUPPRESS_MARKETING})


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
    refusal = Rejected(Action.HALT_SENDER, UNUSABLE, problem[:200], None)
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
    # The providers' ids of people first, as webhooks lock them; senders before messages and people,
    # as claims do.
    answer_news.link_people(connection, answers, now)
    _follow_up(connection, answers, now)
    note_refusals(connection, _refusals(connection, answers, now), books=books, now=now)
    expiry = _expiry(connection, answers)
    ends = [
        (
            answer.claimed,
            outcome_of(answer, now, machine_now, expiry.get(answer.claimed.parcel.campaign_id)),
        )
        for answer in answers
    ]
    recorded = delivery.record(connection, ends, now=now)
    receipt_ids.note_messages(connection, answers, now=now)
    _count(connection, [one for one in answers if one.claimed.parcel.id in recorded], now)


def _expiry(connection: Connection, answers: Sequence[Answer]) -> dict[int, datetime | None]:
    """When the campaigns of the refused end: the others need not know."""
    refused = {
        answer.claimed.parcel.campaign_id
        for answer in answers
        if isinstance(answer.result, Rejected)
    }
    if not refused:
        return {}
    found = campaigns.by_ids(connection, refused)
    return {campaign.id: campaign.expires_at for campaign in found.values()}


def _follow_up(connection: Connection, answers: Sequence[Answer], now: datetime) -> None:
    """What refusals mean for others than their messages: senders first, then campaigns.

    Each in the order of their ids, so that two batches never wait for each other in a circle.
    """
    answer_news.count_unknown(connection, answers, now)
    # A whole batch may be refused for one reason: it is looked at once.
    refused: dict[tuple[int, Action, str], Rejected] = {}
    for answer in answers:
        if isinstance(answer.result, Rejected):
            parcel = answer.claimed.parcel
            refused.setdefault(
                (parcel.sender_id, answer.result.action, parcel.country), answer.result
            )
    for (sender_id, _, country), result in sorted(refused.items(), key=lambda one: one[0]):
        halt(connection, sender_id, result, country=country, now=now)
    answer_news.halt_campaigns(connection, answers, now)


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
    providers = {sender.id: sender.account for sender in ours}
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
