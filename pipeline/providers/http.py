"""One POST, and what can be said afterwards: an answer, provably nothing sent, or unknown.

A GET besides, for look-ups, which change nothing and may be repeated.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from pipeline.providers.base import Action, Ambiguous, NotStarted, Rejected
from pipeline.providers.health import UNREACHABLE

SessionFactory = Callable[[Mapping[str, str]], aiohttp.ClientSession]
"""Makes a session that sends the given headers with every request; called inside the loop."""

LARGEST_ANSWER = 4 * 1024 * 1024
"""Octets. No answer of a provider's comes near it; a longer one is not read to its end."""

_FIRST_NOT_SUCCESS = 300
_LONGEST_DETAIL = 200
_MOST_WARMING = 64
_NUMBER = re.compile(r"\+?\d{7,}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer.

    Attributes:
        retry_after: seconds, from the header of that name.
    """

    status: int
    body: bytes
    retry_after: float | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the status says that the request was processed."""
        return self.status < _FIRST_NOT_SUCCESS

    def json(self) -> object:
        """The value that the body holds; None: it is not JSON in UTF-8, or nested too deeply."""
        try:
            return json.loads(self.body.decode())
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No connection could be had: the request provably never left."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The request may have been processed, but no complete answer came."""

    detail: str


@dataclass(frozen=True, slots=True)
class TooLate:
    """The request could not start in the time that it had; it never left."""


PostResult = Answer | Unreachable | Unanswered | TooLate


def without_answer(result: Unreachable | Unanswered | TooLate) -> Rejected | Ambiguous | NotStarted:
    """What a request that got no answer means for its message, whoever the provider is."""
    if isinstance(result, Unreachable):
        return Rejected(Action.RETRY_LATER, UNREACHABLE, result.detail, None)
    if isinstance(result, TooLate):
        return NotStarted()
    return Ambiguous(result.detail)


def session_factory(*, connections: int, timeout: float) -> SessionFactory:
    """A factory of sessions that share one pool of kept connections.

    Args:
        connections: how many may be open at once; more requests wait for one of them.
        timeout: seconds for one request, from first to last byte. Waiting for a connection has
            half of it: it ends first, and it is provably harmless.
    """
    pool: list[aiohttp.TCPConnector] = []

    def open_session(headers: Mapping[str, str]) -> aiohttp.ClientSession:
        if not pool:
            pool.append(aiohttp.TCPConnector(limit=connections))
        return aiohttp.ClientSession(
            connector=pool[0],
            headers={**_COMMON_HEADERS, **headers},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout, connect=timeout / 2),
            auto_decompress=False,
        )

    return open_session


# Without these aiohttp computes its own for every request, and asks for compressed answers.
_COMMON_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "recado"}


class _MissedError(Exception):
    """The moment at which a request had to start has passed."""


class _PromptBody(aiohttp.BytesPayload):
    """A body that is written in time, or not at all, and its head with it.

    With a connection in hand aiohttp writes a turn of the event loop later, or more, and the
    process may have stood still meanwhile. It keeps the head until the body is written, so who
    leaves here has sent nothing; the connection is closed.

    Attributes:
        missed: it was not written.
    """

    def __init__(self, body: bytes, latest: float) -> None:
        super().__init__(body)
        self._latest = latest
        self.missed = False

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        if time.monotonic() > self._latest:
            self.missed = True
            raise _MissedError
        await super().write_with_length(writer, content_length)


class Client:
    """Posts over one session, and keeps connections ready for requests that may not wait for one.

    A connection to somebody far away takes longer than such a request has. The first ones are
    given back unsent, and each has a connection opened for the next.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._warming: set[asyncio.Task[None]] = set()

    async def post(self, url: URL, body: bytes, start_within: float | None = None) -> PostResult:
        """POST `body` once.

        aiohttp repeats a request on a kept connection that turned out dead only for idempotent
        methods, which POST is not; a redirect, which would repeat it, is not followed.

        Args:
            start_within: seconds in which a connection must be had and the request be written;
                None: half of the timeout for the first.
        """
        timeout, prompt = self._session.timeout, None
        if start_within is not None:
            prompt = _PromptBody(body, time.monotonic() + start_within)
            timeout = aiohttp.ClientTimeout(total=timeout.total, connect=max(start_within, 0.001))
        try:
            # `request`, not `post`: one call less on a path taken thousands of times a second.
            response = await self._session.request(
                "POST",
                url,
                data=body if prompt is None else prompt,
                allow_redirects=False,
                timeout=timeout,
            )
            answer = await _read_body(response)
        except aiohttp.ConnectionTimeoutError as error:
            if start_within is None:
                return Unreachable(_describe(error))
            self._warm(url)
            return TooLate()
        except aiohttp.ClientConnectorError as error:
            # Refused, unknown host, or a failed handshake.
            return Unreachable(_describe(error))
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            if prompt is not None and prompt.missed:
                return TooLate()
            return Unanswered(_describe(error))
        if response.status < _FIRST_NOT_SUCCESS:
            return Answer(response.status, answer)
        return Answer(response.status, answer, read_retry_after(response.headers))

    async def get(self, url: URL) -> Answer | Unanswered:
        """GET a whole answer, once; nothing depends on when it starts."""
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                return Answer(response.status, await _read_body(response))
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return Unanswered(_describe(error))

    async def close(self) -> None:
        """Close the session and its connections."""
        for task in self._warming:
            task.cancel()
        await self._session.close()

    def _warm(self, url: URL) -> None:
        """Open a connection for a later request, unless enough are being opened."""
        if len(self._warming) < _MOST_WARMING:
            task = asyncio.create_task(self._open_connection(url.origin()))
            self._warming.add(task)
            task.add_done_callback(self._warming.discard)

    async def _open_connection(self, origin: URL) -> None:
        # Whatever is answered: the connection stays.
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with self._session.get(origin, allow_redirects=False) as response:
                await _read_body(response)


async def _read_body(response: aiohttp.ClientResponse) -> bytes:
    """The whole body of an answer.

    Raises:
        aiohttp.ClientError, TimeoutError: it does not come whole, or is longer than
            `LARGEST_ANSWER`; the connection is closed then.
    """
    content = response.content
    if content.is_eof():
        # Most answers have arrived whole with their head; then nothing needs waiting for.
        return content.read_nowait()
    body = bytearray()
    try:
        while piece := await content.readany():
            body += piece
            if len(body) > LARGEST_ANSWER:
                break
        else:
            return bytes(body)
    except BaseException:
        response.close()
        raise
    response.close()
    raise aiohttp.ClientPayloadError("the answer is too long")


def clean_detail(text: str) -> str:
    """A provider's words as they may be kept: short, and without phone numbers."""
    return _NUMBER.sub("[number]", storable(text))[:_LONGEST_DETAIL]


def storable(text: str) -> str:
    """The text without what PostgreSQL cannot hold: null characters and half surrogates.

    JSON can carry both, and an answer that cannot be recorded is worse than one without them.
    """
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _describe(error: Exception) -> str:
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
        return "no answer in time"
    return clean_detail(f"{type(error).__name__}: {error}")


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, where the answer says so: a number of them, or an instant (RFC 9110).

    An instant is counted from the answer's own date: so it needs no clock of ours, and whether
    theirs goes right does not matter.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    instant, sent = _instant(value), _instant(headers.get("Date", ""))
    if instant is None or sent is None:
        return None
    return max(0.0, (instant - sent).total_seconds())


def _instant(value: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    # "-0000" and a missing zone give a naive one; HTTP's dates are all in GMT.
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
