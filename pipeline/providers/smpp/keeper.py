"""Keeps one connection to an SMSC: opens it, and opens another when it has ended."""

import asyncio
import random
from contextlib import suppress

import structlog

from pipeline.providers.base import Action, Rejected
from pipeline.providers.health import UNREACHABLE
from pipeline.providers.http import clean_detail
from pipeline.providers.smpp import codes
from pipeline.providers.smpp.account import SmppAccount
from pipeline.providers.smpp.link import BindRefusedError, Link, Taker
from pipeline.providers.smpp.opening import open_link
from pipeline.providers.smpp.pdu import Bind

log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 30.0
"""Seconds between two attempts: doubled with each, and drawn from the upper half, so that the
processes of a stack do not all come back to a restarted SMSC at one instant."""

_STEADY_SECONDS = 5.0
"""A connection that lasted so long does not count as a failure: another is opened at once."""

_FAILED_BINDS = 3
"""So many refusals with ESME_RBINDFAIL in a row are taken at their word. Most SMSCs say it for
one bind too many, too, which a restart passes through before the old connection is forgotten."""


class Keeper:
    """See the module. Made inside the event loop that will use it; it begins at once.

    Args:
        kind: what to bind as.
        take: as `open_link`.
    """

    def __init__(self, account: SmppAccount, kind: Bind, take: Taker | None = None) -> None:
        self._account = account
        self._kind = kind
        self._take = take
        self._link: Link | None = None
        self._refusal: Rejected | None = None
        self._failures = 0
        self._changed = asyncio.Condition()
        self._task = asyncio.get_running_loop().create_task(self._keep())

    @property
    def bound(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None and self._link.usable

    async def link(self, by: float) -> Link | Rejected | None:
        """The connection, as soon as there is one; why there is none; None: not by then.

        Args:
            by: the loop's instant.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout_at(by), self._changed:
                while True:
                    if self._link is not None and self._link.usable:
                        return self._link
                    if self._refusal is not None:
                        return self._refusal
                    await self._changed.wait()
        return None

    async def close(self) -> None:
        """Take leave of the SMSC."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._link is not None:
            await self._link.close()
        await self._tell(None, Rejected(Action.RETRY_LATER, UNREACHABLE, "closed", None))

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._tell(None, None)
            try:
                link = await open_link(self._account, self._kind, self._take)
            except (BindRefusedError, OSError) as error:
                self._failures += 1
                await self._tell(None, self._judge(error))
                await asyncio.sleep(self._pause())
                continue
            began = loop.time()
            log.info("smpp_bound", account=self._account.name, bind=self._kind.value)
            await self._tell(link, None)
            why = await link.wait_lost()
            log.warning("smpp_connection_lost", account=self._account.name, why=why)
            self._link = None
            if loop.time() - began > _STEADY_SECONDS:
                self._failures = 0
                continue
            self._failures += 1
            detail = f"the connection ended: {why}"
            await self._tell(None, Rejected(Action.RETRY_LATER, UNREACHABLE, detail, None))
            await asyncio.sleep(self._pause())

    def _pause(self) -> float:
        ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures - 1, 16))
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter

    def _judge(self, error: BindRefusedError | OSError) -> Rejected:
        if isinstance(error, BindRefusedError):
            refusal = codes.judge_bind(error.status)
            if error.status == codes.BIND_FAILED and self._failures < _FAILED_BINDS:
                refusal = Rejected(Action.RETRY_LATER, refusal.code, refusal.detail, None)
            log.warning("smpp_bind_refused", account=self._account.name, code=refusal.code)
            return refusal
        # Refused, unknown host, a failed handshake, or nobody who answers.
        detail = clean_detail(f"{type(error).__name__}: {error}")
        log.warning("smpp_unreachable", account=self._account.name, error=type(error).__name__)
        return Rejected(Action.RETRY_LATER, UNREACHABLE, detail, None)

    async def _tell(self, link: Link | None, refusal: Rejected | None) -> None:
        async with self._changed:
            self._link, self._refusal = link, refusal
            self._changed.notify_all()
