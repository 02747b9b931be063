"""Posting to webhooks as providers do: signed, several at once, again when nobody answered.

A webhook that is away for half a minute gets everything afterwards. What waits is bounded: more
than `MOST_WAITING` callbacks are lost, and so is one that was tried for `RETRY_SECONDS`; both are
counted, as are those that were refused.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import aiohttp
import structlog
from yarl import URL

from workers.sandbox.options import WebhookAccount
from workers.sandbox.signing import META_HEADER, TWILIO_HEADER, meta_signature, twilio_signature

CONCURRENCY = 32
"""Callbacks on the wire at once."""

MOST_WAITING = 20_000

RETRY_SECONDS = 60.0

ANSWER_SECONDS = 15.0
"""How long an answer may take: Twilio's own limit."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
"""Seconds before the next attempt: doubled each time."""

_SERVER_ERROR = 500
_REFUSED = 300

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A signed request, ready to be posted as often as needed."""

    url: str
    body: bytes
    headers: Mapping[str, str]

    @classmethod
    def twilio(cls, url: str, form: Mapping[str, str], auth_token: str) -> Self:
        """A form as Twilio posts it."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            TWILIO_HEADER: twilio_signature(auth_token, url, form),
        }
        return cls(url, urlencode(form).encode("ascii"), headers)

    @classmethod
    def meta(cls, url: str, content: object, app_secret: str) -> Self:
        """A document as Meta posts it: whatever is not ASCII is escaped."""
        body = json.dumps(content, separators=(",", ":")).encode("ascii")
        headers = {
            "Content-Type": "application/json",
            META_HEADER: meta_signature(app_secret, body),
        }
        return cls(url, body, headers)


@dataclass(frozen=True, slots=True)
class Posted:
    """What came of a webhook.

    Attributes:
        status: of the last answer; None: nobody ever answered.
        attempts: how often it was posted.
        sent_at: machine seconds since 1970 at which the first attempt began.
        answered_at: the same, when the last one was over.
    """

    status: int | None
    attempts: int
    sent_at: float
    answered_at: float

    @property
    def taken(self) -> bool:
        """Whether the receiver has taken it."""
        return self.status is not None and self.status < _REFUSED


@dataclass(slots=True)
class WebhookCounts:
    """What came of the callbacks and replies since the start.

    Attributes:
        taken: answered with success.
        refused: answered with anything else, and not posted again.
        lost: given up, or never begun for want of room.
        repeated: attempts after the first.
    """

    taken: int = 0
    refused: int = 0
    lost: int = 0
    repeated: int = 0


class WebhookClient:
    """Posts webhooks; use it as a context, inside the loop.

    Args:
        account: whom to call.
        clock: machine time in seconds since 1970.
    """

    def __init__(self, account: WebhookAccount, clock: Callable[[], float]) -> None:
        self.account = account
        self.counts = WebhookCounts()
        self._clock = clock
        self._queue: asyncio.Queue[Webhook] = asyncio.Queue(MOST_WAITING)
        self._workers: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # Who posts bounds what is on the wire.
            connector=aiohttp.TCPConnector(limit=0),
            headers={
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "User-Agent": "recado-sandbox",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            auto_decompress=False,
        )
        self._workers = [asyncio.create_task(self._work()) for _ in range(CONCURRENCY)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        await self._session.close()

    @property
    def waiting(self) -> int:
        """Callbacks that nobody has begun to post."""
        return self._queue.qsize()

    def put(self, webhook: Webhook) -> None:
        """Post a callback as soon as it is its turn; it is lost when too many wait."""
        try:
            self._queue.put_nowait(webhook)
        except asyncio.QueueFull:
            self.lose("too many callbacks wait")

    async def post(self, webhook: Webhook, *, retry_seconds: float = RETRY_SECONDS) -> Posted:
        """Post now, and again after a connection error or a 5xx.

        Args:
            webhook: what to post.
            retry_seconds: no attempt begins later than this after the first; 0: there is one.
        """
        began = self._clock()
        attempts, pause = 0, _FIRST_PAUSE
        while True:
            attempts += 1
            status, problem = await self._try(webhook)
            now = self._clock()
            if status is not None and status < _SERVER_ERROR:
                break
            if now + pause - began > retry_seconds:
                self.lose(problem)
                return Posted(status, attempts, began, now)
            self.counts.repeated += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        posted = Posted(status, attempts, began, now)
        if posted.taken:
            self.counts.taken += 1
        else:
            self.counts.refused += 1
            self._complain("sandbox_webhook_refused", self.counts.refused, problem)
        return posted

    async def _try(self, webhook: Webhook) -> tuple[int | None, str]:
        """Post once: the status, None without an answer, and it in words."""
        try:
            # The address is signed as it stands, so nobody may write it in another way.
            url = URL(webhook.url, encoded=True)
            async with self._session.post(
                url, data=webhook.body, headers=webhook.headers, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status, f"HTTP {answer.status}"
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return None, type(error).__name__

    async def _work(self) -> None:
        while True:
            await self.post(await self._queue.get())

    def lose(self, problem: str) -> None:
        """Count one that is given up."""
        self.counts.lost += 1
        self._complain("sandbox_webhook_lost", self.counts.lost, problem)

    def _complain(self, event: str, total: int, problem: str) -> None:
        # The first, and then ever more rarely: thousands fail for one reason.
        if total & (total - 1) == 0:
            logger.warning(event, total=total, problem=problem)
