"""What `recado status` counts, in a table that is counted and in one that is too large for it."""

from datetime import timedelta

from pipeline.policy.vocabulary import MessageState
from pipeline.store.overview import Overview, overview
from tests.integration.world import NOW, World, numbers

LEASED = (MessageState.ACCEPTED, MessageState.CONSENTED, MessageState.SENDING)


def look(world: World, **changes: int) -> Overview:
    with world.runtime.transaction() as connection:
        since = NOW - timedelta(minutes=1)
        return overview(connection, sent_since=since, now=NOW, **changes)


def test_a_large_table_gives_the_same_without_being_counted(world: World) -> None:
    sender, campaign = world.sender(), world.campaign()
    people = world.contacts(numbers(60))
    later = NOW + timedelta(hours=1)
    for number, state in enumerate(LEASED):
        created = NOW - timedelta(minutes=number)
        world.messages(
            campaign, people[number : number + 1], state, lease_until=later, created_at=created
        )
    world.messages(campaign, people[3:6], MessageState.READY, sender_id=sender.id)
    world.messages(
        campaign, people[6:8], MessageState.READY, sender_id=sender.id, lease_until=later
    )
    world.messages(campaign, people[8:12], MessageState.DEFERRED, not_before=later)
    world.messages(campaign, people[12:13], MessageState.IN_DOUBT)
    world.messages(campaign, people[13:30], MessageState.SENT, sent_at=NOW)
    world.messages(
        campaign, people[30:50], MessageState.DELIVERED, sent_at=NOW - timedelta(hours=1)
    )
    world.messages(campaign, people[50:], MessageState.BLOCKED)
    world.execute("ANALYZE messages")

    counted, estimated = look(world), look(world, large_bytes=0)

    assert (counted.states_estimated, estimated.states_estimated) == (False, True)
    assert counted.states == estimated.states  # the statistics of a small table are exact
    assert counted.states["ready"] == 5
    assert counted.sent == estimated.sent == 17
    assert counted.oldest_moving_at == estimated.oldest_moving_at == NOW - timedelta(minutes=2)
    (load,) = estimated.senders
    assert (load.ready, load.handed) == (3, 2)


def test_a_table_that_nobody_has_analysed_is_counted(world: World) -> None:
    world.messages(world.campaign(), world.contacts(numbers(3)), MessageState.SENT, sent_at=NOW)
    seen = look(world, large_bytes=0)
    assert (seen.states, seen.states_estimated) == ({"sent": 3}, False)
