"""Look-ups of what is in doubt: a thread with a loop of its own in each delivery process.

There, because a delivery process may reach the providers and holds their secrets, as the
dispatcher does not; and beside the courier, because a provider that is slow to look things up
must hold up neither sending nor a dispatcher's round. The rows have leases: any number of
processes may do it side by side.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from pipeline.policy.look_ups import LookUpPlan
from pipeline.providers.base import CannotTell, Finding, Provider
from pipeline.providers.registry import LOOK_UPS
from pipeline.stages import doubts
from pipeline.store import look_ups
from pipeline.store.look_ups import DoubtedMessage
from workers.clock import BusinessClock, machine_now
from workers.courier.process import open_provider
from workers.runtime import Runtime

log = structlog.get_logger(__name__)

AT_ONCE = 2
"""Look-ups of one account that are under way at once, and that begin in one second."""

LONGEST_SECONDS = 60.0
"""A look-up that takes longer tells nothing."""

LEASE = timedelta(seconds=180)
"""Afterwards a look-up whose process has ended is made by another."""

ADMITTED = 1000
"""New doubts, or settled ones, that one step takes at most."""

STOP_SECONDS = 5.0

FoundT = TypeVar("FoundT")


@dataclass(frozen=True, kw_only=True, slots=True)
class SettlingMeans:
    """What a settler works with.

    Attributes:
        transaction: opens a database transaction; called from a thread of the settler's.
        open_provider: the provider account of a name; called inside the event loop.
        accounts: those that can look messages up, in lower case.
        sending: how long an attempt may take: the lease of a message that is being sent.
    """

    transaction: Callable[[], AbstractContextManager[Connection]]
    clock: BusinessClock
    open_provider: Callable[[str], Provider]
    accounts: Sequence[str]
    plan: LookUpPlan
    sending: timedelta


class Settler:
    """Looks up what is in doubt until it is closed. `close` is for other threads than its own."""

    def __init__(self, means: SettlingMeans) -> None:
        self._means = means
        self._idle = min(5.0, means.plan.first / 4)
        self._store = ThreadPoolExecutor(1, "doubts")
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main()), name="settler", daemon=True
        )
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Begin no look-up any more, and wait a moment for those that are under way."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # its loop has just ended
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join(STOP_SECONDS + 1)
        self._store.shutdown(wait=False, cancel_futures=True)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        self._ready.set()
        tasks = [asyncio.create_task(self._tidy_up())]
        tasks += [asyncio.create_task(self._serve(account)) for account in self._means.accounts]
        await self._closing.wait()
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()  # its leases run out, and another process looks again
        await asyncio.gather(*late, return_exceptions=True)

    async def _tidy_up(self) -> None:
        while not self._closing.is_set():
            new = await self._in_store(self._tidy)
            if new:
                log.info("doubts_found", messages=new)
            await self._pause(self._idle)

    async def _serve(self, account: str) -> None:
        """Look up one account's doubts, a few at a time."""
        provider: Provider | None = None
        try:
            while not self._closing.is_set():
                messages = await self._in_store(lambda c: self._take(c, account))
                if messages:
                    provider = provider or self._means.open_provider(account)
                    await self._look_up(account, provider, messages)
                await self._pause(1.0 if messages else self._idle)
        except Exception:
            # The other accounts go on; the next process of this role tries again.
            log.exception("look_ups_ended", account=account)
        finally:
            if provider is not None:
                await provider.close()

    async def _look_up(
        self, account: str, provider: Provider, messages: Sequence[DoubtedMessage]
    ) -> None:
        found = await asyncio.gather(*(self._find(provider, one) for one in messages))
        findings = list(zip(messages, found, strict=True))
        done = await self._in_store(
            lambda connection: doubts.settle_by_look_up(
                connection,
                findings,
                plan=self._means.plan,
                now=self._means.clock.now(),
                machine_now=machine_now(),
            )
        )
        if done is not None:
            log.info(
                "doubts_looked_up",
                account=account,
                sent=len(done.sent),
                failed=len(done.failed),
                open=len(done.open),
            )

    async def _find(self, provider: Provider, message: DoubtedMessage) -> Finding:
        means = self._means
        span = means.clock.span(means.sending.total_seconds())
        sought = doubts.sought(message, sending=span)
        if sought is None:
            return CannotTell("nothing is left to ask by")
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                return await provider.find(sought)
        except TimeoutError:
            return CannotTell("the look-up took too long")
        except Exception:
            # One message that cannot be asked after must not end the look-ups of all the others.
            log.exception("look_up_crashed", message_id=message.id)
            return CannotTell("the look-up failed")

    def _tidy(self, connection: Connection) -> int:
        now = machine_now()
        first = now + timedelta(seconds=self._means.plan.first)
        return look_ups.tidy(
            connection, self._means.accounts, first=first, machine_now=now, most=ADMITTED
        )

    def _take(self, connection: Connection, account: str) -> list[DoubtedMessage]:
        now = machine_now()
        return look_ups.take(connection, account, machine_now=now, lease=now + LEASE, most=AT_ONCE)

    async def _in_store(self, work: Callable[[Connection], FoundT]) -> FoundT | None:
        """Work in a transaction, on the settler's thread; None: the database is away."""

        def run() -> FoundT:
            with self._means.transaction() as connection:
                return work(connection)

        try:
            return await self._loop.run_in_executor(self._store, run)
        except SQLAlchemyError as error:
            log.warning("look_ups_wait", error=type(error).__name__)
            return None

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)


_settlers: dict[int, Settler] = {}


def start_settler(runtime: Runtime) -> None:
    """Have this process look up what is in doubt, if any of its accounts can tell."""
    settings = runtime.settings
    accounts = [name for name, one in settings.providers.items() if one.kind in LOOK_UPS]
    pid = os.getpid()
    if not accounts or pid in _settlers:
        return
    _settlers.clear()  # its thread does not survive a fork
    _settlers[pid] = Settler(
        SettlingMeans(
            transaction=runtime.transaction,
            clock=runtime.clock,
            open_provider=lambda name: open_provider(name, settings.providers[name], settings),
            accounts=accounts,
            plan=LookUpPlan(first=settings.delivery.look_up_seconds),
            sending=settings.leases.sending,
        )
    )


def close_settler() -> None:
    """End this process's look-ups, if it makes any."""
    settler = _settlers.pop(os.getpid(), None)
    if settler is not None:
        settler.close()
