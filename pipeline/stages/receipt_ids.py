"""Remembering under which ids a provider took messages and notices, for its receipts.

Written in the transaction that records the answer: a receipt that comes first waits for it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.providers.base import Accepted
from pipeline.stages.attempts import Answer
from pipeline.stages.notices import NoticeAnswer
from pipeline.store import receipt_ids, senders
from pipeline.store.receipt_ids import ReceiptIds


def note_messages(connection: Connection, answers: Sequence[Answer], *, now: datetime) -> None:
    """Remember the ids of the messages among `answers` that were taken under some."""
    taken = [
        (answer.claimed.parcel, answer.result.receipt_ids)
        for answer in answers
        if isinstance(answer.result, Accepted) and answer.result.receipt_ids
    ]
    if not taken:
        return
    ours = senders.select_senders(connection, ids={parcel.sender_id for parcel, _ in taken})
    accounts = {sender.id: sender.provider.lower() for sender in ours}
    named = [
        ReceiptIds(account=accounts[parcel.sender_id], provider_ids=ids, message_id=parcel.id)
        for parcel, ids in taken
        if parcel.sender_id in accounts
    ]
    receipt_ids.store(connection, named, sent_at=now)


def note_notices(connection: Connection, answers: Sequence[NoticeAnswer], *, now: datetime) -> None:
    """Remember the ids of the notices among `answers` that were taken under some."""
    named = [
        ReceiptIds(
            account=answer.notice.provider.lower(),
            provider_ids=answer.result.receipt_ids,
            message_id=answer.notice.id,
        )
        for answer in answers
        if isinstance(answer.result, Accepted) and answer.result.receipt_ids
    ]
    receipt_ids.store(connection, named, sent_at=now)
