"""A request that had its connection in time and could not be written in time has not left."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from pipeline.providers.base import Accepted, NotStarted, SendResult
from pipeline.providers.registry import ProviderAccount, create_provider

HASTE = 0.2
"""Seconds in which a request must start."""


class FreezingConnector(aiohttp.TCPConnector):
    """Its process stands still for a while, with the connection in hand."""

    seconds = 0.0

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as its base has it
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        time.sleep(self.seconds)  # noqa: ASYNC251 - as SIGSTOP does
        return connection


@pytest.mark.parametrize(
    ("kind", "channel"), [("twilio", "sms"), ("sandbox", "sms"), ("sandbox", "whatsapp")]
)
def test_nothing_leaves_a_process_that_stood_still_before_it_wrote(
    sandbox: Any, message: Any, kind: str, channel: str
) -> None:
    async def main() -> list[SendResult]:
        connector = FreezingConnector()
        provider = create_provider(
            kind,
            ProviderAccount(base_url=sandbox.address, account_sid="AC1"),
            open_session=lambda headers: aiohttp.ClientSession(
                connector=connector, headers=headers, connector_owner=False
            ),
        )
        try:
            results = []
            for seconds in (0.0, 1.5 * HASTE, 0.0):
                connector.seconds = seconds
                results.append(await provider.send(message(channel), start_within=HASTE))
            return results
        finally:
            await provider.close()
            await connector.close()

    before, late, after = asyncio.run(main())
    assert isinstance(before, Accepted)
    assert isinstance(late, NotStarted)
    assert isinstance(after, Accepted), "the next one has a connection of its own"
    assert len(sandbox.log()) == 2
