"""An SMSC that brings too much at once, or too little: a socket of our own plays it."""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from smpplib import smpp

from pipeline.providers.smpp import pdu
from pipeline.providers.smpp.link import MOST_DELIVERIES, Link
from pipeline.providers.smpp.opening import open_link
from pipeline.providers.smpp.pdu import Bind, Delivery
from tests.integration.smpp.sending import account

QUEUE_FULL = 0x14


class RawSmsc:
    """Takes one bind; afterwards a test writes and reads the octets.

    Attributes:
        reader, writer: of the bound connection.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __init__(self) -> None:
        self._bound = asyncio.Event()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(16)
        length, command, _, sequence = struct.unpack(">LLLL", head)
        await reader.readexactly(length - 16)
        body = b"raw\0"
        answer = struct.pack(">LLLL", 16 + len(body), command | 0x80000000, 0, sequence)
        writer.write(answer + body)
        self.reader, self.writer = reader, writer
        self._bound.set()

    async def answers(self, count: int) -> list[tuple[int, int]]:
        """The next PDUs that come, as (status, sequence)."""
        found = []
        for _ in range(count):
            head = await self.reader.readexactly(16)
            length, _, status, sequence = struct.unpack(">LLLL", head)
            await self.reader.readexactly(length - 16)
            found.append((status, sequence))
        return found

    async def bound(self) -> None:
        await self._bound.wait()


@asynccontextmanager
async def linked(take: object, **changes: object) -> AsyncIterator[tuple[RawSmsc, Link]]:
    smsc = RawSmsc()
    server = await asyncio.start_server(smsc.accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    at = account(f"smpp://127.0.0.1:{port}", **changes)
    link = await open_link(at, Bind.RECEIVER, take)  # type: ignore[arg-type]
    await smsc.bound()
    try:
        yield smsc, link
    finally:
        smsc.writer.close()
        await link.close()
        server.close()


def delivery(sequence: int) -> bytes:
    made = smpp.make_pdu("deliver_sm", sequence=sequence, source_addr="1", short_message=b"STOP")
    made.sequence = sequence
    return bytes(made.generate())


def test_beyond_what_may_wait_the_smsc_is_told_to_come_again() -> None:
    extra = 5

    async def run() -> None:
        committed = asyncio.Event()

        async def take(_: Delivery) -> int:
            await committed.wait()
            return 0

        async with asyncio.timeout(30), linked(take) as (smsc, link):
            for sequence in range(1, MOST_DELIVERIES + extra + 1):
                smsc.writer.write(delivery(sequence))
            refused = await smsc.answers(extra)
            assert refused == [(QUEUE_FULL, MOST_DELIVERIES + n + 1) for n in range(extra)]
            committed.set()
            taken = await smsc.answers(MOST_DELIVERIES)
            assert Counter(status for status, _ in taken) == {0: MOST_DELIVERIES}
            assert link.usable

    asyncio.run(run())


def test_an_smsc_that_drips_is_left() -> None:
    async def run() -> str:
        async def take(_: Delivery) -> int:
            return 0

        async with asyncio.timeout(30), linked(take, enquire_link_seconds=0.2) as (smsc, link):
            head = struct.pack(">LLLL", pdu.LARGEST_PDU, 0x00000005, 0, 1)

            async def drip() -> None:
                for octet in head + bytes(pdu.LARGEST_PDU):
                    smsc.writer.write(bytes([octet]))
                    await asyncio.sleep(0.01)

            dripping = asyncio.create_task(drip())
            why = await link.wait_lost()
            dripping.cancel()
            return why

    assert asyncio.run(run()) == "no answer to enquire_link"
