"""The claim over a real database: what it takes, what it refuses, and where that goes."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from pipeline.policy.quota import bucket_of
from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import CampaignState, Category, MessageState, Tier
from pipeline.stages import delivery
from pipeline.stages.delivery import Claimed
from pipeline.store import campaigns, claims, quotas, senders, suppressions
from tests.integration.world import BUSINESS, NOW, World, directory_of, numbers

SAFE = NOW + timedelta(seconds=0.2)
LEASE = NOW + timedelta(seconds=90)
MARKETING = "marketing+public_service"


def claim(world: World, ids: Sequence[int], *, now: datetime = NOW) -> list[Claimed]:
    """Load and claim, as a courier does."""
    with world.runtime.transaction() as connection:
        parcels = claims.load(connection, ids)
        return delivery.claim(
            connection,
            parcels,
            directory=directory_of(connection, parcels),
            books=world.runtime.books,
            now=now,
            safe_until=now + (SAFE - NOW),
            lease=LEASE,
        )


def _ids(claimed: Sequence[Claimed]) -> list[int]:
    return sorted(item.parcel.id for item in claimed)


def _ready(world: World, count: int, code: str = "us", **columns: object) -> list[int]:
    sender = world.sender()
    people = world.contacts(numbers(count))
    values = {"sender_id": sender.id, "lease_until": LEASE} | columns
    return world.messages(world.campaign(code), people, MessageState.READY, **values)


def test_a_claim_takes_messages_with_their_cap_and_their_quota(world: World) -> None:
    ids = _ready(world, 3)

    claimed = claim(world, ids)

    assert _ids(claimed) == ids
    assert {(item.attempt, item.counted, item.quota) for item in claimed} == {(1, MARKETING, True)}
    rows = [world.row(id_) for id_ in ids]
    assert {(row.state, row.attempt, row.lease_until) for row in rows} == {("sending", 1, LEASE)}
    (used,) = world.query("SELECT bucket, used FROM quota_use")
    assert (used.bucket, used.used) == (bucket_of(NOW), 3)
    assert [row.sent for row in world.query("SELECT sent FROM frequency_use")] == [[NOW]] * 3


def test_what_is_claimed_is_not_claimed_again(world: World) -> None:
    ids = _ready(world, 3)
    claim(world, ids)
    before = world.everything(), world.query("SELECT * FROM quota_use")

    assert claim(world, ids) == []
    assert (world.everything(), world.query("SELECT * FROM quota_use")) == before


def test_a_message_that_was_handed_over_twice_is_claimed_once(world: World) -> None:
    (message,) = _ready(world, 1)
    (parcel,) = world.parcels([message])
    directory = world.directory([parcel])
    with world.runtime.transaction() as connection:
        claimed = delivery.claim(
            connection,
            [parcel, parcel],
            directory=directory,
            books=world.runtime.books,
            now=NOW,
            safe_until=NOW + timedelta(seconds=0.2),
            lease=NOW + timedelta(seconds=90),
        )
    assert _ids(claimed) == [message]


def test_two_claims_side_by_side_take_each_message_once(world: World) -> None:
    ids = _ready(world, 60)
    taken: list[int] = []
    both = threading.Barrier(2)

    def work() -> None:
        both.wait()
        taken.extend(_ids(claim(world, ids)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == ids
    assert [row.used for row in world.query("SELECT used FROM quota_use")] == [60]


def test_one_message_a_person_is_taken_at_a_time(world: World) -> None:
    sender = world.sender()
    (person,) = world.contacts(numbers(1))
    ids = [
        world.messages(world.campaign(code), [person], MessageState.READY, sender_id=sender.id)[0]
        for code in ("a", "b")
    ]

    assert _ids(claim(world, ids)) == ids[:1]
    assert world.row(ids[1]).state == "ready"
    assert _ids(claim(world, ids)) == ids[1:]


def test_a_window_or_a_campaign_that_ends_within_the_claims_life_is_refused(world: World) -> None:
    open_, closing = _ready(world, 2)
    world.execute("UPDATE messages SET window_closes_at = :at WHERE id = :id", at=SAFE, id=closing)
    world.execute(
        "UPDATE messages SET window_closes_at = :at WHERE id = :id",
        at=SAFE + timedelta(microseconds=1),
        id=open_,
    )

    assert _ids(claim(world, [open_, closing])) == [open_]
    row = world.row(closing)
    assert (row.state, row.reason, row.not_before) == ("deferred", "window_closed", NOW)
    assert world.decisions(closing) == [("delivery", "defer", "window_closed")]


@pytest.mark.parametrize("later", ["another sender", "another window"])
def test_what_was_decided_anew_since_it_was_read_is_refused(world: World, later: str) -> None:
    """A worker that was frozen holds it as it was: it would use a sender that may rest by now."""
    (message,) = _ready(world, 1, window_closes_at=NOW + timedelta(hours=2))
    (parcel,) = world.parcels([message])
    if later == "another sender":
        world.execute("UPDATE messages SET sender_id = :id", id=world.sender("other").id)
    else:
        world.execute("UPDATE messages SET window_closes_at = :at", at=NOW + timedelta(days=1))

    with world.runtime.transaction() as connection:
        claimed = delivery.claim(
            connection,
            [parcel],
            directory=directory_of(connection, [parcel]),
            books=world.runtime.books,
            now=NOW,
            safe_until=SAFE,
            lease=LEASE,
        )

    assert claimed == []
    row = world.row(message)
    assert (row.state, row.attempt, row.lease_until) == ("ready", 0, None)
    assert _ids(claim(world, [message])) == [message]


def _pause(world: World) -> None:
    _set_campaign(world, CampaignState.PAUSED)


def _cancel(world: World) -> None:
    _set_campaign(world, CampaignState.CANCELLED)


def _set_campaign(world: World, state: CampaignState) -> None:
    with world.runtime.transaction() as connection:
        campaigns.set_state(connection, "us", state, reason=None, now=NOW)


def _expire(world: World) -> None:
    world.execute("UPDATE campaigns SET expires_at = :at", at=SAFE)


def _suspend(world: World) -> None:
    with world.runtime.transaction() as connection:
        own = [sender.id for sender in senders.select_senders(connection)]
        senders.set_sender_state(connection, own, SenderState.SUSPENDED, reason="test", now=NOW)


def _exhaust(world: World) -> None:
    world.execute("UPDATE senders SET tier = 'new'")
    (sender,) = world.query("SELECT id FROM senders")
    with world.runtime.transaction() as connection:
        quotas.add(connection, {(sender.id, bucket_of(NOW - timedelta(hours=5))): 500})


def _fill_cap(world: World) -> None:
    world.execute(
        "INSERT INTO frequency_use SELECT contact_id, 'acme', :counted,"
        " array_fill(CAST(:at AS timestamptz), ARRAY[3]), ARRAY[3],"
        " ARRAY[CAST(:at AS timestamptz)] FROM messages",
        counted=MARKETING,
        at=NOW - timedelta(days=1),
    )


REFUSALS = {
    "paused": (_pause, "ready", None),
    "cancelled": (_cancel, "cancelled", "cancelled"),
    "expired": (_expire, "expired", "expired"),
    "suspended": (_suspend, "ready", None),
    "quota": (_exhaust, "ready", None),
    "cap": (_fill_cap, "ready", None),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_changed_since_the_message_was_ready_refuses_it(world: World, name: str) -> None:
    change, state, reason = REFUSALS[name]
    (message,) = _ready(world, 1)
    parcels = world.parcels([message])
    directory = world.directory(parcels)
    change(world)
    if name == "quota":
        directory = world.directory(parcels)

    with world.runtime.transaction() as connection:
        claimed = delivery.claim(
            connection,
            parcels,
            directory=directory,
            books=world.runtime.books,
            now=NOW,
            safe_until=SAFE,
            lease=LEASE,
        )

    assert claimed == []
    row = world.row(message)
    assert (row.state, row.reason, row.lease_until, row.attempt) == (state, reason, None, 0)
    if name != "quota":
        assert not world.query("SELECT FROM quota_use")


def test_an_opt_out_that_is_committed_before_the_claim_always_wins(world: World) -> None:
    sender = world.sender()
    left, wrong, everywhere, stays = people = world.contacts(numbers(4))
    ids = {
        category: world.messages(
            world.campaign(category.value, category=category),
            people,
            MessageState.READY,
            sender_id=sender.id,
        )
        for category in (Category.MARKETING, Category.PUBLIC_SERVICE, Category.TRANSACTIONAL)
    }
    loaded = [world.parcels(each) for each in ids.values()]  # the courier has them already
    entries = [
        (left, BUSINESS, "opt_out", NOW),
        (wrong, BUSINESS, "wrong_number", NOW),
        (everywhere, "*", "opt_out", NOW),
        (stays, "another-business", "opt_out", NOW),
    ]
    with world.runtime.transaction() as connection:
        suppressions.add(connection, entries, source="test", now=NOW)

    claimed: dict[str, list[int]] = {}
    for category, parcels in zip(ids, loaded, strict=True):
        with world.runtime.transaction() as connection:
            found = delivery.claim(
                connection,
                parcels,
                directory=directory_of(connection, parcels),
                books=world.runtime.books,
                now=NOW,
                safe_until=SAFE,
                lease=LEASE,
            )
        claimed[category.value] = [item.parcel.contact_id for item in found]

    assert claimed["marketing"] == [stays]
    assert claimed["public_service"] == [stays]
    assert sorted(claimed["transactional"]) == sorted([left, everywhere, stays])
    assert world.decisions(ids[Category.MARKETING][0]) == [("delivery", "block", "suppressed")]


def test_an_opt_out_that_is_lifted_stops_nobody(world: World) -> None:
    (message,) = _ready(world, 1)
    person = world.row(message).contact_id
    with world.runtime.transaction() as connection:
        suppressions.add(connection, [(person, BUSINESS, "opt_out", NOW)], source="", now=NOW)
        later = NOW + timedelta(seconds=1)
        suppressions.lift_for_new_consents(connection, [(person, BUSINESS, later)])

    assert _ids(claim(world, [message])) == [message]


def test_a_transactional_message_counts_towards_no_cap(world: World) -> None:
    sender = world.sender()
    people = world.contacts(numbers(1))
    campaign = world.campaign(category=Category.TRANSACTIONAL)
    ids = world.messages(campaign, people, MessageState.READY, sender_id=sender.id)

    assert [item.counted for item in claim(world, ids)] == [None]
    assert not world.query("SELECT FROM frequency_use")


def test_the_quota_of_a_new_sender_ends_a_claim_in_the_middle(world: World) -> None:
    ids = _ready(world, 6)
    world.execute("UPDATE senders SET tier = :tier", tier=Tier.NEW.value)
    (sender,) = world.query("SELECT id FROM senders")
    with world.runtime.transaction() as connection:
        quotas.add(connection, {(sender.id, bucket_of(NOW - timedelta(hours=1))): 498})

    assert len(claim(world, ids)) == 2
    assert sorted(world.states(ids).values()) == ["ready"] * 4 + ["sending"] * 2
