"""Sending through a real SMSC: accounts, messages, and a loop to send them in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pipeline.policy.vocabulary import Category, Channel
from pipeline.providers.base import (
    Accepted,
    Ambiguous,
    OutboundMessage,
    SendResult,
)
from pipeline.providers.registry import ProviderAccount, create_provider
from pipeline.providers.smpp.account import SmppAccount, read_address
from pipeline.providers.smpp.provider import SmppProvider


def account(address: str, **changes: Any) -> SmppAccount:
    host, port, tls = read_address(address)
    fields: dict[str, Any] = {
        "name": "acme",
        "host": host,
        "port": port,
        "tls": tls,
        "system_id": "acme",
        "password": "secret",
        "request_timeout": 5.0,
    }
    return SmppAccount(**(fields | changes))


def message(**changes: Any) -> OutboundMessage:
    fields: dict[str, Any] = {
        "message_id": 42,
        "attempt": 1,
        "channel": Channel.SMS,
        "category": Category.TRANSACTIONAL,
        "sender_address": "+15550100001",
        "to": "+5511999990001",
        "body": "Acme: your order is on its way.",
        "template": None,
        "template_language": None,
        "template_parameters": (),
        "validity_seconds": None,
    }
    return OutboundMessage(**(fields | changes))


def run(at: SmppAccount, work: Callable[[SmppProvider], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        provider = create_provider("smpp", ProviderAccount(smpp=at))
        assert isinstance(provider, SmppProvider)
        try:
            return await work(provider)
        finally:
            await provider.close()

    return asyncio.run(main())


async def until(condition: Callable[[], object]) -> None:
    """Wait for what the SMSC tells, and let the provider work meanwhile."""
    async with asyncio.timeout(10):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.01)


async def send_until_taken(provider: SmppProvider) -> SendResult:
    """Send until it is taken; what is refused meanwhile has provably not left."""
    async with asyncio.timeout(10):
        while not isinstance(result := await provider.send(message()), Accepted):
            assert not isinstance(result, Ambiguous)
            await asyncio.sleep(0.02)
    return result


def send(at: SmppAccount, *messages: OutboundMessage) -> list[SendResult]:
    async def work(provider: SmppProvider) -> list[SendResult]:
        return await asyncio.gather(*(provider.send(one) for one in messages))

    results: list[SendResult] = run(at, work)
    return results
