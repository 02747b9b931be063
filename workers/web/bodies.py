"""Reading a request's body: no longer, no slower and no more at once than we can bear."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

from workers.web.problems import Problem, unavailable

BODY_SECONDS = 10.0
"""A sender that takes longer over its body only holds a connection open."""

HELD_BODIES = 16
"""So many bodies of the largest size are held at once; the memory of the process bounds it."""


SMALL_BODY_BYTES = 64 * 1024
"""Of routes whose bodies are one event: a text, some addresses, links to media."""


class Bodies:
    """Reads bodies for one process; use it from one event loop.

    Attributes:
        largest: bytes of a body; a longer one is refused.
        routes: those where fewer are allowed, with their own bytes.
        room: bytes of all the bodies that are held at once; what does not fit is put off.
    """

    def __init__(self, largest: int, routes: Mapping[str, int]) -> None:
        self.largest = largest
        self.routes = routes
        self.room = largest * HELD_BODIES
        self._held = 0

    def check_length(self, route: str, request: Request) -> None:
        """Refuse a body that says of itself that it is too long, before a byte of it is read.

        Raises:
            Problem: 413; 400 for a length that is no number.
        """
        length = request.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise Problem(
                HTTPStatus.BAD_REQUEST, "Content-Length is not a number.", reason="bad_length"
            )
        if int(length) > self._largest_of(route):
            raise self._too_long(route)

    async def read(self, route: str, request: Request) -> bytes:
        """The body, byte for byte.

        Raises:
            Problem: 413: it is too long after all; 408: it takes too long; 503: too many are
                being read; 400: the sender has gone.
        """
        body = bytearray()
        largest = self._largest_of(route)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.stream():
                    self._held += len(chunk)
                    body += chunk
                    if len(body) > largest:
                        raise self._too_long(route)
                    if self._held > self.room:
                        raise unavailable("Too much is being received at once.")
        except TimeoutError:
            raise Problem(
                HTTPStatus.REQUEST_TIMEOUT, "The body takes too long.", reason="too_slow"
            ) from None
        except ClientDisconnect:
            raise Problem(
                HTTPStatus.BAD_REQUEST, "The body is not complete.", reason="incomplete"
            ) from None
        finally:
            self._held -= len(body)
        return bytes(body)

    def _largest_of(self, route: str) -> int:
        return self.routes.get(route, self.largest)

    def _too_long(self, route: str) -> Problem:
        return Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The body is longer than {self._largest_of(route)} bytes.",
            reason="too_large",
        )
