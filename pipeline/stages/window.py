"""The window stage: now, in the person's own time, or when?"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from pipeline.policy.decision import Block, Defer, Proceed
from pipeline.policy.vocabulary import MessageState, Outcome, Reason, Stage
from pipeline.policy.window import WindowDecision
from pipeline.stages.books import Books
from pipeline.store import campaigns, messages
from pipeline.store.campaigns import Campaign
from pipeline.store.messages import Verdict

_LOAD = text(
    """
    SELECT m.id, m.campaign_id, m.timezone, t.country, t.state, t.zones
    FROM messages m JOIN contacts t ON t.id = m.contact_id
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.state = 'consented'
    """
)


def run(connection: Connection, ids: Sequence[int], *, books: Books, now: datetime) -> list[int]:
    """Decide for the consented messages among `ids`; return those that are ready to go."""
    rows = connection.execute(_LOAD, {"ids": list(ids)}).all()
    found = campaigns.by_ids(connection, {row.campaign_id for row in rows})
    verdicts = [_decide(row, found[row.campaign_id], books, now) for row in rows]
    moved = messages.apply(
        connection,
        verdicts,
        stage=Stage.WINDOW,
        from_state=MessageState.CONSENTED,
        lease=None,
        now=now,
    )
    return [v.id for v in verdicts if v.id in moved and v.state is MessageState.READY]


def _decide(
    row: Row[tuple[object, ...]], campaign: Campaign, books: Books, now: datetime
) -> Verdict:
    policy = books.policy(row.country, now)
    if policy is None:  # the pack was removed between two stages
        return _blocked(row.id, Block(reason=Reason.NO_POLICY), None)
    # Before its start a campaign is looked at as of its start: the window must be open then.
    earliest = now if campaign.starts_at is None else max(now, campaign.starts_at)
    zones = (row.timezone,) if row.timezone else tuple(row.zones)
    found = books.windows.decide(
        policy, campaign.category, zones=zones, state=row.state, now=earliest
    )
    decision = found.decision
    if isinstance(decision, Proceed) and earliest > now:
        decision = Defer(until=earliest, reason=Reason.WINDOW_CLOSED)
    if isinstance(decision, Block):
        return _blocked(row.id, decision, policy.version)
    if isinstance(decision, Defer):
        return _deferred(row.id, decision, campaign, policy.version)
    return Verdict(
        id=row.id,
        state=MessageState.READY,
        outcome=Outcome.SEND,
        rule=_window_rule(found),
        policy=policy.version,
        window_closes_at=found.closes_at,
    )


def _window_rule(found: WindowDecision) -> str | None:
    return found.decision.rule


def _deferred(message_id: int, decision: Defer, campaign: Campaign, policy: str) -> Verdict:
    late = (
        campaign.expires_at is not None
        and decision.until is not None
        and decision.until >= campaign.expires_at
    )
    return Verdict(
        id=message_id,
        state=MessageState.EXPIRED if late else MessageState.DEFERRED,
        outcome=Outcome.BLOCK if late else Outcome.DEFER,
        reason=Reason.EXPIRED if late else decision.reason,
        rule=decision.rule,
        policy=policy,
        not_before=None if late else decision.until,
    )


def _blocked(message_id: int, decision: Block, policy: str | None) -> Verdict:
    return Verdict(
        id=message_id,
        state=MessageState.BLOCKED,
        outcome=Outcome.BLOCK,
        reason=decision.reason,
        rule=decision.rule,
        policy=policy,
    )
