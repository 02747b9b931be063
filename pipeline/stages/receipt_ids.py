"""Remembering under which ids a provider took messages and notices, for its receipts.

Written in the transaction that records the answer: a receipt that comes first waits for it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.providers.base import Accepted, Ambiguous, SendResult
from pipeline.stages.attempts import Answer
from pipeline.stages.notices import NoticeAnswer
from pipeline.store import receipt_ids, senders
from pipeline.store.receipt_ids import ReceiptIds


def note_messages(connection: Connection, answers: Sequence[Answer], *, now: datetime) -> None:
    """Remember the ids of the messages among `answers` that were taken under some."""
    taken = [
        (answer.claimed.parcel, result)
        for answer in answers
        if (result := _taken(answer.result)) is not None
    ]
    if not taken:
        return
    ours = senders.select_senders(connection, ids={parcel.sender_id for parcel, _ in taken})
    accounts = {sender.id: sender.account for sender in ours}
    named = [
        _named(accounts[parcel.sender_id], parcel.id, result)
        for parcel, result in taken
        if parcel.sender_id in accounts
    ]
    receipt_ids.store(connection, named, sent_at=now)


def note_notices(connection: Connection, answers: Sequence[NoticeAnswer], *, now: datetime) -> None:
    """Remember the ids of the notices among `answers` that were taken under some."""
    named = [
        _named(answer.notice.provider.lower(), answer.notice.id, result)
        for answer in answers
        if (result := _taken(answer.result)) is not None
    ]
    receipt_ids.store(connection, named, sent_at=now)


def _taken(result: SendResult | None) -> Accepted | Ambiguous | None:
    """The answer, if it names parts that were taken: all of them, or some of a text in doubt."""
    return result if isinstance(result, Accepted | Ambiguous) and result.receipt_ids else None


def _named(account: str, message_id: int, result: Accepted | Ambiguous) -> ReceiptIds:
    return ReceiptIds(
        account=account,
        provider_ids=result.receipt_ids,
        message_id=message_id,
        parts=result.parts if isinstance(result, Ambiguous) else 1,
    )
