"""What providers tell of templates, limits and codes, kept with the time of its telling."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import RegistrationStatus

# Of two words in one second the one that forbids counts: their order is not known.
_SET_STATUS = text(
    """
    WITH theirs AS (
        SELECT t.id, t.status FROM templates t
        WHERE t.code = :code
          AND lower(replace(t.language, '-', '_')) = lower(replace(:language, '-', '_'))
          AND (t.status_told_at IS NULL OR t.status_told_at < :told_at
               OR t.status_told_at = :told_at AND :status <> 'approved')
          AND EXISTS (SELECT FROM senders s
                      WHERE s.business = t.business AND lower(s.provider) = :account)
        ORDER BY t.id FOR NO KEY UPDATE OF t
    )
    UPDATE templates t
    SET status = :status, status_told_at = :told_at, updated_at = :now,
        approved_at = CASE WHEN :status = 'approved' AND theirs.status <> 'approved'
                           THEN coalesce(t.approved_at, :told_at) ELSE t.approved_at END
    FROM theirs WHERE t.id = theirs.id
    RETURNING t.business
    """
)


def set_template_status(
    connection: Connection,
    *,
    account: str,
    code: str,
    language: str,
    status: RegistrationStatus,
    told_at: datetime,
    now: datetime,
) -> set[str]:
    """Note a template's new status: the businesses whose template it is.

    Args:
        account: who told it; the template is one of a business that sends through it.
        language: as the provider or as we spell it.
        told_at: the provider's time of it; what we were told later stays.
    """
    values = {
        "account": account,
        "code": code,
        "language": language,
        "status": status.value,
        "told_at": told_at,
        "now": now,
    }
    return set(connection.execute(_SET_STATUS, values).scalars())


_USING = text(
    """
    SELECT code FROM campaigns
    WHERE template_code = :template AND business = ANY(CAST(:businesses AS text[]))
      AND state IN ('active', 'paused')
    ORDER BY id FOR NO KEY UPDATE
    """
)


def campaigns_using(
    connection: Connection, template: str, businesses: Collection[str]
) -> list[str]:
    """The public ids of the campaigns with this template that have not ended, locked."""
    values = {"template": template, "businesses": sorted(businesses)}
    return list(connection.execute(_USING, values).scalars())


# Each sender has its share: together they never send more than the account may.
_SET_LIMIT = text(
    """
    WITH theirs AS (
        SELECT id, count(*) OVER () AS among FROM senders
        WHERE lower(provider) = :account AND channel = 'whatsapp'
    ), held AS MATERIALIZED (
        SELECT s.id, theirs.among, s.daily_limit AS was FROM senders s JOIN theirs USING (id)
        WHERE s.limit_told_at IS NULL OR s.limit_told_at <= :told_at
        ORDER BY s.id FOR NO KEY UPDATE OF s
    )
    UPDATE senders s
    SET daily_limit = CASE WHEN CAST(:daily_limit AS int) IS NULL THEN NULL
                           ELSE greatest(1, CAST(:daily_limit AS int) / held.among) END,
        limit_told_at = :told_at, updated_at = :now
    FROM held WHERE s.id = held.id
    RETURNING s.id, held.was
    """
)
# Nobody counted for a sender without any limit; what it has sent counts all the same.
_COUNT_SENT = text(
    """
    INSERT INTO quota_use (sender_id, bucket, used)
    SELECT sender_id, date_trunc('minute', sent_at) + interval '1 minute', count(*)
    FROM messages
    WHERE sent_at > CAST(:now AS timestamptz) - interval '1 day'
      AND sender_id = ANY(CAST(:ids AS bigint[]))
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (sender_id, bucket) DO NOTHING
    """
)


def set_daily_limit(
    connection: Connection,
    *,
    account: str,
    daily_limit: int | None,
    told_at: datetime,
    now: datetime,
) -> set[int]:
    """Share an account's own daily limit among its WhatsApp senders: the ids of those.

    Args:
        daily_limit: of the whole account; None: it has none.
        told_at: the provider's time of it; what we were told later stays.
    """
    values = {"account": account, "daily_limit": daily_limit, "told_at": told_at, "now": now}
    limited = {row.id: row.was for row in connection.execute(_SET_LIMIT, values)}
    uncounted = [sender_id for sender_id, was in limited.items() if was is None]
    if uncounted and daily_limit is not None:
        connection.execute(_COUNT_SENT, {"ids": uncounted, "now": now})
    return set(limited)


_COUNT_UNKNOWN = text(
    """
    INSERT INTO unknown_codes AS u (account, code, seen, last_at)
    SELECT account, code, seen, :now
    FROM unnest(CAST(:accounts AS text[]), CAST(:codes AS text[]), CAST(:seen AS bigint[]))
        AS n (account, code, seen)
    ORDER BY account, code
    ON CONFLICT (account, code) DO UPDATE SET seen = u.seen + EXCLUDED.seen, last_at = :now
    """
)


def count_unknown_codes(
    connection: Connection, seen: Mapping[tuple[str, str], int], *, now: datetime
) -> None:
    """Count codes that stand in no table: (account, code) → how often."""
    if seen:
        values = {
            "accounts": [account for account, _ in seen],
            "codes": [code for _, code in seen],
            "seen": list(seen.values()),
            "now": now,
        }
        connection.execute(_COUNT_UNKNOWN, values)


_UNKNOWN = text(
    "SELECT account, CAST(sum(seen) AS bigint) AS seen FROM unknown_codes GROUP BY account"
)


def unknown_codes(connection: Connection) -> dict[str, int]:
    """How often each account answered or reported with a code that stands in no table."""
    return {row.account: row.seen for row in connection.execute(_UNKNOWN)}
