"""A campaign that has ended, in steps that each look at a bounded number of its messages."""

from pipeline.policy.vocabulary import MessageState
from pipeline.store import endings
from tests.integration.world import NOW, World, numbers


def sweep(world: World, reached: dict[int, str]) -> int:
    with world.runtime.transaction() as connection:
        return endings.sweep_ended(connection, now=NOW, most=2, reached=reached)


def swept(world: World) -> bool:
    (campaign,) = world.query("SELECT swept FROM campaigns")
    return bool(campaign.swept)


def test_each_step_goes_on_where_the_one_before_it_ended(world: World) -> None:
    campaign = world.campaign(expires_at=NOW)
    people = world.contacts(numbers(5))
    for place, person in enumerate(people):
        world.messages(campaign, [person], MessageState.DEFERRED, key=f"{place}")
    reached: dict[int, str] = {}

    assert [sweep(world, reached) for _ in range(2)] == [2, 2]
    # Behind the sweep a message comes back: it is found before the campaign counts as swept.
    world.execute("UPDATE messages SET state = 'ready' WHERE key = '0'")
    assert [sweep(world, reached) for _ in range(2)] == [1, 1]
    assert not swept(world)
    while not swept(world):
        sweep(world, reached)

    assert set(world.states().values()) == {"expired"}
    assert len(world.query("SELECT FROM decisions")) == 6
    assert reached == {}


def test_what_is_being_sent_is_waited_for(world: World) -> None:
    campaign = world.campaign(expires_at=NOW)
    world.messages(campaign, world.contacts(numbers(1)), MessageState.SENDING)
    for _ in range(3):
        assert sweep(world, {}) == 0
    assert not swept(world)
