"""Suppressions: who must not be written to, by which business, since when."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.suppression import stops_everything


@dataclass(frozen=True, kw_only=True, slots=True)
class Suppression:
    """One entry; `business` is ``*`` for all; `lifted_at` None while it is in force."""

    contact_id: int
    business: str
    reason: str
    since: datetime
    everything: bool
    source: str = ""
    lifted_at: datetime | None = None


_OF = text(
    """
    SELECT contact_id, business, reason, since, everything, source, lifted_at FROM suppressions
    WHERE contact_id = ANY(CAST(:contacts AS bigint[]))
      AND business = ANY(CAST(:businesses AS text[]))
    """
)

# An entry in force moves to the later instant: a consent that was given between two opt-outs, and
# is imported after both, must not undo the second. A stronger reason stays.
_ADD = text(
    """
    INSERT INTO suppressions AS s (contact_id, business, reason, since, source, everything,
                                   recorded_at)
    SELECT contact_id, business, reason, since, :source, everything, :now
    FROM unnest(CAST(:contacts AS bigint[]), CAST(:businesses AS text[]), CAST(:reasons AS text[]),
                CAST(:since AS timestamptz[]), CAST(:everything AS boolean[]))
        AS i (contact_id, business, reason, since, everything)
    ORDER BY contact_id, business
    ON CONFLICT (contact_id, business) DO UPDATE
    SET reason = CASE WHEN s.everything AND s.lifted_at IS NULL THEN s.reason
                      ELSE EXCLUDED.reason END,
        since = CASE WHEN s.lifted_at IS NULL THEN greatest(s.since, EXCLUDED.since)
                     ELSE EXCLUDED.since END,
        source = EXCLUDED.source,
        everything = EXCLUDED.everything OR (s.everything AND s.lifted_at IS NULL),
        lifted_at = NULL, recorded_at = EXCLUDED.recorded_at
    WHERE (s.lifted_at IS NOT NULL AND EXCLUDED.since >= s.lifted_at)
       OR (s.lifted_at IS NULL AND EXCLUDED.since > s.since)
       OR (EXCLUDED.everything AND NOT s.everything)
    RETURNING contact_id, business
    """
)


def of(
    connection: Connection, contacts: Collection[int], businesses: Collection[str]
) -> list[Suppression]:
    """The entries of these people at these businesses (``*`` included only when asked for)."""
    rows = connection.execute(_OF, {"contacts": list(contacts), "businesses": list(businesses)})
    return [Suppression(**row._asdict()) for row in rows]


def add(
    connection: Connection,
    entries: Sequence[tuple[int, str, str, datetime]],
    *,
    source: str,
    now: datetime,
) -> set[tuple[int, str]]:
    """Put people on the list: (contact id, business, reason, since), each pair at most once.

    Returns:
        The (contact id, business) pairs that changed; the others were on the list already.
    """
    if not entries:
        return set()
    result = connection.execute(
        _ADD,
        {
            "contacts": [entry[0] for entry in entries],
            "businesses": [entry[1] for entry in entries],
            "reasons": [entry[2] for entry in entries],
            "since": [entry[3] for entry in entries],
            "everything": [stops_everything(entry[2]) for entry in entries],
            "source": source,
            "now": now,
        },
    )
    return {(row.contact_id, row.business) for row in result}


_LIFT = text(
    """
    UPDATE suppressions s SET lifted_at = i.granted_at
    FROM unnest(CAST(:contacts AS bigint[]), CAST(:businesses AS text[]),
                CAST(:granted AS timestamptz[])) AS i (contact_id, business, granted_at)
    WHERE s.contact_id = i.contact_id AND s.business = i.business
      AND s.lifted_at IS NULL AND NOT s.everything AND i.granted_at > s.since
    """
)


def lift_for_new_consents(
    connection: Connection, consents: Sequence[tuple[int, str, datetime]]
) -> int:
    """End opt-outs that a consent granted after them supersedes: (contact, business, granted at).

    An older consent changes nothing, however often it is imported; entries for every business
    and those for a wrong number are lifted by nobody but an operator.
    """
    if not consents:
        return 0
    return connection.execute(
        _LIFT,
        {
            "contacts": [entry[0] for entry in consents],
            "businesses": [entry[1] for entry in consents],
            "granted": [entry[2] for entry in consents],
        },
    ).rowcount
