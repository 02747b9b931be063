"""HTTP with limits that the server's own protocol does not have: on a request's head.

Without them anybody could send a header without end, which is kept in memory, or hold connections
open for ever by sending nothing.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
HEAD_SECONDS = 20.0


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose next request's head is too long, or too long in coming."""

    _head_bytes = 0
    _in_head = True
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a first request soon."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._heed()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, unless there is too much of it."""
        # What ends a body may begin the next head as well: that much more is let pass.
        already_in_head = self._in_head
        super().data_received(data)
        if not self._in_head:
            return
        self._head_bytes += len(data) if already_in_head else 0
        if self._head_bytes > HEAD_BYTES:
            self.transport.close()
        elif self._deadline is None:
            self._expect()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """Its head is complete."""
        self._in_head = False
        self._heed()
        super().on_headers_complete()

    def _expect(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _heed(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
