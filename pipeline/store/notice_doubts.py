"""Notices in doubt: which there are, and what an operator's evidence makes of them.

Every settlement is guarded: what a status, a late answer or somebody else has settled meanwhile is
left as it is. Where an opt-out's confirmation stands is written in the same statement.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.store import notice_outcomes
from pipeline.store.notices import NoticeKind, NoticeState

_COUNT = text("SELECT count(*) FROM notices WHERE state = 'in_doubt'")


def count(connection: Connection) -> int:
    """How many notices are in doubt."""
    return int(connection.execute(_COUNT).scalar_one())


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeDoubt:
    """A notice in doubt, as an operator sees it.

    Attributes:
        reply: the reply that it answers.
        sender, account: their public names.
        since: business instant of the request; where its worker was lost, of the notice itself.
        code: what the provider or our code said; None: nothing was written down.
        deadline_at: business instant by which the opt-out that it confirms must be obeyed.
    """

    id: int
    kind: NoticeKind
    business: str
    reply: int
    sender: str | None
    account: str | None
    phone: str | None
    since: datetime
    attempt: int
    code: str | None
    deadline_at: datetime | None


# Only an answer writes `sent_at` beside a doubt; without it the code is of an attempt before.
_LISTED = text(
    """
    SELECT n.id, n.kind, n.business, n.inbound_id AS reply, s.code AS sender,
           s.provider AS account, p.phone, coalesce(n.sent_at, n.created_at) AS since, n.attempt,
           CASE WHEN n.sent_at IS NOT NULL THEN n.code END AS code, o.deadline_at
    FROM notices n
    LEFT JOIN senders s ON s.id = n.sender_id
    LEFT JOIN contacts p ON p.id = n.contact_id
    LEFT JOIN opt_outs o ON o.inbound_id = n.inbound_id AND n.kind = 'confirmation'
    WHERE n.state = 'in_doubt'
      AND (CAST(:sender AS text) IS NULL OR s.code = :sender)
      AND (CAST(:before AS timestamptz) IS NULL OR coalesce(n.sent_at, n.created_at) <= :before)
    ORDER BY since, n.id DESC LIMIT :most
    """
)


def listed(
    connection: Connection, *, sender: str | None, before: datetime | None, most: int
) -> list[NoticeDoubt]:
    """The notices in doubt, those first that are so for longest.

    Args:
        sender: only those of this sender; None: of all.
        before: business instant; only those in doubt since then or longer.
    """
    values = {"sender": sender, "before": before, "most": most}
    rows = connection.execute(_LISTED, values).mappings()
    return [NoticeDoubt(**{**row, "kind": NoticeKind(row["kind"])}) for row in rows]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What somebody knows of notices in doubt.

    Attributes:
        state: ``sent``, ``failed``, or ``pending``: to be sent again.
        confirmation: where the opt-out's confirmation stands by it.
        provider_id: the provider's id; None: it is not known.
    """

    state: NoticeState
    confirmation: str
    provider_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SettledNotice:
    """A notice that was in doubt until now, and the public name of its sender."""

    id: int
    sender: str


# Whoever has come back since is not told that they have left.
_SETTLE = text(
    """
    WITH moved AS (
        UPDATE notices n
        SET state = :state, lease_until = NULL,
            provider_id = coalesce(n.provider_id, CAST(:provider_id AS text)),
            sent_at = CASE WHEN :state = 'sent' THEN coalesce(n.sent_at, :now) END
        WHERE n.id = ANY(CAST(:ids AS bigint[])) AND n.state = 'in_doubt'
          AND (:state <> 'pending' OR n.kind <> 'confirmation' OR EXISTS (
              SELECT FROM suppressions x WHERE x.contact_id = n.contact_id
              AND x.business IN (n.business, '*') AND x.lifted_at IS NULL))
        RETURNING n.id, n.inbound_id, n.kind, n.sender_id, n.sent_at
    ), followed AS (
        UPDATE opt_outs o
        SET confirmation = :confirmation, confirmed_at = coalesce(o.confirmed_at, m.sent_at)
        FROM moved m WHERE m.kind = 'confirmation' AND o.inbound_id = m.inbound_id
    )
    SELECT m.id, coalesce(s.code, '?') AS sender
    FROM moved m LEFT JOIN senders s ON s.id = m.sender_id
    ORDER BY m.id DESC
    """
)


def settle(
    connection: Connection, ids: Collection[int], evidence: Evidence, *, now: datetime
) -> list[SettledNotice]:
    """Move notices that are still in doubt on; what is ``pending`` the dispatcher brings to a lane.

    A confirmation is not sent again to somebody who has come back: it stays in doubt. That is
    looked at here and not later: who comes back while it waits for a lane is sent it all the same.

    Args:
        now: when it was sent, where nobody wrote down when the request was made.

    Returns:
        Those that moved.
    """
    notice_outcomes.lock(connection, ids)
    values = asdict(evidence) | {"ids": sorted(ids), "now": now}
    rows = connection.execute(_SETTLE, values | {"state": evidence.state.value})
    return [SettledNotice(**row) for row in rows.mappings()]
