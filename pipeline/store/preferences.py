"""What people prefer: channels, topics and hours, by business."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime, time
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from pipeline.policy.preferences import Preference, WeeklyHours
from pipeline.policy.vocabulary import Channel

Whose = tuple[int, str]
"""(contact id, business)."""

_OF = text(
    """
    SELECT contact_id, business, channels, topics, hours FROM preferences
    WHERE contact_id = ANY(CAST(:contacts AS bigint[]))
      AND business = ANY(CAST(:businesses AS text[]))
    """
)
_KEEP = text(
    """
    INSERT INTO preferences AS p (contact_id, business, channels, topics, hours, recorded_at)
    SELECT contact_id, business, string_to_array(channels, ';'), string_to_array(topics, ';'),
           CAST(hours AS jsonb), :now
    FROM unnest(CAST(:contacts AS bigint[]), CAST(:businesses AS text[]),
                CAST(:channels AS text[]), CAST(:topics AS text[]), CAST(:hours AS text[]))
        AS i (contact_id, business, channels, topics, hours)
    ORDER BY contact_id, business
    ON CONFLICT (contact_id, business) DO UPDATE
    SET channels = EXCLUDED.channels, topics = EXCLUDED.topics, hours = EXCLUDED.hours,
        recorded_at = EXCLUDED.recorded_at
    WHERE (p.channels, p.topics, p.hours)
          IS DISTINCT FROM (EXCLUDED.channels, EXCLUDED.topics, EXCLUDED.hours)
    RETURNING contact_id, business
    """
)
_DROP = text(
    """
    DELETE FROM preferences p
    USING unnest(CAST(:contacts AS bigint[]), CAST(:businesses AS text[]))
        AS i (contact_id, business)
    WHERE p.contact_id = i.contact_id AND p.business = i.business
    RETURNING p.contact_id, p.business
    """
)
# What waits for the hours that the person wanted before, or may leave in them, is decided again,
# and so is what a stage is deciding by the wishes before.
_RECONSIDER = text(
    """
    UPDATE messages SET state = 'deferred', not_before = :now, lease_until = NULL,
                        reason = NULL, rule = NULL
    WHERE id IN (
        SELECT m.id
        FROM unnest(CAST(:contacts AS bigint[]), CAST(:businesses AS text[]))
            AS i (contact_id, business)
        JOIN messages m ON m.contact_id = i.contact_id
        JOIN campaigns c ON c.id = m.campaign_id
        WHERE c.business = i.business AND c.category <> 'transactional'
          AND (m.state IN ('accepted', 'consented', 'ready')
               OR m.state = 'deferred' AND m.reason = 'window_closed')
        ORDER BY m.id FOR UPDATE OF m
    )
    """
)


def of(connection: Connection, contacts: Collection[int], business: str) -> dict[int, Preference]:
    """The wishes of these people towards a business; who has none is left out."""
    found = of_each(connection, contacts, [business])
    return {contact: preference for (contact, _), preference in found.items()}


def of_each(
    connection: Connection, contacts: Collection[int], businesses: Collection[str]
) -> dict[Whose, Preference]:
    """The wishes of these people towards these businesses; who has none is left out."""
    rows = connection.execute(_OF, {"contacts": list(contacts), "businesses": list(businesses)})
    return {(row.contact_id, row.business): _preference(row) for row in rows}


def keep(
    connection: Connection, wishes: Mapping[Whose, Preference], *, now: datetime
) -> set[Whose]:
    """Store what people want from now on; one without any wish takes back the last one.

    What waits for these people is decided again.

    Returns:
        Those whose wishes are others than before.
    """
    wanted = {whose: wish for whose, wish in wishes.items() if wish != Preference()}
    changed = _add(connection, wanted, now) | _drop(connection, wishes.keys() - wanted.keys())
    if changed:
        connection.execute(_RECONSIDER, _arrays(sorted(changed)) | {"now": now})
    return changed


def _add(connection: Connection, wanted: Mapping[Whose, Preference], now: datetime) -> set[Whose]:
    if not wanted:
        return set()
    result = connection.execute(
        _KEEP,
        _arrays(wanted)
        | {
            "channels": [_joined(wish.channels) for wish in wanted.values()],
            "topics": [_joined(wish.topics) for wish in wanted.values()],
            "hours": [_written(wish.hours) for wish in wanted.values()],
            "now": now,
        },
    )
    return {(row.contact_id, row.business) for row in result}


def _drop(connection: Connection, unwanted: Collection[Whose]) -> set[Whose]:
    if not unwanted:
        return set()
    result = connection.execute(_DROP, _arrays(unwanted))
    return {(row.contact_id, row.business) for row in result}


def _arrays(whose: Collection[Whose]) -> dict[str, object]:
    return {
        "contacts": [contact for contact, _ in whose],
        "businesses": [business for _, business in whose],
    }


def _preference(row: Row[Any]) -> Preference:
    return Preference(
        channels=None if row.channels is None else frozenset(map(Channel, row.channels)),
        topics=None if row.topics is None else frozenset(row.topics),
        hours=None if row.hours is None else _hours(row.hours),
    )


def _joined(names: Collection[str] | None) -> str | None:
    return None if names is None else ";".join(sorted(names))


def _written(hours: WeeklyHours | None) -> str | None:
    if hours is None:
        return None
    return json.dumps(
        {str(day): [[a.isoformat(), b.isoformat()] for a, b in spans] for day, spans in hours}
    )


def _hours(stored: dict[str, list[list[str]]]) -> WeeklyHours:
    return tuple(
        (int(day), tuple((time.fromisoformat(a), time.fromisoformat(b)) for a, b in spans))
        for day, spans in sorted(stored.items())
    )
