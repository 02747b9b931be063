"""The dispatcher's part in the lane: what nobody has in hand comes back, and late ones are told."""

from datetime import timedelta

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs

from pipeline.policy.vocabulary import Stage
from pipeline.stages.optout import BATCH
from pipeline.store import notices as store
from tests.integration.repliers import SECOND, Repliers
from tests.integration.workers.conftest import Belt
from tests.integration.world import NOW, World, numbers
from workers.clock import BusinessClock, machine_now
from workers.dispatch import Dispatcher
from workers.lane.recovery import SHORT_QUEUE, LaneRecovery

PHONE, OTHER = numbers(2)


@pytest.fixture
def repliers(world: World) -> Repliers:
    world.sender("us")
    return Repliers(world)


@pytest.mark.usefixtures("still")
def test_replies_that_nobody_has_are_enqueued_again_once_a_lease(
    world: World, repliers: Repliers, belt: Belt
) -> None:
    lapsed = repliers.say(PHONE, lease=machine_now() - SECOND)
    repliers.say(OTHER, lease=machine_now() + 60 * SECOND)
    recovery = LaneRecovery(world.runtime)

    recovery.remind(0)
    recovery.remind(0)

    assert belt.take(Stage.OPTOUT) == [[lapsed]]


@pytest.mark.usefixtures("still")
def test_while_the_queue_is_long_nobody_is_reminded(
    world: World, repliers: Repliers, belt: Belt
) -> None:
    repliers.say(PHONE, lease=machine_now() - SECOND)
    LaneRecovery(world.runtime).remind(SHORT_QUEUE + 1)
    assert belt.take(Stage.OPTOUT) == []


@pytest.mark.usefixtures("still")
def test_notices_that_nobody_has_are_enqueued_again_and_those_on_the_wire_are_in_doubt(
    world: World, repliers: Repliers, belt: Belt
) -> None:
    made = repliers.settle(repliers.say(PHONE), repliers.say(OTHER)).notices
    with world.runtime.transaction() as connection:
        (first, _) = store.take_up(connection, made, lease=machine_now())
        store.claim(connection, {first.id: first.sender_id}, lease=machine_now() - SECOND)
    world.execute(
        "UPDATE inbound_messages SET lease_until = :later", later=machine_now() + 60 * SECOND
    )

    recovery = LaneRecovery(world.runtime)
    recovery.watch()
    recovery.remind(0)

    assert belt.take(Stage.OPTOUT) == [[made[1]]]
    assert [notice.state for notice in repliers.notices()] == ["in_doubt", "pending"]
    assert repliers.clock(first.inbound_id).confirmation == "in_doubt"


@pytest.mark.usefixtures("belt")
def test_the_alarm_is_raised_once_a_minute_at_half_the_deadline(
    world: World, repliers: Repliers
) -> None:
    repliers.settle(repliers.say(PHONE), repliers.say(OTHER, at=NOW + timedelta(minutes=5)))
    recovery = LaneRecovery(world.runtime)

    def alarms_at(minutes: int) -> list[tuple[int, float]]:
        at = NOW + timedelta(minutes=minutes)
        world.runtime.clock = BusinessClock(start=at, speed=0.0, origin=at)
        with capture_logs() as logs:
            recovery.watch()
        late = [entry for entry in logs if entry["event"] == "opt_out_late"]
        assert all(entry["log_level"] == "error" for entry in late)
        return [(entry["opt_outs"], entry["oldest_seconds"]) for entry in late]

    assert alarms_at(29) == []
    recovery = LaneRecovery(world.runtime)
    assert alarms_at(31) == [(1, 1860.0)]
    assert alarms_at(40) == []  # a minute of the machine's has not passed
    recovery = LaneRecovery(world.runtime)
    assert alarms_at(40) == [(2, 2400.0)]


@pytest.mark.usefixtures("still")
def test_the_alarm_is_raised_while_redis_is_away(world: World, repliers: Repliers) -> None:
    repliers.settle(repliers.say(PHONE, at=NOW - timedelta(minutes=50)))
    world.runtime.__dict__["redis"] = Redis(port=1, retry=Retry(NoBackoff(), 0))
    rounds = iter([True, True, False])
    with capture_logs() as logs:
        Dispatcher(world.runtime, lambda: next(rounds)).run()
    # One opt-out of no message sent is a rate to be warned of, once.
    told = [entry["event"] for entry in logs]
    assert told == ["opt_out_late", "sender_threshold_near", *["dispatch_waits"] * 2]


@pytest.mark.usefixtures("still")
def test_any_number_may_be_reminded_of_in_chunks(
    world: World, repliers: Repliers, belt: Belt
) -> None:
    ids = repliers.say_all(numbers(BATCH + 50), lease=machine_now() - SECOND)
    LaneRecovery(world.runtime).remind(0)
    assert belt.ids(Stage.OPTOUT) == sorted(ids)
