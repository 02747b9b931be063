"""Which messages in doubt are looked up at their provider, when, and by whom: rows with leases.

A doubt's row comes when a looker first sees it, so that its first pause is whole; it goes when the
doubt is settled, whoever settled it. Any number of lookers may work side by side.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import Channel


@dataclass(frozen=True, kw_only=True, slots=True)
class DoubtedMessage:
    """A message in doubt, with what its provider is asked.

    Attributes:
        looked: how often it was looked up before.
        not_found: how often in a row the provider did not know it, when it should have.
        claimed_at: business instant of the claim; None: unknown.
        sent_at: business instant at which the request began; None: nobody recorded it.
        phone: None: the person's number was erased.
    """

    id: int
    attempt: int
    looked: int
    not_found: int
    campaign_id: int
    channel: Channel
    sender_address: str
    phone: str | None
    body: str
    variables: Mapping[str, str]
    claimed_at: datetime | None
    sent_at: datetime | None


_ADMIT = text(
    """
    INSERT INTO look_ups AS l (message_id, attempt, lease_until)
    SELECT m.id, m.attempt, :first
    FROM messages m JOIN senders s ON s.id = m.sender_id
    WHERE m.state = 'in_doubt' AND lower(s.provider) = ANY(CAST(:accounts AS text[]))
      AND NOT EXISTS (
          SELECT FROM look_ups o WHERE o.message_id = m.id AND o.attempt = m.attempt)
    ORDER BY m.id LIMIT :most
    ON CONFLICT (message_id) DO UPDATE
    SET attempt = EXCLUDED.attempt, lease_until = EXCLUDED.lease_until, looked = 0, not_found = 0
    WHERE l.attempt <> EXCLUDED.attempt
    """
)
_FORGET = text(
    """
    DELETE FROM look_ups WHERE message_id IN (
        SELECT l.message_id FROM look_ups l
        WHERE (l.lease_until <= :machine_now OR l.lease_until IS NULL)
          AND NOT EXISTS (
              SELECT FROM messages m
              WHERE m.id = l.message_id AND m.attempt = l.attempt AND m.state = 'in_doubt')
        LIMIT :most FOR UPDATE SKIP LOCKED)
    """
)


def tidy(
    connection: Connection,
    accounts: Collection[str],
    *,
    first: datetime,
    machine_now: datetime,
    most: int,
) -> int:
    """Begin to look up new doubts of these accounts, and forget those that are settled.

    Args:
        accounts: in lower case.
        first: machine instant of a new doubt's first look-up.

    Returns:
        How many are new.
    """
    connection.execute(_FORGET, {"machine_now": machine_now, "most": most})
    values = {"accounts": sorted(accounts), "first": first, "most": most}
    return connection.execute(_ADMIT, values).rowcount


# An account that rests is left in peace.
_TAKE = text(
    """
    WITH due AS (
        SELECT l.message_id
        FROM look_ups l
        JOIN messages m ON m.id = l.message_id AND m.attempt = l.attempt AND m.state = 'in_doubt'
        JOIN senders s ON s.id = m.sender_id
        WHERE l.lease_until <= :machine_now AND lower(s.provider) = :account
          AND NOT EXISTS (
              SELECT FROM account_rests r
              WHERE r.account = :account AND r.rests_until > :machine_now)
        ORDER BY l.lease_until LIMIT :most FOR UPDATE OF l SKIP LOCKED
    ), taken AS (
        UPDATE look_ups l SET lease_until = :lease FROM due WHERE l.message_id = due.message_id
        RETURNING l.message_id, l.looked, l.not_found
    )
    SELECT m.id, m.attempt, t.looked, t.not_found, m.campaign_id, c.channel,
           s.address AS sender_address, p.phone, c.body, m.variables, m.in_doubt_at, m.sent_at
    FROM taken t
    JOIN messages m ON m.id = t.message_id
    JOIN campaigns c ON c.id = m.campaign_id
    JOIN senders s ON s.id = m.sender_id
    JOIN contacts p ON p.id = m.contact_id
    ORDER BY m.id
    """
)


def take(
    connection: Connection, account: str, *, machine_now: datetime, lease: datetime, most: int
) -> list[DoubtedMessage]:
    """Lease some of an account's doubts whose time has come to be looked up.

    Args:
        account: in lower case.
        lease: machine instant until which nobody else looks them up.
    """
    values = {"account": account, "machine_now": machine_now, "lease": lease, "most": most}
    return [
        DoubtedMessage(
            id=row.id,
            attempt=row.attempt,
            looked=row.looked,
            not_found=row.not_found,
            campaign_id=row.campaign_id,
            channel=Channel(row.channel),
            sender_address=row.sender_address,
            phone=row.phone,
            body=row.body,
            variables=row.variables or {},
            claimed_at=row.in_doubt_at,
            sent_at=row.sent_at,
        )
        for row in connection.execute(_TAKE, values)
    ]


# In one query for all; a person has few messages. One that is settled later than this looks had its
# state `sending` or `in_doubt` when the provider was asked, or was not taken yet.
_CONTESTED = text(
    """
    SELECT m.id
    FROM unnest(CAST(:ids AS bigint[]), CAST(:provider_ids AS text[])) AS f (id, provider_id)
    JOIN messages m ON m.id = f.id
    JOIN campaigns c ON c.id = m.campaign_id
    WHERE EXISTS (
        SELECT FROM messages o JOIN campaigns b ON b.id = o.campaign_id
        WHERE o.contact_id = m.contact_id AND o.sender_id = m.sender_id AND o.id <> m.id
          AND (o.provider_id = f.provider_id
               OR o.provider_id IS NULL AND o.state IN ('sending', 'in_doubt')
                  AND b.body = c.body AND o.variables IS NOT DISTINCT FROM m.variables))
    """
)


def contested(connection: Connection, found: Mapping[int, str]) -> set[int]:
    """Messages of which what their provider has may as well be another one of the same person.

    Args:
        found: message → the provider's id of what it has.
    """
    if not found:
        return set()
    values = {"ids": list(found), "provider_ids": list(found.values())}
    return set(connection.execute(_CONTESTED, values).scalars())


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """The end of one look-up that settled nothing.

    Attributes:
        lease_until: machine instant of the next; None: there is none.
    """

    message_id: int
    attempt: int
    not_found: int
    lease_until: datetime | None


_NOTE = text(
    """
    UPDATE look_ups l
    SET looked = l.looked + 1, not_found = n.not_found, lease_until = n.lease_until
    FROM unnest(CAST(:ids AS bigint[]), CAST(:attempts AS int[]), CAST(:not_found AS int[]),
                CAST(:leases AS timestamptz[])) AS n (id, attempt, not_found, lease_until)
    WHERE l.message_id = n.id AND l.attempt = n.attempt
    """
)


def note(connection: Connection, looked: Sequence[Looked]) -> None:
    """Write down look-ups that settled nothing."""
    if looked:
        connection.execute(
            _NOTE,
            {
                "ids": [one.message_id for one in looked],
                "attempts": [one.attempt for one in looked],
                "not_found": [one.not_found for one in looked],
                "leases": [one.lease_until for one in looked],
            },
        )
