"""Look-ups over a real sandbox: what it has is sent, what it never had has failed."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from config.settings import DeliverySettings, ProviderSettings, Settings
from pipeline.policy.look_ups import LookUpPlan
from pipeline.policy.vocabulary import Category, Channel, MessageState
from pipeline.providers.base import (
    Ambiguous,
    CannotTell,
    Finding,
    Found,
    OutboundMessage,
    Provider,
    SendResult,
    Sought,
)
from pipeline.providers.registry import ProviderAccount, create_provider
from tests.integration.providers.conftest import SandboxServer
from tests.integration.world import CAMPAIGN, World, numbers
from workers.clock import machine_now
from workers.runtime import Runtime
from workers.servers import Servers
from workers.settling import Settler, SettlingMeans, close_settler, start_settler

WaitFor = Callable[..., None]

PHONES = numbers(2)
SENDER = "+15550100001"
FIRST_SECONDS = 0.2
"""A minute's worth of pauses in a fifth of a second."""


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxServer]:
    with SandboxServer(tmp_path / "sandbox.ndjson") as server:
        yield server


def _in_doubt(world: World, sender: str = "us", provider: str = "sandbox") -> list[int]:
    """A message to each number, in doubt since just now."""
    sender_id = world.sender(sender, address=SENDER, provider=provider).id
    campaign = world.campaign(sender, category=Category.MARKETING, body=CAMPAIGN.body)
    now = world.runtime.clock.now()
    return world.messages(
        campaign,
        world.contacts(PHONES),
        MessageState.IN_DOUBT,
        sender_id=sender_id,
        attempt=1,
        in_doubt_at=now,
    )


def _send(address: str, message_id: int, phone: str) -> SendResult:
    """Hand over one message as a courier does whose connection is cut before the answer."""
    message = OutboundMessage(
        message_id=message_id,
        attempt=1,
        channel=Channel.SMS,
        category=Category.MARKETING,
        sender_address=SENDER,
        to=phone,
        body=CAMPAIGN.body,
        template=None,
        template_language=None,
        template_parameters=(),
        validity_seconds=None,
    )

    async def send() -> SendResult:
        provider = create_provider("sandbox", ProviderAccount(base_url=address))
        try:
            return await provider.send(message)
        finally:
            await provider.close()

    return asyncio.run(send())


def test_a_process_settles_what_its_accounts_can_tell(
    sandbox: SandboxServer, servers: Servers, tmp_path: Path, wait_for: WaitFor
) -> None:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        home=tmp_path / "home",
        providers={"sandbox": ProviderSettings(kind="sandbox", base_url=sandbox.address)},
        delivery=DeliverySettings(look_up_seconds=FIRST_SECONDS),
    )
    world = World(Runtime(settings, servers, "test"))
    taken, lost = _in_doubt(world)
    sandbox.behave(recipients={PHONES[0]: "close"})
    assert isinstance(_send(sandbox.address, taken, PHONES[0]), Ambiguous)

    start_settler(world.runtime)
    try:
        wait_for(lambda: world.row(taken).state == "sent", what="what was taken")
        wait_for(lambda: world.row(lost).state == "failed", timeout=40, what="what never left")
    finally:
        close_settler()
    assert world.row(taken).provider_id == sandbox.log()[0]["provider_id"]
    assert len(sandbox.log()) == 1, "nothing was sent again"
    world.runtime.close()


class Slow:
    """A provider that answers a look-up only when it is allowed to."""

    def __init__(self, allowed: threading.Event) -> None:
        self._allowed = allowed
        self.asked = 0

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        raise NotImplementedError

    async def find(self, sought: Sought) -> Finding:
        self.asked += 1
        await asyncio.to_thread(self._allowed.wait)
        return Found(f"SM{sought.message_id}")

    async def close(self) -> None:
        self._allowed.set()


class Quick(Slow):
    """Another account's, which answers at once that it cannot tell."""

    async def find(self, sought: Sought) -> Finding:
        self.asked += 1
        return CannotTell(f"several fit {sought.message_id}")


def _settler(world: World, providers: dict[str, Provider]) -> Settler:
    return Settler(
        SettlingMeans(
            transaction=world.runtime.transaction,
            clock=world.runtime.clock,
            open_provider=providers.__getitem__,
            accounts=list(providers),
            plan=LookUpPlan(first=0.05),
            sending=timedelta(seconds=90),
        )
    )


class Broken(Slow):
    """One with a mistake of ours in it, that one message brings about."""

    async def find(self, sought: Sought) -> Finding:
        self.asked += 1
        if sought.to == PHONES[0]:
            raise ZeroDivisionError
        return Found(f"SM{sought.message_id}")


def test_a_message_that_cannot_be_looked_up_ends_no_other_look_ups(
    world: World, wait_for: WaitFor
) -> None:
    broken = Broken(threading.Event())
    crashing, other = _in_doubt(world)
    settler = _settler(world, {"sandbox": broken})
    wait_for(lambda: world.row(other).state == "sent", what="the other")
    wait_for(lambda: broken.asked > len(PHONES), what="another look-up")
    settler.close()
    assert world.row(crashing).state == "in_doubt"


def test_a_slow_provider_holds_up_no_other_and_no_end(world: World, wait_for: WaitFor) -> None:
    allowed = threading.Event()
    slow, quick = Slow(allowed), Quick(allowed)
    providers: dict[str, Provider] = {"slow": slow, "quick": quick}
    doubted = _in_doubt(world, "one", "slow") + _in_doubt(world, "two", "Quick")
    settler = _settler(world, providers)
    wait_for(lambda: slow.asked == len(PHONES) and quick.asked > len(PHONES), what="the asking")
    assert set(world.states(doubted).values()) == {"in_doubt"}
    allowed.set()
    wait_for(lambda: world.states(doubted[:2]) == dict.fromkeys(doubted[:2], "sent"), what="it")
    settler.close()
    assert set(world.states(doubted[2:]).values()) == {"in_doubt"}
    assert world.query("SELECT 1 FROM look_ups WHERE lease_until > :now", now=machine_now())
