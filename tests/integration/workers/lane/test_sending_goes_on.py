"""A mistake of ours in the sending loop: it goes on, or the task says that it does not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy.engine import Connection
from structlog.testing import capture_logs

from pipeline.limits.pace import Grant, Pace
from pipeline.providers.base import (
    Accepted,
    CannotTell,
    Finding,
    OutboundMessage,
    Provider,
    SendResult,
    Sought,
)
from pipeline.store import account_rests
from tests.integration.repliers import Repliers
from tests.integration.world import NOW, World, numbers
from workers.clock import machine_now
from workers.lane import Lane, LaneMeans
from workers.lane.process import close_lane, process_lane

PHONE, ANOTHER = numbers(2)
WaitFor = Callable[..., None]


class Willing:
    """A provider that takes everything."""

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        del start_within
        return Accepted(f"SM{message.message_id}")

    async def find(self, sought: Sought) -> Finding:
        return CannotTell(f"{sought.message_id} is not looked for")

    async def close(self) -> None:
        return


class Stumbling:
    """Fails once, in a way that nobody foresees."""

    def __init__(self) -> None:
        self.failed = False

    def step(self) -> None:
        if not self.failed:
            self.failed = True
            raise AssertionError


class StumblingPace(Pace, Stumbling):
    """Slots that fail once."""

    def __init__(self, world: World) -> None:
        Pace.__init__(self, world.runtime.redis)
        Stumbling.__init__(self)

    def take(
        self,
        wanted: Mapping[int, tuple[float, int]],
        *,
        lead: float,
        horizon: float,
        taken: Mapping[int, int] | None = None,
    ) -> dict[int, Grant]:
        self.step()
        return super().take(wanted, lead=lead, horizon=horizon, taken=taken)


@pytest.fixture
def repliers(world: World) -> Repliers:
    world.sender("us")
    return Repliers(world)


def _means(
    repliers: Repliers,
    *,
    pace: Pace | None = None,
    claiming: Stumbling | None = None,
    open_provider: Callable[[str], Provider] = lambda _: Willing(),
) -> LaneMeans:
    runtime = repliers.world.runtime
    transactions = 0

    @contextmanager
    def transaction() -> Iterator[Connection]:
        nonlocal transactions
        transactions += 1
        if claiming is not None and transactions > 1:  # the first is the task's own
            claiming.step()
        with runtime.transaction() as connection:
            yield connection

    return LaneMeans(
        transaction=transaction,
        pace=pace or Pace(runtime.redis),
        known=repliers.known,
        clock=runtime.clock,
        open_provider=open_provider,
        capacity=8,
        sending_lease=timedelta(seconds=30),
    )


@pytest.mark.parametrize("place", ["slots", "claim"])
def test_the_loop_goes_on_after_a_failure_that_nobody_foresaw(
    world: World, repliers: Repliers, wait_for: WaitFor, place: str
) -> None:
    help_ = repliers.say(PHONE, "HELP")
    pace, claiming = StumblingPace(world), Stumbling()
    means = _means(repliers, pace=pace) if place == "slots" else _means(repliers, claiming=claiming)
    with capture_logs() as logs:
        lane = Lane(means)
        lane.work([help_])
        wait_for(lambda: [row.state for row in repliers.notices()] == ["sent"], what="the notice")
        lane.close()
    assert (pace if place == "slots" else claiming).failed
    (failure,) = [entry for entry in logs if entry["event"] == "lane_step_failed"]
    assert failure["log_level"] == "error"


def test_a_notice_waits_for_an_account_that_rests_and_is_the_one_to_try_it(
    repliers: Repliers, wait_for: WaitFor
) -> None:
    world = repliers.world
    soon = machine_now() + timedelta(seconds=300)
    with world.runtime.transaction() as connection:
        account_rests.begin(connection, "sandbox", reason="failing", until=soon, detail="", now=NOW)
    lane = Lane(_means(repliers))
    try:
        help_ = repliers.say(PHONE, "HELP")
        lane.work([help_])
        second = repliers.say(ANOTHER, "HELP")
        wait_for(lambda: world.query("SELECT FROM notices WHERE state = 'pending'"))
        # The rest is over, and no campaign tries the account.
        world.execute("UPDATE account_rests SET rests_until = :now", now=machine_now())
        lane.work([second])
        wait_for(lambda: not world.query("SELECT FROM account_rests"), what="the rest's end")
    finally:
        lane.close()
    assert "sent" in {row.state for row in repliers.notices()}


def test_a_task_does_not_pretend_that_a_dead_loop_sends(
    repliers: Repliers, wait_for: WaitFor
) -> None:
    def broken(name: str) -> Provider:
        raise AssertionError(name)

    help_ = repliers.say(PHONE, "HELP")
    with capture_logs() as logs:
        lane = Lane(_means(repliers, open_provider=broken))
        wait_for(lambda: not lane.alive, what="the end of the loop")
    assert [entry["event"] for entry in logs] == ["lane_ended"]
    with pytest.raises(RuntimeError, match="sends no more"):
        lane.work([help_])
    assert [row.state for row in repliers.notices()] == ["pending"]
    lane.close()


def test_a_process_replaces_a_lane_that_has_ended(world: World) -> None:
    lane = process_lane(world.runtime)
    assert process_lane(world.runtime) is lane
    lane.close()
    following = process_lane(world.runtime)
    assert following is not lane
    assert following.alive
    close_lane()
