"""A real sandbox, and a server that answers with exactly the bytes a test wants."""

import asyncio
import json
import socketserver
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from pipeline.policy.vocabulary import Category, Channel
from pipeline.providers.base import OutboundMessage, SendResult
from pipeline.providers.registry import ProviderAccount, create_provider
from tests.integration.providers.receiver import Receiver
from workers.clock import machine_seconds
from workers.sandbox.options import SandboxOptions, WebhookAccount
from workers.sandbox.server import serve

Send = Callable[..., list[SendResult]]
MakeMessage = Callable[..., OutboundMessage]


class SandboxServer:
    """A sandbox that runs in a thread of its own."""

    def __init__(self, log: Path, webhooks: WebhookAccount | None = None) -> None:
        self.address = ""
        self.log_path = log
        self._webhooks = webhooks
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._task: asyncio.Task[None]
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        options = SandboxOptions(clock=machine_seconds, log=self.log_path, webhooks=self._webhooks)
        self._task = asyncio.create_task(serve(options, self._announce))
        await asyncio.wait([self._task])

    def _announce(self, address: str) -> None:
        self.address = address
        self._ready.set()

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.address + path) as answer:  # noqa: S310 - our own server
            body: bytes = answer.read()
            return body

    def stats(self) -> Any:
        return json.loads(self.get("/sandbox/stats"))

    def log(self, after: int = 0) -> list[dict[str, Any]]:
        lines = self.get(f"/sandbox/log?after={after}").splitlines()
        return [json.loads(line) for line in lines]

    def behave(self, **changes: object) -> None:
        self._call("PATCH", "/sandbox/behaviour", changes)

    def reply(self, replies: object) -> Any:
        """What came of each post of these replies."""
        return json.loads(self._call("POST", "/sandbox/replies", replies))["results"]

    def _call(self, method: str, path: str, content: object) -> bytes:
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.address + path, json.dumps(content).encode(), method=method
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own server
            body: bytes = answer.read()
            return body


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[SandboxServer]:
    with SandboxServer(tmp_path / "requests.ndjson") as server:
        yield server


class CannedServer(socketserver.ThreadingTCPServer):
    """Answers every request with the same bytes and keeps what it was sent."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answer: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _CannedHandler)
        self.answer = answer
        self.requests: list[tuple[bytes, bytes]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _CannedHandler(socketserver.StreamRequestHandler):
    server: CannedServer

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.server.requests.append((head, self.rfile.read(length)))
        self.wfile.write(self.server.answer)


@pytest.fixture
def canned() -> Callable[[bytes], Any]:
    @contextmanager
    def run(answer: bytes) -> Iterator[CannedServer]:
        with CannedServer(answer) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield server
            finally:
                server.shutdown()
                thread.join(10)

    return run


@pytest.fixture
def message() -> MakeMessage:
    def make(channel: str = "sms", **changes: Any) -> OutboundMessage:
        fields: dict[str, Any] = {
            "message_id": 42,
            "attempt": 1,
            "channel": Channel(channel),
            "category": Category.TRANSACTIONAL,
            "sender_address": "+15550100001" if channel == "sms" else "900000000000002",
            "to": "+5511999990001",
            "body": 'Olá "Ana" & co: 20% + 5%. Responda SAIR 🙂',
            "template": None,
            "template_language": None,
            "template_parameters": (),
            "validity_seconds": None,
        }
        return OutboundMessage(**(fields | changes))

    return make


@pytest.fixture
def send() -> Send:
    """Sends messages at once through one provider, and gives their results in order."""

    def run(
        address: str,
        *messages: OutboundMessage,
        timeout: float = 5.0,
        connections: int = 64,
        callback: str = "http://127.0.0.1/webhooks/twilio/sandbox",
        kind: str = "sandbox",
        **settings: Any,
    ) -> list[SendResult]:
        async def main() -> list[SendResult]:
            account = ProviderAccount(
                base_url=address,
                account_sid="AC1",
                auth_token="secret",  # noqa: S106 - no real one
                request_timeout=timeout,
                connections=connections,
                status_callback_url=callback,
                **settings,
            )
            provider = create_provider(kind, account)
            try:
                return await asyncio.gather(*(provider.send(each) for each in messages))
            finally:
                await provider.close()

        return asyncio.run(main())

    return run


@pytest.fixture
def seconds() -> Callable[[], float]:
    return time.monotonic


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def calling_sandbox(tmp_path: Path, receiver: Receiver) -> Iterator[SandboxServer]:
    """A sandbox that calls the receiver, for an account with secrets of its own."""
    account = WebhookAccount(
        base_url=receiver.address,
        account="acme",
        auth_token="token",  # noqa: S106 - no real one
        app_secret="secret",  # noqa: S106 - no real one
    )
    with SandboxServer(tmp_path / "requests.ndjson", account) as server:
        yield server
