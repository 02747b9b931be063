"""A courier that ends by a mistake of ours: what is on the wire is recorded, another takes over."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from pipeline.limits.pace import Grant, Pace
from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import OutboundMessage, SendResult
from tests.integration.workers.carriers import Told
from tests.integration.workers.conftest import Belt
from tests.integration.world import World, numbers
from workers.courier import Courier, CourierMeans
from workers.courier.process import close_courier, process_courier

WaitFor = Callable[..., None]


class Failing(Pace):
    """Slots as ever, until it is told to fail in a way that nobody foresaw."""

    fails = False

    def take(
        self,
        wanted: Mapping[int, tuple[float, int]],
        *,
        lead: float,
        horizon: float,
        taken: Mapping[int, int] | None = None,
    ) -> dict[int, Grant]:
        if self.fails:
            raise ZeroDivisionError
        return super().take(wanted, lead=lead, horizon=horizon, taken=taken)


class Held(Told):
    """A provider that answers when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed = threading.Event()

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        answer = await super().send(message, start_within=start_within)
        await asyncio.to_thread(self.allowed.wait, 30)
        return answer


@pytest.mark.usefixtures("still", "belt")
def test_what_is_on_the_wire_is_recorded_when_the_courier_ends(
    world: World, wait_for: WaitFor
) -> None:
    runtime, provider = world.runtime, Held()
    pace = Failing(runtime.redis)
    means = CourierMeans(
        transaction=runtime.transaction,
        pace=pace,
        books=runtime.books,
        clock=runtime.clock,
        open_provider=lambda _: provider,
        capacity=8,
        claim_size=8,
        sending_lease=timedelta(seconds=30),
    )
    sender = world.sender("es", country="ES", registration=None)
    first, second = world.messages(
        world.campaign("es", country="ES"),
        world.contacts(numbers(2, "ES")),
        MessageState.READY,
        sender_id=sender.id,
    )
    courier = Courier(means)
    with capture_logs() as logs:
        courier.submit([first])
        wait_for(lambda: bool(provider.asked), what="the request")
        pace.fails = True
        courier.submit([second])
        provider.allowed.set()
        wait_for(lambda: not courier.alive, what="the end")
    courier.close()

    assert world.states([first, second]) == {first: "sent", second: "ready"}
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["courier_ended"]


def test_a_courier_that_has_ended_is_replaced(world: World, belt: Belt) -> None:
    del belt
    ended = process_courier(world.runtime)
    assert process_courier(world.runtime) is ended
    ended.close()
    try:
        other = process_courier(world.runtime)
        assert other is not ended
        assert other.alive
    finally:
        close_courier()
