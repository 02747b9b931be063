"""Consents that grow too old: what there is to know of them before they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

# Who has left is not asked to renew anything.
_GIVEN = text(
    """
    SELECT c.contact_id, t.phone, c.business, c.category, c.channel, c.topic, c.granted_at,
           c.renewed_at
    FROM consents c JOIN contacts t ON t.id = c.contact_id
    WHERE t.country = :country AND t.phone IS NOT NULL AND c.category = :category
      AND greatest(c.granted_at, c.renewed_at) BETWEEN :since AND :until
      AND (c.revoked_at IS NULL OR c.revoked_at < c.granted_at)
      AND NOT EXISTS (
          SELECT FROM suppressions s
          WHERE s.contact_id = c.contact_id AND s.business IN (c.business, '*')
            AND s.lifted_at IS NULL)
    ORDER BY c.contact_id, c.business, c.channel, c.topic
    """
)


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenConsent:
    """A consent that stands, and when it was last given.

    Attributes:
        phone: E.164.
        channel, topic: ``*`` for every one.
    """

    contact_id: int
    phone: str
    business: str
    category: str
    channel: str
    topic: str
    granted_at: datetime
    renewed_at: datetime | None


def given_between(
    connection: Connection, *, country: str, category: str, since: datetime, until: datetime
) -> Sequence[GivenConsent]:
    """The consents in a country that were last given or renewed within these instants."""
    rows = connection.execute(
        _GIVEN, {"country": country, "category": category, "since": since, "until": until}
    )
    return [GivenConsent(**row._asdict()) for row in rows]
