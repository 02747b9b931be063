"""As much of an HTTP/1.1 server as the sandbox needs, written for speed.

A pipeline under test shares its machine with the sandbox, so every microsecond spent here is
taken from what is being measured: a request costs 11 µs of CPU with this protocol and 77 µs with
``aiohttp.web``. It understands Content-Length and kept connections; no TLS, no chunked bodies.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

_LONGEST_HEAD = 16 * 1024
_LONGEST_BODY = 8 * 1024 * 1024
_REASONS = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


@dataclass(slots=True)
class Request:
    """A complete request.

    Attributes:
        target: path and query, as sent.
        head: request line and headers in lower case.
    """

    method: bytes
    target: bytes
    head: bytes
    body: bytes


@dataclass(slots=True)
class Reply:
    """What to write back.

    Attributes:
        data: head and body, ready for the wire; what precedes `file`.
        delay: seconds to wait first.
        cut: close after `data`, however complete it is.
        silent: write nothing and keep the connection.
        drip: seconds between two bytes of `data`; 0: all at once.
        file, start, count: bytes of a file that follow `data`.
        later: work that makes the answer, instead of `data`; it ends with the connection.
    """

    data: bytes
    delay: float = 0.0
    cut: bool = False
    silent: bool = False
    drip: float = 0.0
    file: Path | None = None
    start: int = 0
    count: int = 0
    later: Coroutine[None, None, bytes] | None = None


class Handler(Protocol):
    """Answers one request."""

    def __call__(self, request: Request, /) -> Reply:
        """Must not block."""
        ...


def response(
    status: int,
    body: bytes,
    *,
    content_type: str = "application/json",
    more: bytes = b"",
    length: int | None = None,
) -> bytes:
    """A response for the wire.

    Args:
        status: the HTTP status.
        body: its body.
        content_type: of the body.
        more: further headers, each line with its end.
        length: the announced length when it is not that of `body`.
    """
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status,
        _REASONS.get(status, "Status").encode(),
        content_type.encode(),
        len(body) if length is None else length,
        more,
        body,
    )


class Connection(asyncio.Protocol):
    """One client's connection; its requests are answered one after the other."""

    def __init__(self, handler: Handler, connections: set["Connection"]) -> None:
        self._handler = handler
        self._connections = connections
        self._buffer = b""
        self._busy = False
        self._work: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client, or we, closed."""
        del exc
        self._connections.discard(self)
        if self._work is not None:
            self._work.cancel()

    def close(self) -> None:
        """Drop the connection, answered or not."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes have come; answer what is complete."""
        self._buffer = self._buffer + data if self._buffer else data
        if not self._busy:
            self._serve()

    def _serve(self) -> None:
        while self._buffer and not self._busy:
            try:
                request = self._next_request()
            except _BadRequestError as error:
                self._buffer = b""
                refusal = response(error.status, b"{}", more=b"Connection: close\r\n")
                self._transport.write(refusal)
                self._transport.close()
                return
            if request is None:
                return
            self._answer(request, self._handler(request))

    def _next_request(self) -> Request | None:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > _LONGEST_HEAD:
                raise _BadRequestError(431)
            return None
        head = buffer[:end].lower()
        start = end + 4
        length = _body_length(head)
        if len(buffer) < start + length:
            return None
        line = buffer[: buffer.find(b"\r\n")].split(b" ")
        if len(line) != 3:  # noqa: PLR2004 - method, target, version
            raise _BadRequestError(400)
        self._buffer = buffer[start + length :]
        return Request(line[0], line[1], head, buffer[start : start + length])

    def _answer(self, request: Request, reply: Reply) -> None:
        if reply.silent:
            self._busy = True
        elif reply.file is not None:
            self._busy = True
            sending = self._send_file(request, reply, reply.file)
            self._work = asyncio.get_running_loop().create_task(sending)
        elif reply.later is not None:
            self._busy = True
            making = self._make_answer(request, reply.later)
            self._work = asyncio.get_running_loop().create_task(making)
        elif reply.drip > 0:
            self._busy = True
            self._work = asyncio.get_running_loop().create_task(self._drip(request, reply))
        elif reply.delay > 0:
            self._busy = True
            loop = asyncio.get_running_loop()
            self._work = loop.call_later(reply.delay, self._write_late, request, reply)
        else:
            self._write(request, reply)

    def _write_late(self, request: Request, reply: Reply) -> None:
        self._busy = False
        self._write(request, reply)
        self._serve()

    def _write(self, request: Request, reply: Reply) -> None:
        if reply.data:
            self._transport.write(reply.data)
        if reply.cut or b"\r\nconnection: close" in request.head:
            self._buffer = b""
            self._transport.close()

    async def _drip(self, request: Request, reply: Reply) -> None:
        for byte in reply.data:
            await asyncio.sleep(reply.drip)
            self._transport.write(bytes([byte]))
        self._write_late(request, Reply(b""))

    async def _make_answer(self, request: Request, work: Coroutine[None, None, bytes]) -> None:
        self._write_late(request, Reply(await work))

    async def _send_file(self, request: Request, reply: Reply, path: Path) -> None:
        self._transport.write(reply.data)
        if reply.count:
            loop = asyncio.get_running_loop()
            # Its own handle: sendfile moves the position, and the log writes at the end.
            with path.open("rb") as file, suppress(ConnectionError):
                await loop.sendfile(self._transport, file, reply.start, reply.count)
        self._write_late(request, Reply(b""))


class _BadRequestError(Exception):
    """A request that this server cannot read; answered with `status`, then closed."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _body_length(head: bytes) -> int:
    if b"\r\ntransfer-encoding:" in head:
        raise _BadRequestError(411)
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    digits = head[at + len(b"\r\ncontent-length:") :].split(b"\r\n", 1)[0].strip()
    if not digits.isdigit():
        raise _BadRequestError(400)
    length = int(digits)
    if length > _LONGEST_BODY:
        raise _BadRequestError(413)
    return length
