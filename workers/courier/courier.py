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

from pipeline.limits.pace import LATEST_START
from pipeline.providers.base import NotStarted, Provider
from pipeline.stages import answers, delivery
from pipeline.stages.answers import Answer
from pipeline.stages.delivery import CLAIM_LIFE, Directory
from pipeline.store import campaigns, claims, senders
from pipeline.store.campaigns import Campaign
from pipeline.store.claims import Parcel
from workers.courier.admission import Admission
from workers.courier.claimer import SLOT_SPAN, Claimer, Departure, Order, Supply
from workers.courier.lines import Lines, Waiting
from workers.courier.means import CourierMeans
from workers.courier.recorder import open_recorder

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 25.0
"""How long a stopping courier waits for answers."""

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
        self._providers: dict[str, Provider] = {}
        self._admission = Admission(means.capacity, means.claim_size)
        self._claimer = Claimer(means)
        self._claims = ThreadPoolExecutor(1, "claims")
        self._late: dict[int, list[asyncio.Future[float | None]]] = {}
        self._closing = False
        self._ready = threading.Event()
        sys.setswitchinterval(THREAD_SWITCH_SECONDS)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main()), name="courier", daemon=True
        )
        self._thread.start()
        self._ready.wait()

    def submit(self, ids: Sequence[int]) -> int:
        """Take messages over; returns once there is room for more. Says how many were ready."""
        with self._means.transaction() as connection:
            parcels = claims.load(connection, ids)
            directory = _directory(connection, parcels)
        future = asyncio.run_coroutine_threadsafe(self._accept(parcels, directory), self._loop)
        future.result()
        return len(parcels)

    def close(self) -> None:
        """Claim nothing more, give back what waits, wait for the answers, record them."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._begin_closing)
            self._thread.join(DRAIN_SECONDS + 10)
        self._claims.shutdown()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._room = asyncio.Condition()
        self._recorder = open_recorder(self._means)
        self._ready.set()
        recording = asyncio.create_task(self._recorder.run())
        await self._pump()
        await self._drain()
        self._recorder.stop()
        await recording
        self._recorder.close()
        for provider in self._providers.values():
            await provider.close()

    def _begin_closing(self) -> None:
        self._closing = True
        self._wake.set()

    async def _accept(self, parcels: Sequence[Parcel], directory: Directory) -> None:
        self._campaigns |= directory.campaigns
        self._lines.know(directory.senders.values())
        self._lines.add(parcels, time.monotonic())
        self._wake.set()
        # Back-pressure: the Celery task ends when its messages have mostly left.
        async with self._room:
            await self._room.wait_for(
                lambda: self._closing or len(self._lines) < self._means.capacity
            )

    async def _pump(self) -> None:
        """Keep as many messages on their way as start in time."""
        while not self._closing:
            picked = self._lines.pick(self._admission.room(), time.monotonic())
            late, self._late = self._late, {}
            if not picked and not late:
                await self._sleep_until_useful()
                continue
            order = self._order(picked, {sender: len(who) for sender, who in late.items()})
            try:
                supply = await self._loop.run_in_executor(self._claims, self._claimer.claim, order)
            except (DBAPIError, RedisError) as error:
                log.warning("claim_failed", error=type(error).__name__)
                supply = Supply(
                    returned=[entry for entries in picked.values() for entry in entries]
                )
                await asyncio.sleep(RETRY_PAUSE)
            await self._take(supply, late)

    def _order(self, picked: dict[int, list[Waiting]], late: dict[int, int]) -> Order:
        parcels = [parcel for entries in picked.values() for parcel, _ in entries]
        return Order(
            picked=picked,
            late=late,
            rates={
                sender: self._lines.sender(sender).rate_per_second for sender in {*picked, *late}
            },
            directory=self._directory_of(parcels),
        )

    async def _take(
        self, supply: Supply, late: dict[int, list["asyncio.Future[float | None]"]]
    ) -> None:
        for sender, moment in supply.again_at.items():
            self._lines.try_again_at(sender, moment)
        for sender, waiting in late.items():
            slots = supply.late_slots.get(sender, [])
            for place, future in enumerate(waiting):
                future.set_result(slots[place] if place < len(slots) else None)
        self._put_back(supply.returned)
        if supply.departures:
            self._admission.claimed(len(supply.departures))
            self._loop.create_task(self._depart(supply.departures))
        async with self._room:
            self._room.notify_all()

    async def _sleep_until_useful(self) -> None:
        """Until a parcel comes, a request ends, or a sender's next slots are near."""
        self._wake.clear()
        wait = self._lines.next_try(time.monotonic()) if self._admission.room() else None
        try:
            await asyncio.wait_for(self._wake.wait(), wait)
        except TimeoutError:
            return

    def _put_back(self, entries: Sequence[Waiting]) -> None:
        tired = self._lines.put_back(entries, time.monotonic())
        if tired:
            self._claims.submit(self._claimer.give_back, tired)

    def _directory_of(self, parcels: Sequence[Parcel]) -> Directory:
        return Directory(
            {parcel.campaign_id: self._campaigns[parcel.campaign_id] for parcel in parcels},
            {parcel.sender_id: self._lines.sender(parcel.sender_id) for parcel in parcels},
        )

    async def _depart(self, departures: Sequence[Departure]) -> None:
        """Start each at its slot; one timer serves all whose slots fall together."""
        for departure in sorted(departures, key=lambda one: one.slot):
            wait = departure.slot - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self._loop.create_task(self._send(departure))

    async def _send(self, departure: Departure) -> None:
        claimed = departure.claimed
        if not await self._reach_slot(departure):
            self._finish(answers.not_started(claimed))
            return
        sent_at = self._means.clock.now()
        sender = self._lines.sender(claimed.parcel.sender_id)
        try:
            provider = self._provider(sender.provider)
        except (LookupError, ValueError) as error:
            self._finish(answers.misconfigured(claimed, str(error)))
            return
        try:
            campaign = self._campaigns[claimed.parcel.campaign_id]
            message = delivery.compose(claimed, campaign, sender, now=sent_at)
        except Exception:
            log.exception("compose_failed", message_id=claimed.parcel.id)
            self._finish(answers.unsendable(claimed))
            return
        try:
            # What is late beyond this, our event loop or the provider's end of the wire, has 50 ms.
            left = departure.claim.began + CLAIM_LIFE - time.monotonic()
            result = await provider.send(message, start_within=left)
        except Exception:
            log.exception("send_crashed", message_id=claimed.parcel.id)
            self._finish(answers.crashed(claimed, sent_at=sent_at))
            return
        if isinstance(result, NotStarted):
            self._finish(answers.not_started(claimed))
            return
        self._finish(answers.read(claimed, result, sent_at=sent_at))

    async def _reach_slot(self, departure: Departure) -> bool:
        """Wait for the slot, or another when it is missed; False when the claim is too old."""
        slot: float | None = departure.slot
        while slot is not None:
            wait = slot - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            now = time.monotonic()
            if now - departure.claim.began > CLAIM_LIFE:
                break
            if now - slot <= LATEST_START:
                return True
            self._admission.late(departure.claim, slot)
            slot = await self._another_slot(departure.claimed.parcel.sender_id)
        return False

    async def _another_slot(self, sender_id: int) -> float | None:
        if self._closing:
            return None
        future: asyncio.Future[float | None] = self._loop.create_future()
        self._late.setdefault(sender_id, []).append(future)
        self._wake.set()
        return await future

    def _provider(self, name: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            provider = self._providers[name] = self._means.open_provider(name)
        return provider

    def _finish(self, answer: Answer) -> None:
        self._admission.finished()
        self._recorder.add(answer)
        self._wake.set()

    async def _drain(self) -> None:
        """Give back what waits, and wait for the answers to what is on its way."""
        for futures in self._late.values():
            for future in futures:
                future.set_result(None)
        waiting = self._lines.clear()
        async with self._room:
            self._room.notify_all()
        try:
            await self._loop.run_in_executor(self._claims, self._claimer.give_back, waiting)
        except DBAPIError:
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
