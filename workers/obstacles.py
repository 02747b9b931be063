"""Why a campaign's messages stand still, as far as an operator can mend it."""

from redis import Redis
from sqlalchemy import text
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import CampaignState
from pipeline.store import campaigns
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

_SUSPENDED = text(
    """
    SELECT s.code, s.state_reason, count(*) AS messages
    FROM messages m JOIN senders s ON s.id = m.sender_id
    WHERE m.campaign_id = :campaign AND m.state = 'ready' AND s.state = 'suspended'
    GROUP BY s.code, s.state_reason ORDER BY s.code
    """
)


def obstacles(connection: Connection, client: "Redis", campaign_id: int) -> list[str]:
    """What keeps the campaign's waiting messages from moving; empty when nothing is known."""
    found = []
    campaign = campaigns.by_ids(connection, [campaign_id])[campaign_id]
    if campaign.state is CampaignState.PAUSED:
        why = f" ({campaign.state_reason})" if campaign.state_reason else ""
        found.append(
            f"the campaign is paused{why}; resume it: recado campaign resume {campaign.code}"
        )
    for row in connection.execute(_SUSPENDED, {"campaign": campaign_id}):
        why = f" ({row.state_reason})" if row.state_reason else ""
        found.append(
            f"sender {row.code} is suspended{why} and holds {row.messages} messages; set its "
            "state to active and import it again"
        )
    running = {process.role for process in heartbeat.alive(client)}
    missing = dict.fromkeys(
        command for role, command in NEEDED_ROLES.items() if role not in running
    )
    found += [f"no process runs: {command}" for command in missing]
    return found
