"""Why a campaign's messages stand still, as far as an operator can mend it."""

from redis import Redis
from sqlalchemy.engine import Connection

from config.settings import Settings
from pipeline.policy.vocabulary import CampaignState
from pipeline.store import campaigns, overview
from workers import heartbeat

NEEDED_ROLES = {
    "intake": "recado intake",
    "dispatch": "recado dispatch",
    "consent": "celery -A workers worker -Q consent,window,throttle",
    "window": "celery -A workers worker -Q consent,window,throttle",
    "throttle": "celery -A workers worker -Q consent,window,throttle",
    "delivery": "celery -A workers worker -Q delivery",
}
"""Role without which messages stand still → the command that runs it."""

EXPECTED_ROLES = NEEDED_ROLES | {
    "optout": "celery -A workers worker -Q optout",
    "web": "recado web",
}
"""Every role of a whole stack. Without the last two messages move all the same, and nobody who
wants to leave is heard."""


def expected_roles(settings: Settings) -> list[str]:
    """The roles of a stack with these accounts: `recado smpp` hears those who write to an SMSC."""
    hearing = any(account.kind == "smpp" for account in settings.providers.values())
    return [*EXPECTED_ROLES, *(["smpp"] if hearing else [])]


def obstacles(connection: Connection, client: "Redis", campaign_id: int) -> list[str]:
    """What keeps the campaign's waiting messages from moving; empty when nothing is known."""
    found = []
    campaign = campaigns.by_ids(connection, [campaign_id])[campaign_id]
    if campaign.state is CampaignState.PAUSED:
        why = f" ({campaign.state_reason})" if campaign.state_reason else ""
        found.append(
            f"the campaign is paused{why}; resume it: recado campaign resume {campaign.code}"
        )
    for sender in overview.suspended_senders(connection, campaign_id):
        why = f" ({sender.state_reason})" if sender.state_reason else ""
        found.append(
            f"sender {sender.code} is suspended{why} and holds {sender.ready} messages; once its "
            f"cause is mended: recado senders lift {sender.code} --reason …"
        )
    running = {process.role for process in heartbeat.alive(client)}
    missing = dict.fromkeys(
        command for role, command in NEEDED_ROLES.items() if role not in running
    )
    found += [f"no process runs: {command}" for command in missing]
    return found
