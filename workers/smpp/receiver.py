"""What one SMSC delivers: replies and receipts, each committed before it is answered."""

import asyncio
import time
from collections import OrderedDict

import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import DeliveryStatus, ProviderEvent, StatusReport
from pipeline.providers.smpp import codes
from pipeline.providers.smpp.account import SmppAccount, receipted_id
from pipeline.providers.smpp.inbound import fingerprint, is_reply, read_reply
from pipeline.providers.smpp.keeper import Keeper
from pipeline.providers.smpp.pdu import Bind, Delivery
from pipeline.providers.smpp.receipts import Receipt, is_receipt, read_receipt
from pipeline.store.receipt_ids import Named
from workers.clock import BusinessClock
from workers.smpp.lookups import Lookups
from workers.smpp.repeats import ReplyIds
from workers.web.inbox import Inbox
from workers.web.metrics import WebMetrics
from workers.web.parcels import UnavailableError, UnstorableError

log = structlog.get_logger(__name__)

LOOK_AGAIN = (0.1, 0.3, 0.6)
"""Seconds before each further look for a receipt's message. The answer to its submit is recorded
some 50 ms after it came. Not longer: an SMSC may bring one thing at a time, and a STOP next."""

MOST_REFUSALS = 3
"""So often a receipt of nobody's message is to be brought again; then it is let go."""

_MOST_REMEMBERED = 10_000


class Receiver:
    """Takes what is delivered to one account; made inside the event loop that will use it.

    Args:
        inbox: where the webhooks put what they bring, too.
        engine: for look-ups.
    """

    def __init__(
        self,
        account: SmppAccount,
        *,
        inbox: Inbox,
        engine: Engine,
        clock: BusinessClock,
        metrics: WebMetrics,
    ) -> None:
        self._account = account
        self._inbox = inbox
        self._clock = clock
        self._metrics = metrics
        self._lookups = Lookups(account.name, engine, clock)
        self._ids = ReplyIds(self._lookups)
        self._refused: OrderedDict[str, int] = OrderedDict()
        self._keeper = Keeper(account, Bind.RECEIVER, self.take)

    @property
    def bound(self) -> bool:
        """Whether there is a connection now."""
        return self._keeper.bound

    async def close(self) -> None:
        """Finish what was delivered, and unbind."""
        await self._keeper.close()
        self._lookups.close()

    async def take(self, delivery: Delivery) -> int:
        """Commit what a deliver_sm says; the ``command_status`` to answer it with."""
        received_at, began = self._clock.now(), time.perf_counter()
        try:
            event = await self._read(delivery)
            if isinstance(event, int):
                return event
            await self._inbox.put(self._account.name, [event], received_at, began)
        except (UnavailableError, UnstorableError, DBAPIError, PoolTimeoutError) as error:
            log.warning("smpp_not_stored", account=self._account.name, error=type(error).__name__)
            return codes.TEMPORARY_FAILURE
        return codes.OK

    async def _read(self, delivery: Delivery) -> ProviderEvent | int:
        """The event that it is, or the answer where there is nothing to commit."""
        if is_receipt(delivery):
            receipt = read_receipt(delivery)
            if receipt is None or receipt.status is None:
                return self._ignore("receipt_unclear")
            return await self._read_receipt(receipt)
        if not is_reply(delivery):
            return self._ignore("acknowledgement")
        return read_reply(delivery, await self._ids.id_for(fingerprint(delivery)))

    async def _read_receipt(self, receipt: Receipt) -> ProviderEvent | int:
        provider_id = receipted_id(self._account, receipt.provider_id)
        status = receipt.status or DeliveryStatus.SENT
        named = await self._find(provider_id, arrived=status is DeliveryStatus.DELIVERED)
        if named is None:
            return self._refuse(provider_id)
        if status is DeliveryStatus.DELIVERED and not named.complete:
            status = DeliveryStatus.SENT
        failed = status is DeliveryStatus.UNDELIVERED
        return StatusReport(
            provider_id=receipt.provider_id,
            message_id=named.message_id,
            channel=Channel.SMS,
            status=status,
            code=(receipt.error or receipt.state) if failed else None,
            detail=receipt.state if failed else None,
            opted_out=failed and receipt.error in self._account.opt_out_errors,
            violation=failed and receipt.error in self._account.violation_errors,
        )

    async def _find(self, provider_id: str, *, arrived: bool) -> Named | None:
        """The message of a receipt, which may come before the answer to its submit is recorded."""
        for pause in (*LOOK_AGAIN, None):
            named = await self._lookups.named.get((provider_id, arrived))
            if named is not None or pause is None:
                return named
            await asyncio.sleep(pause)
        return None

    def _refuse(self, provider_id: str) -> int:
        refusals = self._refused.pop(provider_id, 0) + 1
        if refusals > MOST_REFUSALS:
            log.warning("smpp_receipt_unknown", account=self._account.name)
            return self._ignore("receipt_unknown")
        self._refused[provider_id] = refusals
        if len(self._refused) > _MOST_REMEMBERED:
            self._refused.popitem(last=False)
        return codes.TEMPORARY_FAILURE

    def _ignore(self, kind: str) -> int:
        self._metrics.count_ignored(self._account.name, kind)
        return codes.OK
