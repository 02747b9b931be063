"""Old campaigns for a laboratory: twenty of them, one a month, with every message at its end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from benchmarks.lab import Lab
from pipeline.policy.retention import month_of, months_from
from pipeline.store import partitions

CAMPAIGNS = 20
"""The oldest of them have had their time by the shortest retention."""

PEOPLE_SHARE = 10
"""Old messages a person."""

STEP = 250_000
"""Rows a statement."""

_PEOPLE = text(
    """
    INSERT INTO contacts (phone, region, country, zones, created_at)
    SELECT 'old-' || n, 'ES', 'ES', '{Europe/Madrid}', CAST(:at AS timestamptz)
    FROM generate_series(1, CAST(:people AS bigint)) n
    """
)
_PEOPLE_IDS = text("SELECT min(id) AS lowest, max(id) AS highest FROM contacts")
_CAMPAIGN = text(
    """
    INSERT INTO campaigns (code, name, business, brand, category, channel, language, body,
                           variables, state, state_changed_at, swept, created_at)
    SELECT :code, name, business, brand, category, channel, language, body, variables,
           'expired', CAST(:at AS timestamptz), true, CAST(:at AS timestamptz)
    FROM campaigns WHERE code = 'bench-es' RETURNING id
    """
)
# Every tenth was not sent; the others were, and most of them are known to have arrived.
_MESSAGES = text(
    """
    INSERT INTO messages (campaign_id, contact_id, key, position, state, reason, sender_id,
                          attempt, provider_id, sent_at, delivered_at, created_at)
    SELECT :campaign, :lowest + (n * 7919) % CAST(:people AS bigint), 'old-' || n, n,
           CASE WHEN n % 10 = 0 THEN 'blocked' WHEN n % 10 = 1 THEN 'sent'
                ELSE 'delivered' END::message_state,
           CASE WHEN n % 10 = 0 THEN 'no_consent' END, 1, 1, 'SM' || n,
           CASE WHEN n % 10 > 0 THEN CAST(:at AS timestamptz) + n * interval '1 millisecond' END,
           CASE WHEN n % 10 > 1 THEN CAST(:at AS timestamptz) + n * interval '1 millisecond' END,
           CAST(:at AS timestamptz)
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
    """
)
_DECISIONS = text(
    """
    INSERT INTO decisions (message_id, decided_at, stage, outcome, policy)
    SELECT id, CAST(:at AS timestamptz), stage, outcome, 'ES 2026-01-01'
    FROM messages CROSS JOIN (VALUES ('consent', 'send'), ('window', 'send'), ('delivery', 'sent'))
        AS d (stage, outcome)
    WHERE campaign_id = :campaign
    """
)
_SIZES = text(
    """
    SELECT pg_total_relation_size('messages') AS messages,
           (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
            WHERE inhparent = 'decisions'::regclass) AS decisions
    """
)
_SOME = text("SELECT id FROM messages WHERE key LIKE 'old-%' AND id % 1009 = 0 LIMIT 1000")


@dataclass(frozen=True, kw_only=True, slots=True)
class Filling:
    """What a laboratory was filled with.

    Attributes:
        some_ids: of old messages, from all over the table.
        messages_bytes, decisions_bytes: with their indexes.
    """

    messages: int
    decisions: int
    seconds: float
    messages_bytes: int
    decisions_bytes: int
    some_ids: Sequence[int]


def fill(lab: Lab, messages: int) -> Filling:
    """Put so many old messages and three times as many decisions into the laboratory."""
    began = time.perf_counter()
    now = lab.runtime.clock.now()
    people = max(1, messages // PEOPLE_SHARE)
    with lab.runtime.transaction() as connection:
        connection.execute(_PEOPLE, {"people": people, "at": now})
        lowest = connection.execute(_PEOPLE_IDS).one().lowest
    each = messages // CAMPAIGNS
    for number in range(CAMPAIGNS):
        month = months_from(month_of(now), -number - 1)
        with lab.runtime.transaction() as connection:
            partitions.make(connection, month, months_from(month, 1))
        _campaign(lab, number, each, month, lowest, people)
    with lab.runtime.transaction() as connection:
        sizes = connection.execute(_SIZES).one()
        some = connection.execute(_SOME).scalars().all()
    return Filling(
        messages=each * CAMPAIGNS,
        decisions=3 * each * CAMPAIGNS,
        seconds=time.perf_counter() - began,
        messages_bytes=int(sizes.messages),
        decisions_bytes=int(sizes.decisions),
        some_ids=some,
    )


def _campaign(lab: Lab, number: int, each: int, at: datetime, lowest: int, people: int) -> None:
    with lab.runtime.transaction() as connection:
        campaign = connection.scalar(_CAMPAIGN, {"code": f"old-{number}", "at": at})
    base = number * each
    values = {"campaign": campaign, "lowest": lowest, "people": people, "at": at}
    for first in range(1, each + 1, STEP):
        last = min(first + STEP - 1, each)
        with lab.runtime.transaction() as connection:
            connection.execute(_MESSAGES, values | {"first": base + first, "last": base + last})
    with lab.runtime.transaction() as connection:
        connection.execute(_DECISIONS, {"campaign": campaign, "at": at})
