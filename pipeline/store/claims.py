"""Claims: taking messages for sending, exactly once, under every rule that can change late.

One statement takes the messages, tests the suppression list, the campaign, the sender, the
window and the expiry, and reserves the frequency cap; quotas are reserved in the same
transaction. What it returns may be sent, and nothing else may.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store import arrays
from pipeline.store.opt_outs import HOLD_LOOK


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """A ready message with all that sending it needs.

    Attributes:
        refusals: how often the provider has refused it and let it be tried again.
    """

    id: int
    campaign_id: int
    contact_id: int
    sender_id: int
    phone: str
    country: str
    state: str | None
    zones: tuple[str, ...]
    variables: Mapping[str, str]
    window_closes_at: datetime | None
    refusals: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A message that a worker wants to claim, as it was when the worker read it.

    A worker that was frozen may hold what has been decided anew since, and is then refused.

    Attributes:
        sender_id, window_closes_at: as it was read.
        caps: (at most so many to this person, since); each must hold. Empty: no cap binds it.
        counted: names the categories that caps count together; None: it counts towards none.
    """

    id: int
    sender_id: int
    window_closes_at: datetime | None
    caps: Sequence[tuple[int, datetime]] = ()
    counted: str | None = None


_SELECT = """
    SELECT m.id, m.campaign_id, m.contact_id, m.sender_id, c.phone, c.country, c.state,
           c.zones, {variables} AS variables, m.window_closes_at, m.timezone, m.refusals
    FROM messages m JOIN contacts c ON c.id = m.contact_id
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.state = 'ready' AND c.phone IS NOT NULL
"""
_LOAD = text(_SELECT.format(variables="m.variables"))
_LOAD_WITHOUT_CONTENT = text(_SELECT.format(variables="NULL"))


def load(connection: Connection, ids: Sequence[int], *, content: bool = True) -> list[Parcel]:
    """The messages among `ids` that are ready, in the order of `ids`.

    Args:
        content: False leaves the variables out, for those who need not render.
    """
    query = _LOAD if content else _LOAD_WITHOUT_CONTENT
    found = {
        row[0]: _parcel(row) for row in connection.execute(query, {"ids": arrays.integers(ids)})
    }
    return [found[id_] for id_ in ids if id_ in found]


def _parcel(row: Sequence[Any]) -> Parcel:
    # Columns by their place: by name, each would be looked up anew for each message.
    (
        id_,
        campaign,
        contact,
        sender,
        phone,
        country,
        state,
        zones,
        variables,
        closes,
        zone,
        refusals,
    ) = row
    return Parcel(
        id=id_,
        campaign_id=campaign,
        contact_id=contact,
        sender_id=sender,
        phone=phone,
        country=country,
        state=state,
        zones=(zone,) if zone else tuple(zones),
        variables=variables or {},
        window_closes_at=closes,
        refusals=refusals,
    )


# The order of locks: quotas (sender id), then messages and people (contact id). Every claim
# takes them in this order, so two claims never wait for each other in a circle.
_CLAIM = text(
    """
    WITH wish AS (
        SELECT w.id, w.sender_id, w.closes_at, w.counted, k.caps, k.since
        FROM unnest(CAST(:ids AS bigint[]), CAST(:senders AS bigint[]),
                    CAST(:closes AS timestamptz[]), CAST(:counted AS text[]), CAST(:kinds AS int[]))
            AS w (id, sender_id, closes_at, counted, kind)
        LEFT JOIN jsonb_to_recordset(CAST(:limits AS jsonb))
            AS k (kind int, caps int[], since timestamptz[]) USING (kind)
    ), candidate AS (
        SELECT m.id, m.contact_id, c.business, w.caps, w.counted, w.since
        FROM wish w
        JOIN messages m ON m.id = w.id
        JOIN campaigns c ON c.id = m.campaign_id
        JOIN senders s ON s.id = m.sender_id
        WHERE m.state = 'ready' AND c.state = 'active' AND s.state = 'active'
          AND m.sender_id = w.sender_id AND m.window_closes_at IS NOT DISTINCT FROM w.closes_at
          AND (c.expires_at IS NULL OR c.expires_at > :safe_until)
          AND (m.window_closes_at IS NULL OR m.window_closes_at > :safe_until)
          AND NOT EXISTS (
              SELECT FROM suppressions x
              WHERE x.contact_id = m.contact_id AND x.business IN (c.business, '*')
                AND x.lifted_at IS NULL AND (c.category <> 'transactional' OR x.everything))
          AND (c.category = 'transactional' OR NOT EXISTS (
              SELECT FROM review_holds h
              WHERE h.contact_id = m.contact_id AND h.business IN (c.business, '*')))
        ORDER BY m.contact_id
        FOR UPDATE OF m SKIP LOCKED
    ), reserved AS (
        INSERT INTO frequency_use AS f (contact_id, business, counted, sent, caps, caps_since)
        SELECT contact_id, business, counted, ARRAY[CAST(:now AS timestamptz)], caps, since
        FROM candidate WHERE counted IS NOT NULL
        ORDER BY contact_id, business, counted
        ON CONFLICT (contact_id, business, counted) DO UPDATE
        SET sent = ARRAY(SELECT t FROM unnest(f.sent) t WHERE t > :oldest) || EXCLUDED.sent,
            caps = EXCLUDED.caps, caps_since = EXCLUDED.caps_since
        WHERE NOT EXISTS (
            SELECT FROM unnest(EXCLUDED.caps, EXCLUDED.caps_since) AS k (cap, since)
            WHERE (SELECT count(*) FROM unnest(f.sent) t WHERE t > k.since) >= k.cap)
        RETURNING f.contact_id, f.business, f.counted
    ), taken AS (
        UPDATE messages m
        SET state = 'sending', attempt = m.attempt + 1, lease_until = :lease, tries = 0,
            in_doubt_at = :now  -- from here on nobody knows, until somebody records it
        FROM candidate o
        -- Hashed; of a join the planner, who knows no sizes here, would make a loop in a loop.
        WHERE m.id = o.id AND (o.counted IS NULL OR (o.contact_id, o.business, o.counted) IN (
            SELECT contact_id, business, counted FROM reserved))
        RETURNING m.id, m.attempt
    )
    SELECT id, attempt FROM taken
    """
)


def claim(
    connection: Connection,
    wishes: Sequence[Wish],
    *,
    now: datetime,
    safe_until: datetime,
    oldest: datetime,
    lease: datetime,
) -> dict[int, int]:
    """Take those of the wished messages that may be sent now: message id → attempt number.

    No two wishes with a cap may name one person: the second is for another claim.

    Args:
        now: business instant that the caps count from.
        safe_until: business instant until which window and campaign must stay open, so that a
            request that starts a moment after the claim is still inside.
        oldest: sends before this instant no longer matter to any cap.
        lease: machine instant at which a message that nobody has recorded is in doubt.
    """
    # Most wishes share their caps: each set travels once.
    kinds: dict[tuple[tuple[int, datetime], ...], int] = {}
    result = connection.execute(
        _CLAIM,
        {
            "ids": arrays.integers(wish.id for wish in wishes),
            "senders": arrays.integers(wish.sender_id for wish in wishes),
            "closes": arrays.instants(wish.window_closes_at for wish in wishes),
            "counted": arrays.texts(wish.counted for wish in wishes),
            "kinds": arrays.integers(
                kinds.setdefault(tuple(wish.caps), len(kinds)) for wish in wishes
            ),
            "limits": json.dumps(
                [
                    {
                        "kind": kind,
                        "caps": [cap for cap, _ in caps],
                        "since": [since.isoformat() for _, since in caps],
                    }
                    for caps, kind in kinds.items()
                ]
            ),
            "now": now,
            "safe_until": safe_until,
            "oldest": oldest,
            "lease": lease,
        },
    )
    return {id_: attempt for id_, attempt in result}  # noqa: C416 - a row is no tuple to mypy


# What becomes of the messages that a claim did not get. Those whose cap was taken by another
# worker meanwhile stay ready: the throttle stage sees the new count and defers them.
_SETTLE = text(
    """
    WITH refused AS (
        SELECT m.id,
            CASE
                WHEN c.state = 'cancelled' THEN 'cancelled'
                WHEN c.expires_at <= :safe_until THEN 'expired'
                WHEN x.suppressed THEN 'blocked'
                WHEN x.held OR m.window_closes_at <= :safe_until THEN 'deferred'
                ELSE 'ready'
            END AS state,
            CASE
                WHEN c.state = 'cancelled' THEN 'cancelled'
                WHEN c.expires_at <= :safe_until THEN 'expired'
                WHEN x.suppressed OR x.held THEN 'suppressed'
                WHEN m.window_closes_at <= :safe_until THEN 'window_closed'
            END AS reason,
            CASE WHEN x.held THEN CAST(:look_again AS timestamptz) ELSE :now END AS not_before
        FROM messages m
        JOIN campaigns c ON c.id = m.campaign_id
        CROSS JOIN LATERAL (
            SELECT EXISTS (
                SELECT FROM suppressions x
                WHERE x.contact_id = m.contact_id AND x.business IN (c.business, '*')
                  AND x.lifted_at IS NULL AND (c.category <> 'transactional' OR x.everything)
            ) AS suppressed,
            c.category <> 'transactional' AND EXISTS (
                SELECT FROM review_holds h
                WHERE h.contact_id = m.contact_id AND h.business IN (c.business, '*')
            ) AS held
        ) x
        WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.state = 'ready'
        FOR UPDATE OF m SKIP LOCKED
    ), moved AS (
        UPDATE messages m
        SET state = CAST(r.state AS message_state), reason = r.reason, rule = NULL,
            lease_until = NULL, tries = 0,
            not_before = CASE WHEN r.state = 'deferred' THEN r.not_before END
        FROM refused r WHERE m.id = r.id
        RETURNING m.id, r.state, r.reason
    )
    INSERT INTO decisions (message_id, decided_at, stage, outcome, reason)
    SELECT id, :now, 'delivery', CASE WHEN state = 'deferred' THEN 'defer' ELSE 'block' END, reason
    FROM moved WHERE state <> 'ready'
    """
)


def settle_refused(
    connection: Connection, ids: Sequence[int], *, now: datetime, safe_until: datetime
) -> None:
    """Give back the messages that a claim was refused, each to where its reason sends it."""
    if ids:
        connection.execute(
            _SETTLE,
            {
                "ids": list(ids),
                "now": now,
                "safe_until": safe_until,
                "look_again": now + HOLD_LOOK,
            },
        )


_UNHAND = text(
    """
    UPDATE messages SET lease_until = NULL, tries = 0
    WHERE id = ANY(CAST(:ids AS bigint[])) AND state = 'ready'
    """
)


def give_back(connection: Connection, ids: Sequence[int]) -> None:
    """Return handed-out messages that were not claimed to the pool of ready ones."""
    if ids:
        connection.execute(_UNHAND, {"ids": list(ids)})
