"""A mistake of ours in the sending loop: it goes on, or the task says that it does not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import pytest
from redis import ConnectionError as RedisAway
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
from pipeline.store import account_rests, notice_doubts, notice_evidence
from pipeline.store.notice_doubts import Evidence
from pipeline.store.notices import NoticeState
from tests.integration.repliers import Repliers
from tests.integration.world import NOW, World, numbers
from workers.clock import machine_now
from workers.lane import Lane, LaneMeans
from workers.lane.process import close_lane, process_lane

PHONE, ANOTHER = numbers(2)
WaitFor = Callable[..., None]


class Willing:
    """A provider that takes everything.

    Attributes:
        taken: the ids of what it has taken, in order.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        del start_within
        self.taken.append(message.message_id)
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


class LatePace(Pace):
    """Grants slots that are over already, once; then Redis is away until the test ends that.

    Attributes:
        granted: whether they were.
        refused: how often Redis was asked while it was away.
        away: whether it is from then on.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world.runtime.redis)
        self.granted = False
        self.refused = 0
        self.away = True

    def take(
        self,
        wanted: Mapping[int, tuple[float, int]],
        *,
        lead: float,
        horizon: float,
        taken: Mapping[int, int] | None = None,
    ) -> dict[int, Grant]:
        if not self.granted:
            self.granted = True
            return {
                sender: Grant(delay=-1.0, interval=0.1, count=count)
                for sender, (_, count) in wanted.items()
            }
        if self.away:
            self.refused += 1
            raise RedisAway
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
    sending_lease: timedelta = timedelta(seconds=30),
    start_within: timedelta = timedelta(seconds=15),
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
        sending_lease=sending_lease,
        start_within=start_within,
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


def _is_in_doubt(world: World) -> bool:
    with world.runtime.transaction() as connection:
        return notice_evidence.doubt_lapsed(connection, machine_now=machine_now(), most=9) == 1


def _send_again(world: World, notice_id: int) -> None:
    """As an operator settles it who knows that it was never sent."""
    evidence = Evidence(state=NoticeState.PENDING, confirmation="due")
    with world.runtime.transaction() as connection:
        assert notice_doubts.settle(connection, [notice_id], evidence, now=NOW)


def test_a_notice_that_waited_past_its_lease_is_not_sent_beside_the_one_that_took_its_place(
    world: World, repliers: Repliers, wait_for: WaitFor
) -> None:
    pace, first, second = LatePace(world), Willing(), Willing()
    lease, within = timedelta(seconds=3), timedelta(seconds=2)
    means = _means(
        repliers,
        pace=pace,
        sending_lease=lease,
        start_within=within,
        open_provider=lambda _: first,
    )
    waits = Lane(means)
    other = Lane(_means(repliers, open_provider=lambda _: second))
    try:
        waits.work([repliers.say(PHONE)])
        # It is claimed, has missed its slot, and asks for another, in vain.
        wait_for(lambda: pace.refused > 0, what="the missed slot")
        wait_for(lambda: _is_in_doubt(world), what="the end of its lease")
        (notice,) = repliers.notices()
        assert notice.attempt == 1
        _send_again(world, notice.id)
        other.work([notice.id])
        wait_for(lambda: second.taken, what="the second attempt")

        pace.away = False
        waits.work([repliers.say(ANOTHER)])

        # Whoever came later has a later slot: by then the first has had its own.
        wait_for(lambda: len(repliers.notices()) == 2)
        later = repliers.notices()[-1].id
        wait_for(lambda: later in first.taken, what="whoever came later")
    finally:
        other.close()
        waits.close()
    assert (first.taken, second.taken) == ([later], [notice.id])
    assert [(row.state, row.attempt) for row in repliers.notices()] == [("sent", 2), ("sent", 1)]


def test_a_claim_that_is_too_old_when_its_slot_comes_is_given_back(
    repliers: Repliers, wait_for: WaitFor
) -> None:
    provider = Willing()
    means = _means(repliers, start_within=timedelta(0), open_provider=lambda _: provider)
    lane = Lane(means)
    try:
        lane.work([repliers.say(PHONE, "HELP")])
        wait_for(
            lambda: (
                [(row.state, row.attempt, row.lease_until) for row in repliers.notices()]
                == [("pending", 1, None)]
            ),
            what="the notice, for whoever comes first",
        )
    finally:
        lane.close()
    assert provider.taken == []


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
