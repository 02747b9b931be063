"""A server in the place of our webhooks: keeps what it is sent, answers as a test wants."""

import asyncio
import threading
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Received:
    """A request, as it stood on the wire.

    Attributes:
        url: as it was called, with its query.
        at: seconds of the loop's clock.
    """

    url: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("ascii"), keep_blank_values=True))


class Receiver:
    """Runs in a thread of its own.

    Attributes:
        statuses: answers still to be given, the next one first; then it is 200.
        delay: seconds before each answer.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.statuses: list[int] = []
        self.delay = 0.0
        self.received: list[Received] = []
        self.together = 0
        self._open = 0
        self._ready = threading.Event()
        self._end: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Go away; safe to call twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        app.router.add_post("/{path:.*}", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._end.wait()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        url = self.address + request.raw_path
        body = await request.read()
        headers = dict(request.headers)
        self.received.append(Received(url, request.path, headers, body, self._loop.time()))
        self._open += 1
        self.together = max(self.together, self._open)
        await asyncio.sleep(self.delay)
        self._open -= 1
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)
