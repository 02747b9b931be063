"""The dispatcher over real servers: what is due, to whom, and how much."""

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from redis import ConnectionError, Redis  # noqa: A004 - Redis's own error of this name
from structlog.testing import capture_logs

from pipeline.policy.quota import bucket_of
from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import CampaignState, MessageState, Stage
from pipeline.providers.base import Action, Rejected
from pipeline.stages import answers, delivery, window
from pipeline.store import campaigns, due, messages, quotas, sender_counts
from tests.integration.leavers import Leavers
from tests.integration.workers.conftest import Belt
from tests.integration.world import NOW, World, numbers
from workers.clock import BusinessClock, machine_now
from workers.dispatch import Dispatcher
from workers.sender_watch import SenderWatch

pytestmark = pytest.mark.usefixtures("still")

SECOND = timedelta(seconds=1)


def one_round(world: World) -> None:
    """A round of a dispatcher that has just started, with every step."""
    Dispatcher(world.runtime).round()


def _at(world: World, now: datetime) -> None:
    world.runtime.clock = BusinessClock(start=now, speed=0.0, origin=now)


def _ready(world: World, code: str, people: Sequence[int], **columns: Any) -> list[int]:
    """Ready messages of a campaign of its own, from the sender `us` unless told."""
    if "sender_id" not in columns:
        columns["sender_id"] = world.sender().id
    return world.messages(world.campaign(code), people, MessageState.READY, **columns)


def test_deferred_messages_come_back_at_their_business_time_and_not_before(
    world: World, belt: Belt
) -> None:
    people = world.contacts(numbers(2))
    campaign = world.campaign()
    (early,) = world.messages(
        campaign, people[:1], MessageState.DEFERRED, not_before=NOW, reason="window_closed"
    )
    (late,) = world.messages(campaign, people[1:], MessageState.DEFERRED, not_before=NOW + SECOND)

    one_round(world)
    assert belt.ids(Stage.CONSENT) == [early]
    row = world.row(early)
    assert (row.state, row.reason, row.not_before) == ("accepted", None, None)
    assert row.lease_until > machine_now()
    assert world.row(late).state == "deferred"

    _at(world, NOW + SECOND)
    one_round(world)
    assert belt.ids(Stage.CONSENT) == [late]


def test_releasing_waits_while_the_first_queues_are_full(world: World, belt: Belt) -> None:
    (person,) = world.contacts(numbers(1))
    world.messages(world.campaign(), [person], MessageState.DEFERRED, not_before=NOW)
    full = world.runtime.settings.dispatch.stage_queue_chunks
    belt.client.rpush(Stage.CONSENT.value, *[b"x"] * full)

    one_round(world)

    assert belt.client.llen(Stage.CONSENT.value) == full
    assert list(world.states().values()) == ["deferred"]


def test_a_ready_message_whose_window_has_closed_is_decided_again(world: World, belt: Belt) -> None:
    people = world.contacts(numbers(2))
    (closed,) = _ready(world, "a", people[:1], window_closes_at=NOW)
    (open_,) = _ready(world, "b", people[1:], window_closes_at=NOW + SECOND)

    one_round(world)

    assert belt.ids(Stage.THROTTLE) == [open_]
    assert belt.ids(Stage.CONSENT) == [closed]
    assert world.row(closed).state == "accepted"


def test_what_has_been_ready_for_a_day_is_decided_again(world: World, belt: Belt) -> None:
    people = world.contacts(["+34612345678", "+51987654321"])  # no window that would close on them
    ids = world.messages(world.campaign(), people, MessageState.CONSENTED)
    sender = world.sender(country="ES", registration=None, state=SenderState.SUSPENDED)
    world.execute("UPDATE messages SET sender_id = :id", id=sender.id)
    with world.runtime.transaction() as connection:
        assert window.run(connection, ids, books=world.runtime.books, now=NOW) == ids

    _at(world, NOW + messages.READY_LIFE - SECOND)
    one_round(world)
    assert belt.ids(Stage.CONSENT) == []

    _at(world, NOW + messages.READY_LIFE)
    one_round(world)
    assert belt.ids(Stage.CONSENT) == ids
    assert {(world.row(id_).state, world.row(id_).reason) for id_ in ids} == {("accepted", None)}


def test_two_campaigns_of_one_sender_take_turns(world: World, belt: Belt) -> None:
    sender = world.sender(rate_per_second=20.0)
    people = world.contacts(numbers(100))
    big = _ready(world, "big", people, sender_id=sender.id)
    small = _ready(world, "small", people[:40], sender_id=sender.id)

    one_round(world)

    handed = belt.ids(Stage.THROTTLE)
    assert len(handed) == 30  # what the sender may send in the horizon of 1.5 s
    assert Counter(id_ in big for id_ in handed) == {True: 15, False: 15}
    assert set(handed) == {*big[:15], *small[:15]}


def test_a_sender_gets_no_more_than_it_can_send(world: World, belt: Belt) -> None:
    sender = world.sender(rate_per_second=20.0)
    ids = _ready(world, "a", world.contacts(numbers(80)), sender_id=sender.id)

    one_round(world)
    one_round(world)
    assert len(belt.ids(Stage.THROTTLE)) == 30

    world.execute("UPDATE messages SET state = 'sending' WHERE lease_until IS NOT NULL")
    one_round(world)
    assert belt.ids(Stage.THROTTLE) == ids[30:60]


def test_what_waits_to_be_tried_again_keeps_no_other_message_of_its_sender_back(
    world: World, belt: Belt
) -> None:
    sender = world.sender(rate_per_second=20.0)
    later = machine_now() + timedelta(seconds=60)
    people = world.contacts(numbers(80))
    _ready(world, "a", people[:50], sender_id=sender.id, lease_until=later, refusals=5)
    fresh = _ready(world, "b", people[50:], sender_id=sender.id)

    one_round(world)

    assert belt.ids(Stage.THROTTLE) == fresh


def test_a_suspended_sender_and_a_paused_campaign_get_nothing(world: World, belt: Belt) -> None:
    people = world.contacts(numbers(3))
    suspended = world.sender("halted", state="suspended")
    kept = [
        *_ready(world, "a", people[:1], sender_id=suspended.id),
        *_ready(world, "paused", people[1:2]),
    ]
    with world.runtime.transaction() as connection:
        campaigns.set_state(connection, "paused", CampaignState.PAUSED, reason=None, now=NOW)
    (going,) = _ready(world, "b", people[2:])

    one_round(world)

    assert belt.ids(Stage.THROTTLE) == [going]
    assert list(world.states(kept).values()) == ["ready", "ready"]


def test_ended_campaigns_end_what_waits_for_them(world: World, belt: Belt) -> None:
    people = world.contacts(numbers(5))
    waiting = (
        MessageState.ACCEPTED,
        MessageState.CONSENTED,
        MessageState.DEFERRED,
        MessageState.READY,
        MessageState.SENT,
    )
    ids: dict[str, list[int]] = {}
    for code in ("late", "gone", "active"):
        expires_at = NOW if code == "late" else NOW + timedelta(days=20)
        campaign = world.campaign(code, expires_at=expires_at)
        ids[code] = [
            world.messages(campaign, [person], state)[0]
            for person, state in zip(people, waiting, strict=True)
        ]
    with world.runtime.transaction() as connection:
        campaigns.set_state(connection, "gone", CampaignState.CANCELLED, reason=None, now=NOW)

    one_round(world)

    assert list(world.states(ids["late"]).values()) == ["expired"] * 4 + ["sent"]
    assert list(world.states(ids["gone"]).values()) == ["cancelled"] * 4 + ["sent"]
    assert list(world.states(ids["active"]).values()) == [state.value for state in waiting]
    assert world.decisions(ids["late"][0]) == [("dispatch", "block", "expired")]
    assert world.decisions(ids["gone"][3]) == [("dispatch", "block", "cancelled")]
    assert not belt.ids(Stage.THROTTLE)


def test_a_message_that_comes_back_unsent_after_the_cancel_ends_too(
    world: World, belt: Belt
) -> None:
    (message,) = _ready(world, "us", world.contacts(numbers(1)))
    parcels = world.parcels([message])
    directory = world.directory(parcels)
    with world.runtime.transaction() as connection:
        (claimed,) = delivery.claim(
            connection,
            parcels,
            directory=directory,
            books=world.runtime.books,
            now=NOW,
            safe_until=NOW,
            lease=machine_now() + 90 * SECOND,
        )
        campaigns.set_state(connection, "us", CampaignState.CANCELLED, reason=None, now=NOW)
    one_round(world)
    one_round(world)
    refused = Rejected(Action.RETRY_LATER, "503", "later", 1.0)
    with world.runtime.transaction() as connection:
        answer = answers.read(claimed, refused, sent_at=NOW)
        answers.record(
            connection,
            [answer],
            books=world.runtime.books,
            now=NOW,
            machine_now=machine_now(),
        )
    assert world.row(message).state == "ready"

    one_round(world)

    assert world.row(message).state == "cancelled"
    assert not belt.ids(Stage.THROTTLE)


def test_two_dispatchers_side_by_side_hand_out_no_message_twice(world: World, belt: Belt) -> None:
    sender = world.sender(rate_per_second=1000.0)
    people = world.contacts(numbers(400))
    pairs = []
    for code in ("a", "b", "c"):
        ids = _ready(world, code, people, sender_id=sender.id)
        pairs.append((sender.id, world.row(ids[0]).campaign_id))
    handed: list[int] = []
    both = threading.Barrier(4)

    def work() -> None:
        both.wait()
        for _ in range(5):
            with world.runtime.transaction() as connection:
                lease = machine_now() + 60 * SECOND
                handed.extend(due.hand_out(connection, pairs, {sender.id: 100}, lease=lease))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(handed) == len(set(handed))
    assert len(handed) >= 1000
    assert not belt.ids(Stage.THROTTLE)


def test_an_exhausted_quota_defers_until_it_has_room(world: World, belt: Belt) -> None:
    people = world.contacts(numbers(3))
    new = world.sender("new", tier="new")
    full = _ready(world, "a", people[:2], sender_id=new.id)
    (going,) = _ready(world, "b", people[2:])
    yesterday = NOW - timedelta(hours=20)
    with world.runtime.transaction() as connection:
        quotas.add(connection, {(new.id, bucket_of(yesterday)): 500})

    one_round(world)

    assert belt.ids(Stage.THROTTLE) == [going]
    for id_ in full:
        row = world.row(id_)
        assert (row.state, row.reason, row.rule) == (
            "deferred",
            "daily_quota",
            "us_daily_volume_new",
        )
        assert row.not_before == bucket_of(yesterday) + timedelta(days=1)
        assert world.decisions(id_) == [("dispatch", "defer", "daily_quota")]


def test_a_round_suspends_who_is_above_a_threshold_and_warns_once_of_who_is_near(
    world: World,
) -> None:
    over, near = world.sender(), world.sender("us-near")
    leavers = Leavers(world)
    with world.runtime.transaction() as connection:
        sender_counts.count(connection, sent={over.id: 1000}, violations={over.id: 21}, now=NOW)
    (person,) = world.contacts(numbers(1))
    leavers.opt_out(person, NOW - SECOND, sender_id=near.id)
    watch = SenderWatch(world.runtime)

    with capture_logs() as logs:
        watch.look()
        watch.look()
        one_round(world)

    told = [(line["event"], line["sender"]) for line in logs if "sender" in line]
    assert sorted(told) == [
        ("sender_suspended", "us"),
        ("sender_threshold_near", "us-near"),
        ("sender_threshold_near", "us-near"),  # by the other dispatcher
    ]
    suspended = world.query("SELECT code FROM senders WHERE state = 'suspended'")
    assert [row.code for row in suspended] == ["us"]


def test_a_dispatcher_suspends_though_redis_is_away(world: World) -> None:
    sender = world.sender()
    with world.runtime.transaction() as connection:
        sender_counts.count(connection, sent={}, violations={sender.id: 1000}, now=NOW)
    world.runtime.redis.close()
    world.runtime.redis = Redis.from_url("redis://127.0.0.1:1/0")

    with pytest.raises(ConnectionError):
        one_round(world)

    assert [row.state for row in world.query("SELECT state FROM senders")] == ["suspended"]
