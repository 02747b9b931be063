"""From a claimed message to its answer: the request, at its slot."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import structlog

from pipeline.limits.pace import LATEST_START
from pipeline.providers.base import (
    Accepted,
    Action,
    NotStarted,
    Provider,
    Rejected,
    SendResult,
)
from pipeline.stages import answers, delivery
from pipeline.stages.attempts import Answer
from pipeline.stages.delivery import CLAIM_LIFE, Claimed
from pipeline.store.campaigns import Campaign
from pipeline.store.senders import Sender
from workers.accounts import AccountWatch
from workers.courier.admission import Admission
from workers.courier.claimer import Departure
from workers.courier.lines import Lines
from workers.courier.means import CourierMeans

log = structlog.get_logger(__name__)

LateSlots = dict[int, list["asyncio.Future[float | None]"]]
"""Claimed messages that missed their slot and wait for another, by sender."""


class Sending:
    """Starts requests and takes their answers. Used from the event loop only.

    Args:
        campaigns: those of the messages at hand, kept up to date by the courier.
        answered: takes the end of each attempt.
        slow: lowers a sender's rate; the seconds are those that its provider asked for.
        wake: tells the courier that somebody waits for another slot.

    Attributes:
        late: see `LateSlots`.
        taken: messages of each sender that its provider has taken and that nobody has told yet.
        closing: set when the courier stops: nobody gets another slot.
    """

    def __init__(
        self,
        means: CourierMeans,
        *,
        lines: Lines,
        campaigns: Mapping[int, Campaign],
        admission: Admission,
        accounts: AccountWatch,
        answered: Callable[[Answer], None],
        slow: Callable[[Sender, float | None], object],
        wake: Callable[[], None],
    ) -> None:
        self._means = means
        self._lines = lines
        self._campaigns = campaigns
        self._admission = admission
        self._accounts = accounts
        self._answered = answered
        self._slow = slow
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._providers: dict[str, Provider] = {}
        self.late: LateSlots = {}
        self.taken: Counter[int] = Counter()
        self.closing = False

    def account_of(self, claimed: Claimed) -> str:
        """The provider account of a claimed message."""
        return self._lines.sender(claimed.parcel.sender_id).account

    async def close(self) -> None:
        """Close the connections; nothing may be sent afterwards."""
        for provider in self._providers.values():
            await provider.close()

    async def depart(self, departures: Sequence[Departure]) -> None:
        """Start each at its slot; one timer serves all whose slots fall together."""
        for departure in sorted(departures, key=lambda one: one.slot):
            wait = departure.slot - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self._loop.create_task(self._send(departure))

    async def _send(self, departure: Departure) -> None:
        claimed = departure.claimed
        account = self.account_of(claimed)
        if not await self._reach_slot(departure) or not self._accounts.may_start(account):
            self._give_up(claimed)
            return
        began = time.monotonic()
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
        self._accounts.note(account, result, began=began, moment=time.monotonic())
        if isinstance(result, NotStarted):
            self._give_up(claimed)
            return
        self._heed_rate(sender, result)
        self._finish(answers.read(claimed, result, sent_at=sent_at))

    def _give_up(self, claimed: Claimed) -> None:
        """The request never began; the message may be claimed again."""
        self._accounts.claimed(self.account_of(claimed), -1)
        self._finish(answers.not_started(claimed))

    def _heed_rate(self, sender: Sender, result: SendResult) -> None:
        """Slow a sender that was too fast; what was taken brings a slowed one back."""
        if isinstance(result, Accepted):
            self.taken[sender.id] += 1
        elif isinstance(result, Rejected) and result.action is Action.SLOW_SENDER:
            self._slow(sender, result.retry_after)

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
            self._admission.late(departure.claim, slot, moment=now)
            slot = await self._another_slot(departure.claimed.parcel.sender_id)
        return False

    async def _another_slot(self, sender_id: int) -> float | None:
        if self.closing:
            return None
        future: asyncio.Future[float | None] = self._loop.create_future()
        self.late.setdefault(sender_id, []).append(future)
        self._wake()
        return await future

    def _provider(self, name: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            provider = self._providers[name] = self._means.open_provider(name)
        return provider

    def _finish(self, answer: Answer) -> None:
        self._admission.finished()
        self._answered(answer)
