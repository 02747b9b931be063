"""The courier: one process's private event loop that claims, sends and records messages.

Celery brings it chunks of ids. The courier keeps them per sender, asks Redis for send slots,
claims only what goes out within a moment, starts each request at its slot, and records answers
in batches. A slow sender's messages wait beside a fast one's, never in front of them.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from redis import RedisError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from pipeline.limits.pace import LATEST_START, Grant, Pace
from pipeline.providers.base import Provider, SendResult
from pipeline.stages import answers, delivery
from pipeline.stages.answers import Answer
from pipeline.stages.books import Books
from pipeline.stages.delivery import CLAIM_LIFE, Claimed, Directory
from pipeline.store import campaigns, claims, senders
from pipeline.store.campaigns import Campaign
from pipeline.store.claims import Parcel
from pipeline.store.senders import Sender
from workers.clock import BusinessClock, machine_now

log = structlog.get_logger(__name__)

PATIENCE = 5.0
"""Seconds that a parcel waits here for a slot before it goes back to the pool."""

SLOT_SPAN = 0.1
"""Seconds of slots that are asked for at once, beyond what claiming takes."""

RECORD_PAUSE = 0.04
"""Seconds in which answers gather before they are written together. A worker that is killed
leaves what it has not written in doubt, so this is short; each write is a commit, so it is not
shorter."""

FIRST_WINDOW = 64
SMALLEST_WINDOW = 16
"""Messages claimed and not yet answered that a courier starts with, and never goes below. Like
TCP's window it grows while all start in time and shrinks when one is late: a busy loop cannot
start requests on time however many it has claimed."""

DRAIN_SECONDS = 25.0
"""How long a stopping courier waits for answers."""


@dataclass(slots=True)
class _Line:
    """One sender's parcels, waiting for slots."""

    sender: Sender
    parcels: deque[tuple[Parcel, float]] = field(default_factory=deque)
    again_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Departure:
    """A claimed message with the moment of its slot (monotonic seconds)."""

    claimed: Claimed
    slot: float
    claim: "_ClaimRound"


@dataclass(slots=True)
class _ClaimRound:
    """One claim: when it began (monotonic seconds), and whether any of its messages was late."""

    began: float
    late: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CourierMeans:
    """What a courier works with.

    Attributes:
        transaction: opens a database transaction; called from the courier's threads.
        open_provider: the provider account of a name; called inside the event loop.
        capacity: requests on the wire at once.
        claim_size: messages in one claim at most.
        sending_lease: how long a claimed message may stay unrecorded before it is in doubt.
    """

    transaction: Callable[[], AbstractContextManager[Connection]]
    pace: Pace
    books: Books
    clock: BusinessClock
    open_provider: Callable[[str], Provider]
    capacity: int
    claim_size: int
    sending_lease: timedelta


class Courier:
    """See the module. `submit` and `close` are called from other threads than the loop's."""

    def __init__(self, means: CourierMeans) -> None:
        self._means = means
        self._lines: dict[int, _Line] = {}
        self._campaigns: dict[int, Campaign] = {}
        self._providers: dict[str, Provider] = {}
        self._in_flight = 0
        self._answers: list[Answer] = []
        self._window = float(min(FIRST_WINDOW, means.capacity))
        self._claim_seconds = 0.01
        self._closing = False
        self._claims = ThreadPoolExecutor(1, "claims")
        self._records = ThreadPoolExecutor(1, "records")
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()
        self._started.wait()

    # -- from other threads ---------------------------------------------------------------

    def submit(self, ids: Sequence[int]) -> int:
        """Take over messages; returns once there is room for more. Says how many are ready."""
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
        self._records.shutdown()

    # -- the loop -------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._answered = asyncio.Event()
        self._room = asyncio.Condition()
        self._started.set()
        recorder = asyncio.create_task(self._record())
        await self._pump()
        await self._drain()
        recorder.cancel()
        await asyncio.gather(recorder, return_exceptions=True)
        await self._write_answers()
        for provider in self._providers.values():
            await provider.close()

    def _begin_closing(self) -> None:
        self._closing = True
        self._wake.set()

    async def _accept(self, parcels: Sequence[Parcel], directory: Directory) -> None:
        now = time.monotonic()
        self._campaigns |= directory.campaigns
        for sender in directory.senders.values():
            line = self._lines.setdefault(sender.id, _Line(sender))
            line.sender = sender
        for parcel in parcels:
            self._lines[parcel.sender_id].parcels.append((parcel, now))
        self._wake.set()
        # Back-pressure: the Celery task ends when its messages have mostly left.
        async with self._room:
            await self._room.wait_for(lambda: self._waiting() < self._means.capacity)

    def _waiting(self) -> int:
        return sum(len(line.parcels) for line in self._lines.values())

    async def _pump(self) -> None:
        while not self._closing:
            picked = self._pick(time.monotonic())
            if not picked:
                await self._sleep_until_useful()
                continue
            try:
                departures, returned = await self._loop.run_in_executor(
                    self._claims, self._claim, picked
                )
            except (DBAPIError, RedisError) as error:
                log.warning("claim_failed", error=type(error).__name__)
                self._put_back([entry for entries in picked.values() for entry in entries])
                await asyncio.sleep(0.2)
                continue
            self._put_back(returned)
            self._window = min(self._means.capacity, self._window + 2)
            for departure in departures:
                self._in_flight += 1
                self._loop.create_task(self._send(departure))
            async with self._room:
                self._room.notify_all()

    async def _sleep_until_useful(self) -> None:
        """Until a parcel comes, a request ends, or a sender's next slots are near."""
        self._wake.clear()
        now = time.monotonic()
        waits = [line.again_at - now for line in self._lines.values() if line.parcels]
        timeout = None if not waits or self._room_for() == 0 else max(0.001, min(waits))
        try:
            await asyncio.wait_for(self._wake.wait(), timeout)
        except TimeoutError:
            return

    def _room_for(self) -> int:
        """How many more messages may be claimed now; a few at a time are not worth a commit."""
        room = int(self._window) - self._in_flight
        return min(room, self._means.claim_size) if room >= self._window / 4 else 0

    def _pick(self, now: float) -> dict[int, list[tuple[Parcel, float]]]:
        """Parcels to ask slots for: a few of each sender that may have slots now."""
        room = self._room_for()
        lines = [line for line in self._lines.values() if line.parcels and line.again_at <= now]
        picked: dict[int, list[tuple[Parcel, float]]] = {}
        while room > 0 and lines:
            share = max(1, room // len(lines))
            for line in list(lines):
                if room == 0:
                    break
                taken = picked.setdefault(line.sender.id, [])
                most = int(line.sender.rate_per_second * SLOT_SPAN) + 1
                while line.parcels and len(taken) < most and room > 0 and share > 0:
                    taken.append(line.parcels.popleft())
                    room -= 1
                    share -= 1
                share = max(1, room // len(lines))
                if not line.parcels or len(taken) >= most:
                    lines.remove(line)
        return {sender: entries for sender, entries in picked.items() if entries}

    def _put_back(self, entries: Sequence[tuple[Parcel, float]]) -> None:
        """Return parcels to the head of their lines; those that waited too long leave."""
        now = time.monotonic()
        tired = [parcel.id for parcel, since in entries if now - since > PATIENCE]
        for parcel, since in reversed(entries):
            if now - since <= PATIENCE:
                self._lines[parcel.sender_id].parcels.appendleft((parcel, since))
        if tired:
            self._claims.submit(self._give_back, tired)

    def _give_back(self, ids: Sequence[int]) -> None:
        with self._means.transaction() as connection:
            claims.give_back(connection, ids)

    # -- in the claims thread -------------------------------------------------------------

    def _claim(
        self, picked: Mapping[int, list[tuple[Parcel, float]]]
    ) -> tuple[list[_Departure], list[tuple[Parcel, float]]]:
        """Get slots, then claim what got one: the departures, and the parcels without a slot."""
        lead = min(0.12, 1.5 * self._claim_seconds + 0.005)
        asked = {
            sender: (self._lines[sender].sender.rate_per_second, len(entries))
            for sender, entries in picked.items()
        }
        before = time.monotonic()
        grants = self._means.pace.take(asked, lead=lead, horizon=lead + SLOT_SPAN)
        began = time.monotonic()
        base = (before + began) / 2
        slots: dict[int, float] = {}
        chosen: list[Parcel] = []
        returned: list[tuple[Parcel, float]] = []
        for sender, entries in picked.items():
            grant = grants[sender]
            self._lines[sender].again_at = _again_at(grant, base, lead)
            for i, (parcel, _) in enumerate(entries[: grant.count]):
                slots[parcel.id] = base + grant.delay + i * grant.interval
                chosen.append(parcel)
            returned += entries[grant.count :]
        if not chosen:
            return [], returned
        claimed = self._claim_in_store(chosen)
        self._claim_seconds = 0.8 * self._claim_seconds + 0.2 * (time.monotonic() - began)
        this_round = _ClaimRound(began)
        return [_Departure(item, slots[item.parcel.id], this_round) for item in claimed], returned

    def _claim_in_store(self, parcels: Sequence[Parcel]) -> list[Claimed]:
        means = self._means
        now = means.clock.now()
        with means.transaction() as connection:
            return delivery.claim(
                connection,
                parcels,
                directory=self._directory_of(parcels),
                books=means.books,
                now=now,
                safe_until=now + means.clock.span(CLAIM_LIFE),
                lease=machine_now() + means.sending_lease,
            )

    def _directory_of(self, parcels: Sequence[Parcel]) -> Directory:
        return Directory(
            {parcel.campaign_id: self._campaigns[parcel.campaign_id] for parcel in parcels},
            {parcel.sender_id: self._lines[parcel.sender_id].sender for parcel in parcels},
        )

    # -- sending --------------------------------------------------------------------------

    async def _send(self, departure: _Departure) -> None:
        wait = departure.slot - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        now = time.monotonic()
        claimed = departure.claimed
        sent_at = self._means.clock.now()
        if now - departure.claim.began > CLAIM_LIFE or now - departure.slot > LATEST_START:
            # Too late for its slot or its claim: provably unsent, and tried again at once.
            self._shrink(departure.claim)
            self._finish(answers.not_started(claimed))
            return
        directory = self._directory_of([claimed.parcel])
        sender = directory.senders[claimed.parcel.sender_id]
        try:
            provider = self._provider(sender.provider)
            message = delivery.compose(claimed, directory, now=sent_at)
            result: SendResult = await provider.send(message)
        except Exception:
            log.exception("send_crashed", message_id=claimed.parcel.id)
            self._finish(answers.crashed(claimed, sent_at=sent_at))
            return
        self._finish(answers.read(claimed, result, sent_at=sent_at))

    def _shrink(self, claim: _ClaimRound) -> None:
        """Take less on: this process cannot start so many requests in time."""
        if not claim.late:
            claim.late = True
            self._window = max(SMALLEST_WINDOW, self._window * 0.75)

    def _provider(self, name: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            provider = self._providers[name] = self._means.open_provider(name)
        return provider

    def _finish(self, answer: Answer) -> None:
        self._in_flight -= 1
        self._answers.append(answer)
        self._answered.set()
        self._wake.set()

    # -- recording ------------------------------------------------------------------------

    async def _record(self) -> None:
        while True:
            await self._answered.wait()
            await asyncio.sleep(RECORD_PAUSE)
            await self._write_answers()

    async def _write_answers(self) -> None:
        """Write what has been answered; keep trying while PostgreSQL is away: it is evidence."""
        self._answered.clear()
        batch, self._answers = self._answers, []
        while batch:
            try:
                await self._loop.run_in_executor(self._records, self._write, batch)
            except DBAPIError as error:
                log.warning("record_failed", answers=len(batch), error=type(error).__name__)
                await asyncio.sleep(0.5)
            else:
                return

    def _write(self, batch: Sequence[Answer]) -> None:
        now, machine = self._means.clock.now(), machine_now()
        with self._means.transaction() as connection:
            answers.record(connection, batch, now=now, machine_now=machine)

    async def _drain(self) -> None:
        waiting = [parcel.id for line in self._lines.values() for parcel, _ in line.parcels]
        for line in self._lines.values():
            line.parcels.clear()
        async with self._room:
            self._room.notify_all()
        try:
            await self._loop.run_in_executor(self._claims, self._give_back, waiting)
        except DBAPIError:
            log.warning("give_back_failed", messages=len(waiting))  # their leases run out
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._in_flight and time.monotonic() < deadline:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), deadline - time.monotonic())
            except TimeoutError:
                break


def _again_at(grant: Grant, base: float, lead: float) -> float:
    """When the sender's next free slot comes within reach (monotonic seconds)."""
    following = base + grant.delay + grant.count * grant.interval
    return following - lead - SLOT_SPAN / 2


def _directory(connection: Connection, parcels: Sequence[Parcel]) -> Directory:
    return Directory(
        campaigns.by_ids(connection, {parcel.campaign_id for parcel in parcels}),
        {
            sender.id: sender
            for sender in senders.select_senders(
                connection, ids={parcel.sender_id for parcel in parcels}
            )
        },
    )
