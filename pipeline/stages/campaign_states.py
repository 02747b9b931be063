"""Pausing, resuming and cancelling campaigns, with its audit event."""

from datetime import datetime

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import CampaignState
from pipeline.providers.base import Rejected
from pipeline.store import audit, campaigns
from pipeline.store.audit import AuditAction, AuditEvent
from pipeline.store.campaigns import Campaign

log = structlog.get_logger(__name__)

_ACTIONS = {
    CampaignState.ACTIVE: AuditAction.CAMPAIGN_RESUMED,
    CampaignState.PAUSED: AuditAction.CAMPAIGN_PAUSED,
    CampaignState.CANCELLED: AuditAction.CAMPAIGN_CANCELLED,
}


def change(
    connection: Connection,
    campaign: Campaign,
    state: CampaignState,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> bool:
    """Put a campaign into another state; a cancelled or expired one stays what it is.

    Args:
        campaign: as it was when it was last looked at; somebody else may have changed it since.
        actor: a person's name, or the part of Recado.

    Returns:
        Whether the campaign is in `state` now.

    Raises:
        KeyError: nobody puts a campaign into that state.
    """
    action = _ACTIONS[state]
    kept = None if state is CampaignState.ACTIVE else reason
    if campaigns.set_state(connection, campaign.code, state, reason=kept, now=now):
        event = AuditEvent(
            occurred_at=now, actor=actor, action=action, subject=campaign.code, reason=reason
        )
        audit.add(connection, [event])
        return True
    return campaigns.by_codes(connection, [campaign.code])[campaign.code].state is state


def pause_halted(
    connection: Connection, campaign_id: int, refusal: Rejected, *, now: datetime
) -> None:
    """Pause a campaign of which a provider would refuse every message; one that rests is left."""
    campaign = campaigns.by_ids(connection, [campaign_id])[campaign_id]
    if campaign.state is not CampaignState.ACTIVE:
        return
    reason = f"{refusal.code}: {refusal.detail}"[:200]
    change(connection, campaign, CampaignState.PAUSED, actor="provider", reason=reason, now=now)
    log.error("campaign_halted", campaign_id=campaign_id, code=refusal.code)
