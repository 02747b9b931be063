"""Messages on their way into the database: each once, however often its row is enqueued."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import MessageState, Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Incoming:
    """A recipient's row on its way into the database.

    Attributes:
        key: the producer's id, or the number: unique in the campaign.
        position: the row's place in the producer's file, to tell a repetition of the chunk
            (same place) from a person named twice (another place); None: unknown.
        recipient: the raw ``to``; kept only when there is no contact.
        blocked: why it is blocked on arrival; None: it is accepted.
        detail: what was wrong, in words.
    """

    campaign_id: int
    key: str
    contact_id: int | None
    position: int | None
    recipient: str | None
    timezone: str | None
    language: str | None
    variables: Mapping[str, str] | None
    blocked: Reason | None = None
    detail: str | None = None


_TAKE_IN = text(
    """
    WITH incoming AS (
        SELECT * FROM unnest(
            CAST(:campaign_ids AS bigint[]), CAST(:contact_ids AS bigint[]),
            CAST(:keys AS text[]), CAST(:positions AS bigint[]), CAST(:recipients AS text[]),
            CAST(:timezones AS text[]), CAST(:languages AS text[]), CAST(:variables AS jsonb[]),
            CAST(:reasons AS text[]), CAST(:details AS text[])
        ) AS i (campaign_id, contact_id, key, position, recipient, timezone, language,
                variables, reason, detail)
    ), taken AS (
        INSERT INTO messages (campaign_id, contact_id, key, position, recipient, timezone,
                              language, variables, state, reason, lease_until, created_at)
        SELECT campaign_id, contact_id, key, position, recipient, timezone, language, variables,
               CAST(CASE WHEN reason IS NULL THEN 'accepted' ELSE 'blocked' END AS message_state),
               reason, CASE WHEN reason IS NULL THEN CAST(:lease AS timestamptz) END, :now
        FROM incoming
        ON CONFLICT (campaign_id, key) DO NOTHING
        RETURNING id, campaign_id, key, state
    ), noted AS (
        INSERT INTO decisions (message_id, decided_at, stage, outcome, reason, detail)
        SELECT DISTINCT ON (taken.id) taken.id, :now, 'intake', 'block', incoming.reason,
               jsonb_build_object('explanation', incoming.detail)
        FROM taken JOIN incoming USING (campaign_id, key) WHERE taken.state = 'blocked'
        ORDER BY taken.id  -- a chunk may hold the same bad row twice
    )
    SELECT id, campaign_id, key, state FROM taken
    """
)

_PLACES = text(
    """
    SELECT m.campaign_id, m.key, m.position
    FROM unnest(CAST(:campaign_ids AS bigint[]), CAST(:keys AS text[])) AS k (campaign_id, key)
    JOIN messages m USING (campaign_id, key)
    """
)


def take_in(
    connection: Connection, rows: Sequence[Incoming], *, lease: datetime, now: datetime
) -> list[int]:
    """Store the rows that are new; say which of them go on to the first stage.

    A row whose key the campaign has already is the same message again and is left out, unless
    both rows know their place in the producer's file and the places differ: then the person was
    named twice, and the second row becomes a message blocked as ``duplicate``.
    """
    accepted = _insert(connection, rows, lease=lease, now=now)
    if len(accepted.known) == len(rows):
        return accepted.ids
    repeated = _named_twice(connection, rows)
    if repeated:
        _insert(connection, repeated, lease=lease, now=now)
    return accepted.ids


@dataclass(frozen=True, slots=True)
class _Taken:
    known: list[tuple[int, str]]
    ids: list[int]


def _insert(
    connection: Connection, rows: Sequence[Incoming], *, lease: datetime, now: datetime
) -> _Taken:
    result = connection.execute(
        _TAKE_IN,
        {
            "campaign_ids": [row.campaign_id for row in rows],
            "contact_ids": [row.contact_id for row in rows],
            "keys": [row.key for row in rows],
            "positions": [row.position for row in rows],
            "recipients": [row.recipient for row in rows],
            "timezones": [row.timezone for row in rows],
            "languages": [row.language for row in rows],
            "variables": [
                None if row.variables is None else json.dumps(row.variables) for row in rows
            ],
            "reasons": [row.blocked for row in rows],
            "details": [row.detail for row in rows],
            "lease": lease,
            "now": now,
        },
    ).all()
    return _Taken(
        known=[(row.campaign_id, row.key) for row in result],
        ids=[row.id for row in result if row.state == MessageState.ACCEPTED],
    )


def _named_twice(connection: Connection, rows: Sequence[Incoming]) -> list[Incoming]:
    placed = [row for row in rows if row.position is not None]
    stored = connection.execute(
        _PLACES,
        {"campaign_ids": [row.campaign_id for row in placed], "keys": [row.key for row in placed]},
    )
    places = {(row.campaign_id, row.key): row.position for row in stored}
    return [
        Incoming(
            campaign_id=row.campaign_id,
            key=f"{row.key}#{row.position}",
            contact_id=row.contact_id,
            position=row.position,
            recipient=row.recipient,
            timezone=row.timezone,
            language=row.language,
            variables=None,
            blocked=Reason.DUPLICATE,
            detail="the campaign has this recipient already, from another row",
        )
        for row in placed
        if places.get((row.campaign_id, row.key)) not in (None, row.position)
    ]
