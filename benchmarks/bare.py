"""The bare client loop: the same requests as ours, as fast as aiohttp makes them, and no more."""

import asyncio
import time
from dataclasses import dataclass

import aiohttp

from pipeline.policy.vocabulary import Category, Channel
from pipeline.providers.base import OutboundMessage
from pipeline.providers.twilio import dialect as twilio_dialect

ACCOUNT = "AC00000000000000000000000000000000"


@dataclass(frozen=True, kw_only=True, slots=True)
class Loop:
    """What a bare loop did.

    Attributes:
        cpu_seconds: of its own process; the sandbox's are not among them.
    """

    requests: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """CPU that one request took on the client's side."""
        return self.cpu_seconds / self.requests * 1e6


def run(url: str, requests: int, *, connections: int) -> Loop:
    """Post so many messages to a sandbox from one event loop.

    Args:
        url: the sandbox's base address.
        connections: requests in flight at once.
    """
    return asyncio.run(_run(url, requests, connections))


async def _run(url: str, requests: int, connections: int) -> Loop:
    target = twilio_dialect.messages_url(url, ACCOUNT)
    form = twilio_dialect.form_builder(f"{url}/status")
    headers = twilio_dialect.headers(ACCOUNT, "sandbox")
    numbers = iter(range(requests))

    async def worker(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            body = form(_message(number))
            async with session.post(target, data=body) as response:
                await response.read()

    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        began, used = time.monotonic(), time.process_time()
        await asyncio.gather(*(worker(session) for _ in range(connections)))
        return Loop(
            requests=requests,
            seconds=time.monotonic() - began,
            cpu_seconds=time.process_time() - used,
        )


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
