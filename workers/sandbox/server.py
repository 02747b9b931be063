"""The sandbox provider's server: endpoints of two providers, and its own.

POST  /2010-04-01/Accounts/{sid}/Messages.json           Twilio: send
GET   /2010-04-01/Accounts/{sid}/Messages.json?To=…      Twilio: what was sent to a number
GET   /2010-04-01/Accounts/{sid}/Messages/{sid}.json     Twilio: one message
POST  /v{N}.0/{phone_number_id}/messages                 WhatsApp Cloud API: send
POST  /sandbox/replies                                   somebody writes back; see ``people``
GET   /sandbox/log?after=N                               every request after number N, NDJSON
GET   /sandbox/stats                                     counters
GET   /sandbox/behaviour, PATCH                          how it behaves
GET   /healthz
"""

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from workers.sandbox.calling import Calling
from workers.sandbox.http import Connection
from workers.sandbox.options import SandboxOptions
from workers.sandbox.provider import Sandbox
from workers.sandbox.requestlog import RequestLog
from workers.sandbox.webhooks import WebhookClient

_TEND_SECONDS = 0.05


async def serve(options: SandboxOptions, on_ready: Callable[[str], None]) -> None:
    """Run a sandbox until cancelled.

    Args:
        options: how.
        on_ready: called with the base address, e.g. ``http://127.0.0.1:8900``, as soon as
            connections are taken.

    Raises:
        OSError: the port is taken, or the log cannot be written.
    """
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="recado-sandbox-"))
        log = RequestLog(options.log or Path(folder) / "requests.ndjson")
        stack.callback(log.close)
        calling = None
        if options.webhooks is not None:
            client = WebhookClient(options.webhooks, options.clock)
            calling = Calling(await stack.enter_async_context(client), options.clock)
        sandbox = Sandbox(options.clock, log, options.behaviour, calling)
        await _listen(sandbox, options, on_ready)


async def _listen(
    sandbox: Sandbox, options: SandboxOptions, on_ready: Callable[[str], None]
) -> None:
    connections: set[Connection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(sandbox, connections), options.host, options.port, backlog=1024
    )
    try:
        port = server.sockets[0].getsockname()[1]
        on_ready(f"http://{options.host}:{port}")
        while True:
            await asyncio.sleep(_TEND_SECONDS)
            sandbox.tend()
    finally:
        server.close()
        for connection in tuple(connections):
            connection.close()


def run(options: SandboxOptions, on_ready: Callable[[str], None]) -> None:
    """Run a sandbox in this thread until interrupted; see `serve`."""
    asyncio.run(serve(options, on_ready))
