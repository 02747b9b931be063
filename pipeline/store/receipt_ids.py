"""The ids by which an SMSC's receipts name our messages, each of which may have several parts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptIds:
    """What a provider calls the parts of one message.

    Attributes:
        account: the provider account, in lower case.
        provider_ids: one a part.
        message_id: ours; below 0: a notice's.
        parts: of the message, where it has more than those that were taken.
    """

    account: str
    provider_ids: tuple[str, ...]
    message_id: int
    parts: int = 1


# An SMSC begins anew at some time: then the id is the younger message's.
_STORE = text(
    """
    INSERT INTO receipt_ids (account, provider_id, message_id, sent_at, parts)
    SELECT DISTINCT ON (account, provider_id) account, provider_id, message_id, :sent_at, parts
    FROM unnest(CAST(:accounts AS text[]), CAST(:provider_ids AS text[]),
                CAST(:message_ids AS bigint[]), CAST(:parts AS smallint[])) WITH ORDINALITY
        AS r (account, provider_id, message_id, parts, place)
    ORDER BY account, provider_id, place DESC
    ON CONFLICT (account, provider_id) DO UPDATE
    SET message_id = excluded.message_id, sent_at = excluded.sent_at, parts = excluded.parts,
        arrived_at = NULL
    WHERE receipt_ids.message_id <> excluded.message_id
    """
)


def store(connection: Connection, taken: Sequence[ReceiptIds], *, sent_at: datetime) -> None:
    """Remember what was taken under which ids; written twice, it changes nothing."""
    rows = [(one, provider_id) for one in taken for provider_id in one.provider_ids]
    if not rows:
        return
    connection.execute(
        _STORE,
        {
            "accounts": [one.account for one, _ in rows],
            "provider_ids": [provider_id for _, provider_id in rows],
            "message_ids": [one.message_id for one, _ in rows],
            "parts": [max(one.parts, len(set(one.provider_ids))) for one, _ in rows],
            "sent_at": sent_at,
        },
    )


@dataclass(frozen=True, slots=True)
class Named:
    """A part of a message that a receipt has named.

    Attributes:
        message_id: ours; below 0: a notice's.
        complete: every part of the message has arrived; never, where not all of them were taken.
    """

    message_id: int
    complete: bool


# All parts of the messages are locked, in one order: of two processes that are told of the last two
# parts, the second must see what the first has written, or neither would find the message whole.
_ARRIVE = text(
    """
    WITH held AS MATERIALIZED (
        SELECT account, provider_id FROM receipt_ids
        WHERE account = :account AND parts > 1 AND message_id IN (
            SELECT message_id FROM receipt_ids
            WHERE account = :account AND provider_id = ANY(CAST(:arrived AS text[])) AND parts > 1)
        ORDER BY provider_id FOR UPDATE
    )
    UPDATE receipt_ids r SET arrived_at = :now FROM held
    WHERE r.account = held.account AND r.provider_id = held.provider_id
      AND r.arrived_at IS NULL AND r.provider_id = ANY(CAST(:arrived AS text[]))
    """
)

_FIND = text(
    """
    SELECT r.provider_id, r.message_id,
           r.parts = 1 OR r.parts <= (
               SELECT count(*) FROM receipt_ids other
               WHERE other.message_id = r.message_id AND other.account = r.account
                 AND other.parts > 1 AND other.sent_at = r.sent_at
                 AND other.arrived_at IS NOT NULL) AS complete
    FROM receipt_ids r
    WHERE r.account = :account AND r.provider_id = ANY(CAST(:ids AS text[]))
    """
)


def find(
    connection: Connection,
    account: str,
    ids: Collection[str],
    *,
    arrived: Collection[str],
    now: datetime,
) -> dict[str, Named]:
    """Which messages these ids name: those that are known.

    Args:
        arrived: those of the ids whose receipt says that the part was delivered.
        now: business instant at which they were told of.
    """
    if arrived:
        connection.execute(_ARRIVE, {"account": account, "arrived": sorted(arrived), "now": now})
    rows = connection.execute(_FIND, {"account": account, "ids": sorted(ids)})
    return {row.provider_id: Named(row.message_id, row.complete) for row in rows}
