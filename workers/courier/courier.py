"""The courier's event loop; see the package."""

import asyncio
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog
from redis import RedisError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from pipeline.stages.attempts import Answer
from pipeline.stages.delivery import Directory
from pipeline.store import campaigns, claims, senders
from pipeline.store.campaigns import Campaign
from pipeline.store.claims import Parcel
from workers.accounts import LOOK_SECONDS, AccountWatch, View
from workers.clock import machine_now
from workers.courier.admission import Admission
from workers.courier.claimer import SLOT_SPAN, Claimer, Order, Supply
from workers.courier.lines import Lines, Waiting
from workers.courier.means import CourierMeans
from workers.courier.recorder import open_recorder
from workers.courier.sending import LateSlots, Sending

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 25.0
"""How long a stopping courier waits for answers."""

WRITING_SECONDS = 10.0
"""How long a stopping courier, or lane, has beside that until its answers are written down."""

RETRY_PAUSE = 0.2

THREAD_SWITCH_SECONDS = 0.001
"""How long a thread of ours may hold the interpreter while the event loop wants it; Python's own
5 ms are a fifth of what a request may be late."""


class Courier:
    """Claims, sends and records. `submit` and `close` are for other threads than the loop's."""

    def __init__(self, means: CourierMeans) -> None:
        self._means = means
        self._lines = Lines(SLOT_SPAN)
        self._campaigns: dict[int, Campaign] = {}
        self._admission = Admission(means.capacity, means.claim_size)
        self._claimer = Claimer(means)
        self._accounts = AccountWatch(probe_life=means.probe_life)
        self._claims = ThreadPoolExecutor(1, "claims")
        self._closing = False
        self._ready = threading.Event()
        sys.setswitchinterval(THREAD_SWITCH_SECONDS)
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()
        self._ready.wait()

    @property
    def alive(self) -> bool:
        """Whether the loop runs; one that has ended by a mistake must be replaced."""
        return self._thread.is_alive()

    def submit(self, ids: Sequence[int]) -> int:
        """Take messages over; returns once there is room for more. Says how many were ready."""
        with self._means.transaction() as connection:
            parcels = claims.load(connection, ids)
            directory = _directory(connection, parcels)
            wanted = {sender.account for sender in directory.senders.values()}
            view = self._accounts.look(connection, wanted, machine_now=machine_now())
        future = asyncio.run_coroutine_threadsafe(
            self._accept(parcels, directory, view), self._loop
        )
        future.result()
        return len(parcels)

    def close(self) -> None:
        """Claim nothing more, give back what waits, wait for the answers, record them."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._begin_closing)
            self._thread.join(DRAIN_SECONDS + WRITING_SECONDS)
        self._claims.shutdown()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception:
            log.exception("courier_ended")
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._room = asyncio.Condition()
        self._recorder = open_recorder(self._means, self._accounts)
        self._sending = Sending(
            self._means,
            lines=self._lines,
            campaigns=self._campaigns,
            admission=self._admission,
            accounts=self._accounts,
            answered=self._answered,
            slow=lambda *told: self._claims.submit(self._claimer.slow, *told),
            wake=self._wake.set,
        )
        self._ready.set()
        recording = asyncio.create_task(self._recorder.run())
        watching = asyncio.create_task(self._watch_accounts())
        try:
            await self._pump()
        finally:
            # After a mistake of ours, too: what is on the wire has its answer still to come.
            self._begin_closing()
            watching.cancel()
            await self._drain()
            self._recorder.stop()
            await recording
            self._recorder.close()
            await self._sending.close()

    def _begin_closing(self) -> None:
        self._closing = True
        self._sending.closing = True
        self._wake.set()

    async def _accept(self, parcels: Sequence[Parcel], directory: Directory, view: View) -> None:
        self._campaigns.update(directory.campaigns)
        self._lines.know(directory.senders.values())
        self._lines.add(parcels, time.monotonic())
        await self._heed(view)
        # Back-pressure: the Celery task ends when its messages have mostly left.
        async with self._room:
            await self._room.wait_for(
                lambda: self._closing or len(self._lines) < self._means.capacity
            )

    async def _pump(self) -> None:
        """Keep as many messages on their way as start in time."""
        while not self._closing:
            room, limits = self._admission.room(), self._accounts.limits
            picked = self._lines.pick(room, time.monotonic(), limits)
            late, self._sending.late = self._sending.late, {}
            if not picked and not late:
                await self._sleep_until_useful()
                continue
            order = self._order(picked, {sender: len(who) for sender, who in late.items()})
            try:
                supply = await self._loop.run_in_executor(self._claims, self._claimer.claim, order)
            except (DBAPIError, PoolTimeoutError, RedisError) as error:
                log.warning("claim_failed", error=type(error).__name__)
                supply = Supply(
                    returned=[entry for entries in picked.values() for entry in entries]
                )
                await asyncio.sleep(RETRY_PAUSE)
            await self._take(supply, late)

    def _order(self, picked: dict[int, list[Waiting]], late: dict[int, int]) -> Order:
        parcels = [parcel for entries in picked.values() for parcel, _ in entries]
        concerned = {*picked, *late}
        return Order(
            picked=picked,
            late=late,
            rates={sender: self._lines.sender(sender).rate_per_second for sender in concerned},
            taken={sender: self._sending.taken.pop(sender, 0) for sender in concerned},
            directory=self._directory_of(parcels),
        )

    async def _take(self, supply: Supply, late: LateSlots) -> None:
        for sender, moment in supply.again_at.items():
            self._lines.try_again_at(sender, moment)
        for sender, waiting in late.items():
            slots = supply.late_slots.get(sender, [])
            for place, future in enumerate(waiting):
                future.set_result(slots[place] if place < len(slots) else None)
        self._put_back(supply.returned)
        if supply.departures:
            self._admission.claimed(len(supply.departures))
            for departure in supply.departures:
                self._accounts.claimed(self._sending.account_of(departure.claimed), 1)
            self._loop.create_task(self._sending.depart(supply.departures))
        async with self._room:
            self._room.notify_all()

    async def _sleep_until_useful(self) -> None:
        """Until a parcel comes, a request ends, or a sender's next slots are near."""
        self._wake.clear()
        limits = self._accounts.limits
        wait = self._lines.next_try(time.monotonic(), limits) if self._admission.room() else None
        try:
            await asyncio.wait_for(self._wake.wait(), wait)
        except TimeoutError:
            return

    def _put_back(self, entries: Sequence[Waiting]) -> None:
        tired = self._lines.put_back(entries, time.monotonic())
        if tired:
            self._claims.submit(self._claimer.give_back, tired)

    async def _watch_accounts(self) -> None:
        """Hear which accounts rest, while anything waits here or is on its way."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not (self._lines or self._admission.in_flight):
                continue
            wanted = self._lines.accounts()
            try:
                view = await self._loop.run_in_executor(
                    self._claims, self._claimer.look, self._accounts, wanted
                )
            except (DBAPIError, PoolTimeoutError):
                continue  # what is claimed meanwhile meets the same database
            await self._heed(view)

    async def _heed(self, view: View) -> None:
        """Claim nothing through accounts that rest; give back what waits for them, or too long."""
        self._accounts.learn(view, moment=time.monotonic())
        waiting = self._lines.take_out(self._accounts.closed)
        waiting += self._lines.take_old(time.monotonic())
        if waiting:
            self._claims.submit(self._claimer.give_back, waiting)
        self._wake.set()
        async with self._room:
            self._room.notify_all()

    def _directory_of(self, parcels: Sequence[Parcel]) -> Directory:
        return Directory(
            {parcel.campaign_id: self._campaigns[parcel.campaign_id] for parcel in parcels},
            {parcel.sender_id: self._lines.sender(parcel.sender_id) for parcel in parcels},
        )

    def _answered(self, answer: Answer) -> None:
        self._recorder.add(answer)
        self._wake.set()

    async def _drain(self) -> None:
        """Give back what waits, and wait for the answers to what is on its way."""
        for futures in self._sending.late.values():
            for future in futures:
                future.set_result(None)
        waiting = self._lines.clear()
        async with self._room:
            self._room.notify_all()
        try:
            await self._loop.run_in_executor(self._claims, self._claimer.give_back, waiting)
        except (DBAPIError, PoolTimeoutError):
            log.warning("give_back_failed", messages=len(waiting))  # their leases run out
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._admission.in_flight and time.monotonic() < deadline:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), deadline - time.monotonic())
            except TimeoutError:
                break


def _directory(connection: Connection, parcels: Sequence[Parcel]) -> Directory:
    sender_ids = {parcel.sender_id for parcel in parcels}
    return Directory(
        campaigns.by_ids(connection, {parcel.campaign_id for parcel in parcels}),
        {sender.id: sender for sender in senders.select_senders(connection, ids=sender_ids)},
    )
