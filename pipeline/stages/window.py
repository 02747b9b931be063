"""The window stage: now, in the person's own time, or when?"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.engine import Connection, Row

from pipeline.policy.decision import Block, Defer, Proceed
from pipeline.policy.numbers import states_of
from pipeline.policy.preferences import Preference
from pipeline.policy.vocabulary import Category, MessageState, Outcome, Reason, Stage
from pipeline.policy.window import WindowDecision
from pipeline.policy.window_table import has_state_windows
from pipeline.stages.books import Books
from pipeline.store import campaigns, messages, preferences
from pipeline.store.campaigns import Campaign
from pipeline.store.messages import Verdict

_LOAD = text(
    """
    SELECT m.id, m.campaign_id, m.contact_id, m.timezone, t.country, t.state, t.zones, t.phone
    FROM messages m JOIN contacts t ON t.id = m.contact_id
    WHERE m.id = ANY(CAST(:ids AS bigint[])) AND m.state = 'consented'
    """
)


def run(connection: Connection, ids: Sequence[int], *, books: Books, now: datetime) -> list[int]:
    """Decide for the consented messages among `ids`; return those that are ready to go."""
    rows = connection.execute(_LOAD, {"ids": list(ids)}).all()
    found = campaigns.by_ids(connection, {row.campaign_id for row in rows})
    wishes = _wishes(connection, rows, found)
    verdicts = [
        _decide(row, campaign, wishes.get((row.contact_id, campaign.business)), books, now)
        for row in rows
        for campaign in [found[row.campaign_id]]
    ]
    moved = messages.apply(
        connection,
        verdicts,
        stage=Stage.WINDOW,
        from_state=MessageState.CONSENTED,
        lease=None,
        now=now,
    )
    return [v.id for v in verdicts if v.id in moved and v.state is MessageState.READY]


def _wishes(
    connection: Connection, rows: Sequence[Row[tuple[object, ...]]], found: Mapping[int, Campaign]
) -> dict[tuple[int, str], Preference]:
    """The recipients' own wishes towards the businesses that write to them."""
    businesses = {
        one.business for one in found.values() if one.category is not Category.TRANSACTIONAL
    }
    if not businesses:
        return {}
    return preferences.of_each(connection, {row.contact_id for row in rows}, businesses)


def _decide(
    row: Row[tuple[object, ...]],
    campaign: Campaign,
    wish: Preference | None,
    books: Books,
    now: datetime,
) -> Verdict:
    policy = books.policy(row.country, now)
    if policy is None:  # the pack was removed between two stages
        return _blocked(row.id, Block(reason=Reason.NO_POLICY), None)
    # Before its start a campaign is looked at as of its start: the window must be open then.
    earliest = now if campaign.starts_at is None else max(now, campaign.starts_at)
    zones = (row.timezone,) if row.timezone else tuple(row.zones)
    by_state = has_state_windows(policy, campaign.category)
    own_rule = policy.preferences_rule
    found = books.windows.decide(
        policy,
        campaign.category,
        zones=zones,
        state=row.state,
        now=earliest,
        channel=campaign.channel,
        states=states_of(row.phone) if by_state and row.phone else frozenset(),
        preferred=None if wish is None or own_rule is None else wish.window(own_rule),
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
