from pipeline.policy.vocabulary import CampaignState
from pipeline.stages import campaign_states
from pipeline.store import audit
from tests.integration.world import NOW, World


def test_of_two_who_pause_a_campaign_at_once_the_first_is_told_of(world: World) -> None:
    seen_by_both = world.campaign()
    with world.runtime.transaction() as connection:
        for actor in ("provider", "operator"):
            assert campaign_states.change(
                connection,
                seen_by_both,
                CampaignState.PAUSED,
                actor=actor,
                reason=f"said the {actor}",
                now=NOW,
            )
        told = audit.listed(connection, subject=seen_by_both.code)

    assert [(event.actor, event.reason) for event in told] == [("provider", "said the provider")]
    (kept,) = world.query("SELECT state, state_reason FROM campaigns")
    assert tuple(kept) == ("paused", "said the provider")


def test_what_has_ended_stays_so(world: World) -> None:
    campaign = world.campaign()
    with world.runtime.transaction() as connection:

        def change(state: CampaignState) -> bool:
            return campaign_states.change(
                connection, campaign, state, actor="operator", reason="because", now=NOW
            )

        assert change(CampaignState.CANCELLED)
        assert change(CampaignState.CANCELLED)
        assert not change(CampaignState.ACTIVE)
        assert len(audit.listed(connection, subject=campaign.code)) == 1
