"""Couriers in the test's own process, and a provider that does as it is told."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from pipeline.limits.pace import Pace
from pipeline.policy.vocabulary import MessageState, Stage
from pipeline.providers.base import (
    Accepted,
    CannotTell,
    Finding,
    OutboundMessage,
    SendResult,
    Sought,
)
from tests.integration.workers.conftest import Belt
from tests.integration.world import World
from workers.courier import Courier, CourierMeans
from workers.dispatch import Dispatcher


@dataclass
class Told:
    """A provider that gives the answer it was told; None: it takes the message.

    Attributes:
        asked: (message id, sender's address) of every request, in order.
        of: answers of single senders, by address; the others have `answer`.
    """

    answer: SendResult | None = None
    of: dict[str, SendResult | None] = field(default_factory=dict)
    asked: list[tuple[int, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        del start_within
        with self._lock:
            self.asked.append((message.message_id, message.sender_address))
        answer = self.of.get(message.sender_address, self.answer)
        return Accepted(f"SM{message.message_id}") if answer is None else answer

    async def find(self, sought: Sought) -> Finding:
        return CannotTell(f"{sought.message_id} is not looked for")

    async def close(self) -> None:
        return


@dataclass(frozen=True)
class Carriers:
    """A dispatcher and some couriers over one database."""

    world: World
    belt: Belt
    couriers: Sequence[Courier]
    dispatcher: Dispatcher

    def round(self) -> None:
        """One round of the dispatcher; its chunks go to the couriers in turn."""
        self.dispatcher.round()
        for chunk in self.belt.take(Stage.THROTTLE):
            for place, courier in enumerate(self.couriers):
                share = chunk[place :: len(self.couriers)]
                if share:
                    courier.submit(share)

    def over(self) -> bool:
        """A round; whether every message has been sent."""
        self.round()
        return set(self.world.states().values()) == {MessageState.SENT.value}


@contextmanager
def carrying(world: World, belt: Belt, provider: Told, *, couriers: int = 2) -> Iterator[Carriers]:
    """Couriers that send through `provider`, whatever the account."""
    runtime = world.runtime
    means = CourierMeans(
        transaction=runtime.transaction,
        pace=Pace(runtime.redis),
        books=runtime.books,
        clock=runtime.clock,
        open_provider=lambda _: provider,
        capacity=64,
        claim_size=64,
        sending_lease=timedelta(seconds=30),
    )
    running = [Courier(means) for _ in range(couriers)]
    try:
        yield Carriers(world, belt, running, Dispatcher(runtime))
    finally:
        for courier in running:
            courier.close()
