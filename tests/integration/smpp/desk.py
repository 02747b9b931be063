"""A receiver in this process, the SMSC that it is bound to, and the database."""

import asyncio
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from config.languages_file import load_languages
from pipeline.policy.vocabulary import MessageState
from pipeline.providers.smpp.account import SmppAccount
from pipeline.store import receipt_ids
from pipeline.store.engine import create_prompt_engine
from pipeline.store.receipt_ids import ReceiptIds as Names
from tests.integration.smpp.smsc import Smsc
from tests.integration.world import NOW, World, numbers
from workers.smpp import Receiver
from workers.web.inbox import Inbox
from workers.web.metrics import WebMetrics

OURS = "+15550100001"
PHONE = numbers(1)[0]

LEXICON = load_languages().lexicon


def settings_of(smsc: Smsc, **more: str) -> dict[str, str]:
    values = {"KIND": "smpp", "BASE_URL": smsc.address, "SYSTEM_ID": "acme", "PASSWORD": "secret"}
    return {f"RECADO_PROVIDERS__ACME__{name}": value for name, value in (values | more).items()}


class Desk:
    """A running receiver, the SMSC that it is bound to, and the database.

    Attributes:
        told: the ids that the lane was told of.
    """

    def __init__(self, smsc: Smsc, world: World) -> None:
        self.smsc = smsc
        self.world = world
        self.told: list[int] = []

    def write(
        self,
        text: str,
        *,
        octets: str | None = None,
        parameters: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> Any:
        """Somebody writes to us; the answer."""
        given = {
            "source_addr": PHONE.removeprefix("+"),
            "source_addr_ton": 1,
            "destination_addr": OURS.removeprefix("+"),
            "dest_addr_ton": 1,
            "short_message": text,
        }
        return self.smsc.deliver(given | fields, octets=octets, parameters=parameters)

    def receipt(self, provider_id: str, stat: str, *, err: str = "000", **fields: Any) -> Any:
        text = (
            f"id:{provider_id} sub:001 dlvrd:000 submit date:2611231630 done date:2611231631 "
            f"stat:{stat} err:{err} Text:id:1 stat:DELIVRD"
        )
        given = {"source_addr": PHONE.removeprefix("+"), "esm_class": 4, "short_message": text}
        return self.smsc.deliver(given | fields)

    def replies(self) -> list[tuple[str, str]]:
        rows = self.world.query("SELECT body, intent FROM inbound_messages ORDER BY id")
        return [(row.body, row.intent) for row in rows]

    def message(self, *provider_ids: str, account: str = "acme", parts: int = 1) -> int:
        """A message that the SMSC has taken under these ids."""
        sender = self.world.query("SELECT id FROM senders")[0].id
        campaign = self.world.query("SELECT id FROM campaigns")[0].id
        (contact,) = self.world.contacts([PHONE])
        key = str(len(self.world.states()))
        (row,) = self.world.query(
            """
            INSERT INTO messages (campaign_id, contact_id, sender_id, key, state, attempt,
                                  created_at, sent_at, provider_id)
            VALUES (:campaign, :contact, :sender, :key, :state, 1, :now, :now, :provider_id)
            RETURNING id
            """,
            campaign=campaign,
            contact=contact,
            sender=sender,
            key=key,
            state=MessageState.SENT.value,
            now=NOW,
            provider_id=provider_ids[0],
        )
        self.name(row.id, *provider_ids, account=account, parts=parts)
        return int(row.id)

    def name(
        self, message_id: int, *provider_ids: str, account: str = "acme", parts: int = 1
    ) -> None:
        named = Names(
            account=account, provider_ids=provider_ids, message_id=message_id, parts=parts
        )
        with self.world.runtime.transaction() as connection:
            receipt_ids.store(connection, [named], sent_at=NOW)

    def state(self, message_id: int) -> str:
        return str(self.world.row(message_id).state)


@contextmanager
def receiving(desk: Desk, account: SmppAccount) -> Iterator[None]:
    """A receiver of the account, on a thread of its own."""
    runtime = desk.world.runtime
    metrics = WebMetrics()

    def tell(ids: Sequence[int]) -> bool:
        desk.told.extend(ids)
        return True

    inbox = Inbox(
        runtime.servers.database_url,
        books=runtime.books,
        lexicon=LEXICON,
        clock=runtime.clock,
        metrics=metrics,
        tell=tell,
    )
    started: queue.Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = queue.Queue()

    async def run() -> None:
        stopped = asyncio.Event()
        engine = create_prompt_engine(
            runtime.servers.database_url, pool_size=2, application="test-smpp"
        )
        receiver = Receiver(
            account, inbox=inbox, engine=engine, clock=runtime.clock, metrics=metrics
        )
        started.put((asyncio.get_running_loop(), stopped))
        await stopped.wait()
        await receiver.close()
        engine.dispose()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    with inbox:
        thread.start()
        loop, stopped = started.get(timeout=10)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(stopped.set)
            thread.join(20)
