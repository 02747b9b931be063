"""A template's status as its provider tells it, and the campaigns that stand or fall with it."""

from datetime import datetime

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import CampaignState, RegistrationStatus
from pipeline.providers.base import Action, Rejected
from pipeline.stages import campaign_states
from pipeline.store import audit, campaigns, provider_news, senders
from pipeline.store.audit import AuditAction
from pipeline.store.campaigns import TEMPLATE_PAUSE, Campaign

log = structlog.get_logger(__name__)


def halt(
    connection: Connection,
    campaign_id: int,
    sender_id: int,
    refusal: Rejected,
    *,
    told_at: datetime | None = None,
    now: datetime,
) -> None:
    """Pause what a provider's refusal halts: the campaign, or every one with its template.

    Any other refusal changes nothing.

    Args:
        told_at: business instant of the refusal where it came late; None: it is of now.
    """
    if refusal.action not in (Action.HALT_CAMPAIGN, Action.HALT_TEMPLATE):
        return
    campaign = campaigns.by_ids(connection, [campaign_id])[campaign_id]
    registered = campaign.registered
    if refusal.action is Action.HALT_CAMPAIGN or registered is None:
        if told_at is None or not _resumed_since(connection, campaign, told_at):
            campaign_states.pause_halted(connection, campaign_id, refusal, now=now)
        return
    (sender,) = senders.select_senders(connection, ids=[sender_id])
    change(
        connection,
        account=sender.account,
        code=campaign.template_code or "",
        language=registered.language,
        status=RegistrationStatus.DISABLED,
        word=refusal.code,
        told_at=now if told_at is None else told_at,
        now=now,
    )


def _resumed_since(connection: Connection, campaign: Campaign, moment: datetime) -> bool:
    """Whether somebody has let the campaign go on after a business instant."""
    resumed = audit.latest(connection, [campaign.code], [AuditAction.CAMPAIGN_RESUMED])
    return any(event.occurred_at > moment for event in resumed.values())


def change(
    connection: Connection,
    *,
    account: str,
    code: str,
    language: str,
    status: RegistrationStatus,
    word: str,
    told_at: datetime,
    now: datetime,
) -> bool:
    """Note a template's status; pause the campaigns that use it, or let them go on.

    Only campaigns that were paused for their template go on with it.

    Args:
        account: who told it.
        word: the provider's word or code for it.
        told_at: the provider's time of it.

    Returns:
        Whether it is a template of ours, and we were told nothing later.
    """
    businesses = provider_news.set_template_status(
        connection,
        account=account,
        code=code,
        language=language,
        status=status,
        told_at=told_at,
        now=now,
    )
    if not businesses:
        return False
    log.warning("template_status_changed", template=code, status=status.value, word=word)
    approved = status is RegistrationStatus.APPROVED
    codes = provider_news.campaigns_using(connection, code, businesses)
    found = campaigns.by_codes(connection, codes)
    for campaign in sorted(found.values(), key=lambda one: one.id):
        if approved and not campaign.waits_for_template:
            continue
        if not approved and campaign.state is not CampaignState.ACTIVE:
            continue
        campaign_states.change(
            connection,
            campaign,
            CampaignState.ACTIVE if approved else CampaignState.PAUSED,
            actor=f"provider:{account}",
            reason=f"{TEMPLATE_PAUSE}{code} is {word}"[:200],
            now=now,
        )
    return True
