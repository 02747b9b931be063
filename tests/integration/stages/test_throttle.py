"""The throttle stage over a real database: caps and quotas, looked at before the claim."""

from collections.abc import Sequence
from datetime import timedelta

from pipeline.policy.quota import bucket_of
from pipeline.policy.vocabulary import MessageState, Tier
from pipeline.stages import throttle
from pipeline.store import quotas
from pipeline.store.senders import Sender
from tests.integration.world import BUSINESS, NOW, World, numbers

MONTH = timedelta(days=31)


def _run(world: World, ids: Sequence[int]) -> list[int]:
    with world.runtime.transaction() as connection:
        return throttle.run(connection, ids, books=world.runtime.books, now=NOW)


def _ready(world: World, sender: Sender, code: str, people: Sequence[int]) -> list[int]:
    return world.messages(world.campaign(code), people, MessageState.READY, sender_id=sender.id)


def _sent(world: World, person: int, *days_ago: int) -> None:
    world.execute(
        "INSERT INTO frequency_use VALUES (:person, :business, 'marketing+public_service',"
        " CAST(:sent AS timestamptz[]), ARRAY[3], ARRAY[CAST(:since AS timestamptz)])",
        person=person,
        business=BUSINESS,
        sent=[NOW - timedelta(days=days) for days in days_ago],
        since=NOW - MONTH,
    )


def _used(world: World, sender: Sender, amount: int) -> None:
    with world.runtime.transaction() as connection:
        quotas.add(connection, {(sender.id, bucket_of(NOW - timedelta(hours=1))): amount})


def test_a_person_over_the_cap_waits_until_the_oldest_message_is_old_enough(world: World) -> None:
    sender = world.sender()
    full, room = world.contacts(numbers(2))
    _sent(world, full, 30, 20, 10)
    _sent(world, room, 32, 20, 10)
    ids = _ready(world, sender, "us", [full, room])

    passed = _run(world, ids)

    assert passed == [ids[1]]
    row = world.row(ids[0])
    assert (row.state, row.reason) == ("deferred", "frequency_cap")
    assert row.not_before == NOW - timedelta(days=30) + MONTH
    assert world.decisions(row.id) == [("throttle", "defer", "frequency_cap")]


def test_messages_of_one_person_in_one_chunk_count_for_each_other(world: World) -> None:
    sender = world.sender()
    (person,) = world.contacts(numbers(1))
    _sent(world, person, 25)
    ids = [_ready(world, sender, code, [person])[0] for code in ("a", "b", "c")]

    assert _run(world, ids) == ids[:2]
    assert world.row(ids[2]).reason == "frequency_cap"


def test_what_is_beyond_the_quota_waits_until_the_quota_has_room(world: World) -> None:
    sender = world.sender(tier=Tier.NEW)
    _used(world, sender, 497)
    ids = _ready(world, sender, "us", world.contacts(numbers(5)))

    passed = _run(world, ids)

    assert passed == ids[:3]
    late = [world.row(id_) for id_ in ids[3:]]
    until = bucket_of(NOW - timedelta(hours=1)) + timedelta(days=1)
    assert {(row.state, row.reason, row.rule, row.not_before) for row in late} == {
        ("deferred", "daily_quota", "us_daily_volume_new", until)
    }


def test_a_quota_that_frees_too_late_ends_the_message(world: World) -> None:
    sender = world.sender(tier=Tier.NEW)
    _used(world, sender, 500)
    campaign = world.campaign(expires_at=NOW + timedelta(hours=2))
    (person,) = world.contacts(numbers(1))
    (message,) = world.messages(campaign, [person], MessageState.READY, sender_id=sender.id)

    assert _run(world, [message]) == []
    assert (world.row(message).state, world.row(message).reason) == ("expired", "expired")


def test_a_chunk_that_comes_again_changes_nothing(world: World) -> None:
    sender = world.sender(tier=Tier.NEW)
    _used(world, sender, 498)
    ids = _ready(world, sender, "us", world.contacts(numbers(4)))
    passed = _run(world, ids)
    before = world.everything()

    assert _run(world, ids) == passed  # the passed ones are ready still, and may pass again
    assert world.everything() == before
