"""The lane's event loop: slots, claims, requests, answers."""

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import structlog
from redis import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from pipeline.limits.pace import LATEST_START
from pipeline.providers.base import NotStarted, Provider, SendResult
from pipeline.stages import notices
from pipeline.stages.notices import NoticeAnswer
from pipeline.store.notices import Notice
from workers.courier.courier import THREAD_SWITCH_SECONDS, WRITING_SECONDS
from workers.lane.claimer import NoticeClaimer
from workers.lane.lines import NoticeLines, Waiting
from workers.lane.means import LaneMeans
from workers.lane.recorder import open_recorder

log = structlog.get_logger(__name__)

SENDERS_SHARE = 8
"""One sender has at most this part of the lane's requests: a provider that never answers must not
hold up the people of another."""

CLAIM_SPAN = 0.03
"""Seconds of slots that one claim is for: each claim is a commit."""

DRAIN_SECONDS = 25.0
"""How long a stopping lane waits for answers."""

RETRY_PAUSE = 0.5


class NoticeSender:
    """Claims, sends and records notices. `submit` and `close` are for other threads."""

    def __init__(self, means: LaneMeans) -> None:
        self._means = means
        self._lines = NoticeLines()
        self._scheduled: list[tuple[float, Waiting]] = []
        self._claimer = NoticeClaimer(means)
        self._slot_thread = ThreadPoolExecutor(1, "lane-slots")
        self._claim_thread = ThreadPoolExecutor(1, "lane-claims")
        self._providers: dict[str, Provider] = {}
        self._busy: Counter[int] = Counter()
        self._closing = False
        self._ready = threading.Event()
        sys.setswitchinterval(THREAD_SWITCH_SECONDS)
        self._thread = threading.Thread(target=self._run, name="lane-sending", daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread.is_alive()

    def submit(self, found: Sequence[Notice]) -> None:
        """Take notices over; those that are here already are left as they are.

        Raises:
            RuntimeError: the loop has ended: their leases run out, and another process has them.
        """
        if not found:
            return
        if not self.alive:
            raise RuntimeError("the lane of this process sends no more")
        self._loop.call_soon_threadsafe(self._accept, list(found))

    def close(self) -> None:
        """Claim nothing more, wait for the answers, record them."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._begin_closing)
            self._thread.join(DRAIN_SECONDS + WRITING_SECONDS)
        self._slot_thread.shutdown()
        self._claim_thread.shutdown()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception:
            log.exception("lane_ended")
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._slots_came = asyncio.Event()
        self._recorder = open_recorder(self._means, self._claimer.accounts)
        self._warm()
        self._ready.set()
        recording = asyncio.create_task(self._recorder.run())
        await asyncio.gather(self._repeat(self._take_slots), self._repeat(self._claim))
        await self._drain()
        self._recorder.stop()
        await recording
        self._recorder.close()
        for provider in self._providers.values():
            await provider.close()

    def _warm(self) -> None:
        """Open the accounts now: the first person who writes must not wait for it."""
        for account in sorted(self._means.known.accounts):
            try:
                self._provider(account)
            except (LookupError, ValueError) as error:
                log.warning("account_unusable", account=account, error=str(error))

    def _begin_closing(self) -> None:
        self._closing = True
        self._wake.set()
        self._slots_came.set()

    def _accept(self, found: Sequence[Notice]) -> None:
        self._lines.add(found)
        self._wake.set()

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step again and again, whatever comes of one: people wait for what is here."""
        while not self._closing:
            try:
                await step()
            except Exception:
                log.exception("lane_step_failed")
                await asyncio.sleep(RETRY_PAUSE)

    async def _take_slots(self) -> None:
        """Get slots for what waits, whenever a sender's next ones come within reach."""
        most = max(1, self._means.capacity // SENDERS_SHARE)
        room, now = self._means.capacity - self._busy.total(), time.monotonic()
        picked = self._lines.pick(room, most, self._busy, now) if room > 0 else {}
        if not picked:
            wait = self._lines.next_try(most, self._busy, now) if room > 0 else None
            await _event_within(self._wake, wait)
            return
        try:
            supply = await self._loop.run_in_executor(
                self._slot_thread, self._claimer.take_slots, picked
            )
        except Exception as error:
            self._lines.put_back([one for entries in picked.values() for one in entries])
            if not isinstance(error, RedisError):
                raise
            log.warning("slots_not_had", error=type(error).__name__)
            await asyncio.sleep(RETRY_PAUSE)
            return
        for sender, moment in supply.again_at.items():
            self._lines.try_again_at(sender, moment)
        self._lines.put_back(supply.returned)
        self._busy.update(entry.notice.sender_id for entry, _ in supply.granted)
        self._scheduled += [(slot, entry) for entry, slot in supply.granted]
        self._scheduled.sort(key=lambda one: one[0])
        self._slots_came.set()

    async def _claim(self) -> None:
        """Claim what has a slot when the slot is near, and send it at its slot."""
        near = time.monotonic() + self._claimer.lead
        if not self._scheduled or self._scheduled[0][0] > near:
            wait = self._scheduled[0][0] - near if self._scheduled else None
            await _event_within(self._slots_came, wait)
            return
        due = [one for one in self._scheduled if one[0] <= near + CLAIM_SPAN]
        del self._scheduled[: len(due)]
        entries = [entry for _, entry in due]
        try:
            claimed = await self._loop.run_in_executor(
                self._claim_thread, self._claimer.claim, entries
            )
        except Exception as error:
            self._busy.subtract(entry.notice.sender_id for entry in entries)
            self._lines.put_back(entries)
            self._wake.set()
            if not isinstance(error, DBAPIError | PoolTimeoutError):
                raise
            log.warning("claim_failed", error=type(error).__name__)
            await asyncio.sleep(RETRY_PAUSE)
            return
        self._send_claimed(due, claimed)

    def _send_claimed(
        self, due: Sequence[tuple[float, Waiting]], claimed: Sequence[Waiting]
    ) -> None:
        ours = {entry.notice.id: entry for entry in claimed}
        for slot, entry in due:
            if (mine := ours.get(entry.notice.id)) is not None:
                self._loop.create_task(self._depart(mine, slot))
            else:
                self._busy[entry.notice.sender_id] -= 1
                self._lines.forget(entry.notice.id)

    async def _depart(self, entry: Waiting, slot: float) -> None:
        wait = slot - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        if time.monotonic() - slot > LATEST_START or self._claimer.stale(entry):
            self._miss(entry)
            return
        sent_at = self._means.clock.now()
        try:
            provider = self._provider(entry.notice.provider)
        except (LookupError, ValueError) as error:
            self._finish(entry, notices.unusable(str(error)), started=False)
            return
        try:
            result: SendResult | None = await provider.send(notices.compose(entry.notice))
        except Exception:
            log.exception("send_crashed", notice_id=entry.notice.id)
            result = None
        if isinstance(result, NotStarted):
            self._finish(entry, None, started=False)
            return
        self._finish(entry, result, started=True, sent_at=sent_at)

    def _miss(self, entry: Waiting) -> None:
        """The request could not start in time: another slot, or back to where the notice waited."""
        if self._claimer.stale(entry) or self._closing:
            self._finish(entry, None, started=False)
            return
        self._busy[entry.notice.sender_id] -= 1
        self._lines.put_back([entry])
        self._wake.set()

    def _provider(self, name: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            provider = self._providers[name] = self._means.open_provider(name)
        return provider

    def _finish(
        self,
        entry: Waiting,
        result: SendResult | None,
        *,
        started: bool,
        sent_at: datetime | None = None,
    ) -> None:
        if started and result is not None:
            self._claimer.judge(entry, result)
        self._busy[entry.notice.sender_id] -= 1
        self._lines.forget(entry.notice.id)
        self._record(entry, result, started=started, sent_at=sent_at)
        self._wake.set()

    def _record(
        self,
        entry: Waiting,
        result: SendResult | None,
        *,
        started: bool,
        sent_at: datetime | None = None,
    ) -> None:
        if entry.attempt is None:
            return
        self._recorder.add(
            NoticeAnswer(
                notice=entry.notice,
                attempt=entry.attempt,
                result=result,
                started=started,
                sent_at=sent_at,
                answered_at=self._means.clock.now(),
            )
        )

    async def _drain(self) -> None:
        """Give back what waits, and wait for the answers to what is on its way."""
        waiting = [*self._lines.clear(), *(entry for _, entry in self._scheduled)]
        for entry in waiting:
            self._record(entry, None, started=False)
        unclaimed = [entry.notice.id for entry in waiting if entry.attempt is None]
        try:
            await self._loop.run_in_executor(self._claim_thread, self._claimer.give_back, unclaimed)
        except (DBAPIError, PoolTimeoutError):
            log.warning("give_back_failed", notices=len(unclaimed))  # their leases run out
        self._busy.subtract(entry.notice.sender_id for _, entry in self._scheduled)
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._busy.total() and time.monotonic() < deadline:
            await _event_within(self._wake, deadline - time.monotonic())


async def _event_within(event: asyncio.Event, seconds: float | None) -> None:
    """Wait for an event, for so long; None: until it comes."""
    event.clear()
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
