"""Several settle the same messages at once: all lock in one order, so none waits in a circle."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from pipeline.policy.look_ups import LookUpPlan
from pipeline.policy.vocabulary import CampaignState, Channel, MessageState
from pipeline.providers.base import Accepted, Found, NotFound
from pipeline.stages import answers, doubts
from pipeline.store import campaigns, endings, sender_counts
from pipeline.store.look_ups import DoubtedMessage
from tests.integration.stages.test_delivery import claim
from tests.integration.world import CAMPAIGN, NOW, World, numbers

Change = Callable[[], object]

FREE = "SELECT id FROM messages WHERE id = :id FOR UPDATE SKIP LOCKED"


def _record(world: World, ids: Sequence[int]) -> Change:
    """Answers come in any order."""
    claimed = sorted(claim(world, ids), key=lambda one: -one.parcel.id)
    found = [answers.read(one, Accepted("SM1"), sent_at=NOW) for one in claimed]

    def record() -> None:
        with world.runtime.transaction() as connection:
            # As in a table of any size: one message after the other by its id.
            connection.execute(text("SET LOCAL enable_hashjoin = off"))
            connection.execute(text("SET LOCAL enable_mergejoin = off"))
            answers.record(connection, found, books=world.runtime.books, now=NOW, machine_now=NOW)

    return record


def _end(world: World, ids: Sequence[int]) -> Change:
    """Keys need not be in the order of the ids."""
    world.execute("UPDATE messages SET key = CAST(1000 - id AS text)")
    with world.runtime.transaction() as connection:
        campaigns.set_state(connection, "us", CampaignState.CANCELLED, reason="test", now=NOW)

    def end() -> None:
        with world.runtime.transaction() as connection:
            assert endings.sweep_ended(connection, now=NOW, most=100) == len(ids)

    return end


def _look_up(world: World, ids: Sequence[int]) -> Change:
    """What was found is settled in another statement than what was not."""
    first, *others = ids
    world.execute("UPDATE messages SET state = 'in_doubt', attempt = 1, in_doubt_at = :at", at=NOW)
    findings = [(_doubted(id_), Found("SM1")) for id_ in others] + [(_doubted(first), NotFound())]

    def look_up() -> None:
        with world.runtime.transaction() as connection:
            done = doubts.settle_by_look_up(
                connection, findings, plan=LookUpPlan(), now=NOW, machine_now=NOW
            )
        assert (done.sent, done.failed) == (others, [first])

    return look_up


def _doubted(message_id: int) -> DoubtedMessage:
    return DoubtedMessage(
        id=message_id,
        attempt=1,
        looked=4,
        not_found=1,
        campaign_id=1,
        channel=Channel.SMS,
        sender_address="+15550100001",
        phone="+15550100002",
        body=CAMPAIGN.body,
        variables={},
        claimed_at=NOW,
        sent_at=None,
    )


@pytest.mark.parametrize("prepare", [_record, _end, _look_up])
def test_whoever_waits_for_the_first_message_holds_none_of_the_others(
    world: World,
    prepare: Callable[[World, Sequence[int]], Change],
    wait_for: Callable[..., None],
) -> None:
    sender = world.sender()
    ids = world.messages(
        world.campaign(),
        world.contacts(numbers(20)),
        MessageState.READY,
        sender_id=sender.id,
        window_closes_at=NOW + timedelta(hours=1),
    )
    change = prepare(world, ids)
    with ThreadPoolExecutor(1) as pool:
        with world.runtime.transaction() as holder:
            holder.execute(text(FREE), {"id": ids[0]})
            changing = pool.submit(change)
            wait_for(
                lambda: world.query("SELECT FROM pg_locks WHERE NOT granted"),
                what="the first message to be waited for",
            )
            for id_ in ids[1:]:
                assert holder.execute(text(FREE), {"id": id_}).scalars().all() == [id_]
            # Counters come after messages: whoever holds a message may count.
            holder.execute(text("SET LOCAL lock_timeout = '5s'"))
            sender_counts.count(holder, sent={sender.id: 1}, violations={}, now=NOW)
        changing.result()
