"""Servers that speak a provider's protocol over real sockets and do what a case wants.

`test_cases.py` runs every adapter through one table of cases. An adapter joins it with a double of
its own: a class as `HttpDouble`, and an entry in `DOUBLES`.
"""

import json
import socketserver
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol, Self

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import Action
from pipeline.providers.registry import ProviderAccount


class Scene(StrEnum):
    """What the server does with a message that it has read whole."""

    TAKEN = "taken"
    HELD = "held"
    PAUSED = "paused"
    REFUSED = "refused"
    """With the code that the case gives it."""
    BUSY = "busy"
    """Refused, to be tried again after 7 seconds."""
    GARBAGE = "garbage"
    """A success that cannot be read."""
    PAGE = "page"
    """A failure of the server, told by a web page."""
    HALF = "half"
    """Half of a success, then the end of the connection."""
    CLOSED = "closed"
    """The end of the connection, without a word."""
    SILENT = "silent"
    """Nothing, for as long as anybody waits."""


class Double(Protocol):
    """A provider's server, as `test_cases.py` uses it: a context that listens.

    Attributes:
        kind: the adapter's, in the registry.
        channel: of the messages that it is sent.
        sender: the address that they come from.
        scenes: those that its protocol knows.
        codes: an example code for each class of refusal that it knows.
        unknown: a code that stands in no table, and what it calls for.
    """

    @property
    def kind(self) -> str: ...

    @property
    def channel(self) -> Channel: ...

    @property
    def sender(self) -> str: ...

    @property
    def scenes(self) -> frozenset[Scene]: ...

    @property
    def codes(self) -> Mapping[Action, int]: ...

    @property
    def unknown(self) -> int: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def taken(self) -> int:
        """How many messages it has read whole."""
        ...

    def play(self, scene: Scene, *, code: int | None = None) -> None:
        """Do this with every message from now on."""
        ...

    def account(self, *, timeout: float, address: str | None = None) -> ProviderAccount:
        """An account that reaches it, or whoever listens at another address (host:port)."""
        ...


@dataclass
class _Script:
    """The bytes of an answer, and whether the connection ends with them."""

    data: bytes = b""
    close: bool = False
    silent: bool = False


@dataclass
class HttpDouble:
    """A provider that is asked over HTTP.

    Attributes:
        success: the body of its success, by scene.
        error: the body of a refusal with a code.
        refusals: the HTTP status of a code; 400 where none is given.
        busy_code: with which it says that it is asked too often.
    """

    kind: str
    channel: Channel
    sender: str
    codes: Mapping[Action, int]
    success: Mapping[Scene, Any]
    error: Callable[[int], Any]
    refusals: Mapping[int, int]
    busy_code: int
    success_status: int = 200
    unknown: int = 999_999
    _server: "_Server" = field(init=False)
    _thread: threading.Thread = field(init=False)

    @property
    def scenes(self) -> frozenset[Scene]:
        """All but the states of messages that its successes do not know."""
        return frozenset(Scene) - ({Scene.HELD, Scene.PAUSED} - self.success.keys())

    def __enter__(self) -> Self:
        self._server = _Server()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stopping.set()
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def taken(self) -> int:
        return self._server.taken

    def play(self, scene: Scene, *, code: int | None = None) -> None:
        self._server.script = self._script(scene, code)

    def account(self, *, timeout: float, address: str | None = None) -> ProviderAccount:
        address = address or f"127.0.0.1:{self._server.server_address[1]}"
        return ProviderAccount(
            base_url=f"http://{address}", account_sid="AC1", request_timeout=timeout, connections=1
        )

    def _script(self, scene: Scene, code: int | None) -> _Script:
        good = _answer(self.success_status, json.dumps(self.success[Scene.TAKEN]).encode())
        match scene:
            case Scene.REFUSED:
                assert code is not None
                body = json.dumps(self.error(code)).encode()
                return _Script(_answer(self.refusals.get(code, 400), body))
            case Scene.BUSY:
                body = json.dumps(self.error(self.busy_code)).encode()
                return _Script(_answer(429, body, "Retry-After: 7"))
            case Scene.GARBAGE:
                return _Script(_answer(self.success_status, b"\xff{not json"))
            case Scene.PAGE:
                return _Script(_answer(500, b"<html><body>Sorry</body></html>"))
            case Scene.HALF:
                return _Script(good[:-10], close=True)
            case Scene.CLOSED:
                return _Script(close=True)
            case Scene.SILENT:
                return _Script(silent=True)
            case _:
                return _Script(
                    _answer(self.success_status, json.dumps(self.success[scene]).encode())
                )


def _answer(status: int, body: bytes, *more: str) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}", *more))
    return head.encode() + b"\r\n\r\n" + body


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = _Script()
        self.taken = 0
        self.stopping = threading.Event()


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        while self._read_request():
            script = self.server.script
            self.server.taken += 1
            if script.silent:
                self.server.stopping.wait(10)
                return
            self.wfile.write(script.data)
            if script.close:
                return

    def _read_request(self) -> bool:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return False
            head += line
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return len(self.rfile.read(length)) == length


def _twilio() -> HttpDouble:
    return HttpDouble(
        kind="twilio",
        channel=Channel.SMS,
        sender="+15550100001",
        codes={
            Action.RETRY_LATER: 20429,
            Action.SLOW_SENDER: 21611,
            Action.SLOW_RECIPIENT: 30003,
            Action.SLOW_ACCOUNT: 63038,
            Action.SUPPRESS: 21610,
            Action.FAIL: 21211,
            Action.FAIL_FILTERED: 30007,
            Action.HALT_SENDER: 30034,
            Action.HALT_ACCOUNT: 20003,
            Action.HALT_TEMPLATE: 63041,
            Action.HALT_CAMPAIGN: 63028,
            Action.HALT_DESTINATION: 21408,
            Action.AMBIGUOUS: 20500,
        },
        success={Scene.TAKEN: {"sid": "SM1", "status": "queued", "num_segments": "2"}},
        error=lambda code: {"code": code, "message": "No", "status": 400},
        refusals={20003: 401, 20429: 429, 20500: 500},
        busy_code=20429,
        success_status=201,
    )


def _whatsapp() -> HttpDouble:
    def success(status: str) -> Any:
        contacts = [{"input": "1", "wa_id": "1", "user_id": "BR.9000000000000000001"}]
        return {"contacts": contacts, "messages": [{"id": "wamid.1", "message_status": status}]}

    return HttpDouble(
        kind="whatsapp_cloud",
        channel=Channel.WHATSAPP,
        sender="900000000000002",
        codes={
            Action.RETRY_LATER: 131016,
            Action.SLOW_SENDER: 130429,
            Action.SLOW_RECIPIENT: 131056,
            Action.SLOW_ACCOUNT: 80007,
            Action.SUPPRESS_MARKETING: 131050,
            Action.FAIL: 131026,
            Action.HALT_SENDER: 131048,
            Action.HALT_ACCOUNT: 190,
            Action.HALT_TEMPLATE: 132015,
            Action.HALT_CAMPAIGN: 132001,
        },
        success={
            Scene.TAKEN: success("accepted"),
            Scene.HELD: success("held_for_quality_assessment"),
            Scene.PAUSED: success("paused"),
        },
        error=lambda code: {"error": {"code": code, "message": "No"}},
        refusals={190: 401, 80007: 429, 130429: 429, 131016: 503},
        busy_code=130429,
    )


DOUBLES: Mapping[str, Callable[[], Double]] = {"twilio": _twilio, "whatsapp_cloud": _whatsapp}
"""Every adapter's double, made anew for each case."""
