"""``recado campaign``: list and operate campaigns."""

from typing import Annotated, Any

import typer

from pipeline.policy.vocabulary import CampaignState
from pipeline.stages import campaign_states
from pipeline.store import campaigns
from pipeline.store.campaigns import Campaign
from workers.cli.actor import LONGEST_REASON, By, Why, actor_of, checked_text
from workers.cli.known import known_campaign
from workers.cli.output import AsJson, CommandError, print_json
from workers.cli.session import session
from workers.cli.show_balance import print_balance
from workers.reports.balance import balance_of
from workers.reports.obstacles import obstacles

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="List and operate campaigns.",
)

BY_OPERATOR = "by an operator"

Code = Annotated[str, typer.Argument(metavar="ID", help="The campaign's id.")]


@app.command("list")
def list_campaigns(*, as_json: AsJson = False) -> None:
    """Every campaign, newest first."""
    with session() as runtime:
        with runtime.transaction() as connection:
            found = campaigns.every(connection)
        if as_json:
            print_json([_as_json(campaign) for campaign in found])
            return
        for campaign in found:
            ends = f"{campaign.expires_at:%Y-%m-%d %H:%M}" if campaign.expires_at else "never"
            print(
                f"{campaign.code:<32} {campaign.state:<10} {campaign.category:<15} "
                f"{campaign.channel:<9} {campaign.business:<20} expires {ends}"
            )


@app.command()
def show(code: Code, *, as_json: AsJson = False) -> None:
    """One campaign and its balance, by state and reason."""
    with session() as runtime:
        campaign = known_campaign(runtime, code)
        with runtime.transaction() as connection:
            balance = balance_of(campaigns.counts(connection, campaign.id))
            waiting = balance.waiting > 0
            found = obstacles(connection, runtime.redis, campaign.id) if waiting else []
        if as_json:
            ended = {"balance": balance.as_json(), "obstacles": found}
            print_json(_as_json(campaign) | ended)
            return
        why = f" ({campaign.state_reason})" if campaign.state_reason else ""
        print(f"{campaign.code}: {campaign.name}, {campaign.state}{why}")
        print_balance(balance)
        for obstacle in found:
            print(f"waiting: {obstacle}")


@app.command()
def pause(code: Code, *, reason: Why = BY_OPERATOR, by: By = None, as_json: AsJson = False) -> None:
    """Hold every message that has not been handed to a provider."""
    _change(code, CampaignState.PAUSED, reason=reason, by=by, as_json=as_json)


@app.command()
def resume(
    code: Code, *, reason: Why = BY_OPERATOR, by: By = None, as_json: AsJson = False
) -> None:
    """Let a paused campaign go on."""
    _change(code, CampaignState.ACTIVE, reason=reason, by=by, as_json=as_json)


@app.command()
def cancel(
    code: Code, *, reason: Why = BY_OPERATOR, by: By = None, as_json: AsJson = False
) -> None:
    """End a campaign for good; what was handed to a provider stays sent."""
    _change(code, CampaignState.CANCELLED, reason=reason, by=by, as_json=as_json)


def _change(code: str, state: CampaignState, *, reason: str, by: str | None, as_json: bool) -> None:
    why, actor = checked_text("--reason", reason, LONGEST_REASON), actor_of(by)
    with session() as runtime:
        before = known_campaign(runtime, code)
        with runtime.transaction() as connection:
            done = campaign_states.change(
                connection, before, state, actor=actor, reason=why, now=runtime.clock.now()
            )
        if not done:
            raise CommandError(f"campaign {code!r} is {before.state} and stays so")
        if as_json:
            print_json({"id": code, "state": state, "before": before.state})
        else:
            print(f"{code} is {state} (was {before.state})")


def _as_json(campaign: Campaign) -> dict[str, Any]:
    return {
        "id": campaign.code,
        "name": campaign.name,
        "business": campaign.business,
        "category": campaign.category,
        "channel": campaign.channel,
        "language": campaign.language,
        "state": campaign.state,
        "state_reason": campaign.state_reason,
        "starts_at": campaign.starts_at,
        "expires_at": campaign.expires_at,
    }
