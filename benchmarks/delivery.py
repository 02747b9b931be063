"""`recado bench delivery`: from ``ready`` to ``sent``, beside a bare client loop."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from benchmarks import world
from benchmarks.lab import Cost, Lab, laboratory, watched
from benchmarks.pipeline import pass_through
from pipeline.policy.vocabulary import Category, Channel, Stage
from pipeline.providers.base import OutboundMessage
from pipeline.providers.twilio import dialect as twilio_dialect
from workers.sandbox.options import Behaviour
from workers.stack.ports import free_port
from workers.stack.roles import recado_role, sandbox_role, worker_role

COUNTRIES = {"BR": 40, "ES": 30, "PE": 30}
"""Countries whose windows are open at the laboratory's hour and whose quotas are out of reach."""

ACCOUNT = "AC00000000000000000000000000000000"
CONNECTIONS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Sending:
    """How many messages were sent, and what it took."""

    messages: int
    seconds: float
    cost: Cost

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


def measure(messages: int, *, processes: int, latency_ms: float) -> tuple[Sending, Sending]:
    """Send through the pipeline, then the same requests from a bare loop: (pipeline, bare)."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    sandbox = sandbox_role(port, Behaviour(latency_ms=latency_ms))
    stages = (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE)
    roles = (
        sandbox,
        recado_role("intake"),
        worker_role("bulk", stages, processes=1),
        worker_role("delivery", (Stage.DELIVERY,), processes=processes),
        recado_role("dispatch"),
    )
    accounts = {
        "RECADO_PROVIDERS__SANDBOX__KIND": "sandbox",
        "RECADO_PROVIDERS__SANDBOX__BASE_URL": url,
    }
    with laboratory(roles, environment=accounts) as lab:
        crowd = world.people(messages, countries=COUNTRIES)
        lab.stack.start("sandbox", "intake", "bulk")
        lab.stack.wait()
        sent = _send(lab, crowd)
        bare = asyncio.run(_bare_loop(url, sent.messages))
    return sent, bare


def _send(lab: Lab, crowd: Sequence[world.Person]) -> Sending:
    people = list(crowd)
    pass_through(lab, people, start=False)
    lab.stack.start("delivery")
    lab.stack.wait()
    ready = lab.counts().get("ready", 0)
    with watched(lab) as cost:
        lab.stack.start("dispatch")
        lab.stack.wait()
        began, first = time.monotonic(), lab.counts().get("sent", 0)
        while lab.sending():
            time.sleep(0.05)
        seconds = time.monotonic() - began
    sent = lab.counts().get("sent", 0)
    if sent != ready:
        raise RuntimeError(f"{ready} messages were ready and {sent} were sent: {lab.counts()}")
    return Sending(messages=sent - first, seconds=seconds, cost=cost)


async def _bare_loop(url: str, messages: int) -> Sending:
    """The same requests, as fast as one event loop with aiohttp makes them; nothing else."""
    target = twilio_dialect.messages_url(url, ACCOUNT)
    form = twilio_dialect.form_builder(f"{url}/status")
    headers = twilio_dialect.headers(ACCOUNT, "sandbox")
    numbers = iter(range(messages))

    async def worker(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            body = form(_message(number))
            async with session.post(target, data=body) as response:
                await response.read()

    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        began = time.monotonic()
        await asyncio.gather(*(worker(session) for _ in range(CONNECTIONS)))
        seconds = time.monotonic() - began
    return Sending(messages=messages, seconds=seconds, cost=Cost())


def _message(number: int) -> OutboundMessage:
    return OutboundMessage(
        message_id=number,
        attempt=1,
        channel=Channel.SMS,
        category=Category.MARKETING,
        sender_address="bench-br",
        to=f"+55119{80_000_000 + number}",
        body="Bench: 15% de desconto até 27/11, Ana. Responda SAIR para cancelar.",
        template=None,
        template_language=None,
        template_parameters=(),
        validity_seconds=3600,
    )
