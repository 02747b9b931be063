"""One connection to an SMSC, bound, from its bind to its end.

What has been written and not answered when the connection ends is unknown, and is never written
again. Nothing is written that was not asked for, and nothing twice.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from pipeline.providers.smpp import codes, pdu
from pipeline.providers.smpp.account import SmppAccount
from pipeline.providers.smpp.pdu import Bind, Delivery, GarbageError, Header, Submission
from pipeline.providers.smpp.window import Window

log = structlog.get_logger(__name__)

Taker = Callable[[Delivery], Awaitable[int]]
"""Takes a deliver_sm; the ``command_status`` to answer with. 0 only once it is committed."""

PATIENCE_SECONDS = 10.0
"""For the answer to an enquire_link, or as long as the silence before it, if that is shorter; then
the connection is taken for dead."""

GOODBYE_SECONDS = 2.0

MOST_DELIVERIES = 200
"""deliver_sm that may wait for their commit; the SMSC is told to bring the others again."""

_CLOSED = "closed by us"

_MOST_UNREAD = 1 << 20
"""Octets of answers that the SMSC does not read; then the connection is ended."""


class BindRefusedError(Exception):
    """The SMSC has answered the bind, and not with OK.

    Attributes:
        status: the ``command_status``.
    """

    def __init__(self, status: int) -> None:
        super().__init__(codes.name_of(status))
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one submit.

    Attributes:
        status: the ``command_status``; None: no answer came.
        provider_id: the SMSC's id of what it took.
        detail: why no answer came.
    """

    status: int | None
    provider_id: str = ""
    detail: str = ""


class Link:
    """A bound connection; use `opening.open_link`. It belongs to the event loop that opened it.

    Args:
        take: for what the SMSC delivers; None: we take nothing here, and it is to bring it again.
    """

    def __init__(
        self,
        account: SmppAccount,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        take: Taker | None,
    ) -> None:
        self._account = account
        self._reader = reader
        self._writer = writer
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._window = Window(account.window)
        self._sequence = 0
        self._pending: dict[int, asyncio.Future[Answer]] = {}
        self._deliveries: set[asyncio.Task[None]] = set()
        self._heard = self._loop.time()
        self._closing = False
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._tasks: list[asyncio.Task[None]] = []
        # `drain` waits until the kernel has it all.
        writer.transport.set_write_buffer_limits(0)

    async def bind(self, kind: Bind) -> None:
        """Bind, and begin to read.

        Raises:
            BindRefusedError: the SMSC does not want us.
            GarbageError, OSError, EOFError: what is there is no SMSC, or it went away.
        """
        sequence = self._next()
        self._writer.write(pdu.write_bind(kind, self._account, sequence))
        while True:
            header, _ = await self._next_pdu()
            if header.sequence == sequence and header.code & pdu.RESPONSE:
                break
        if header.status != codes.OK:
            raise BindRefusedError(header.status)
        self._tasks = [
            asyncio.create_task(self._read()),
            asyncio.create_task(self._enquire()),
        ]

    @property
    def usable(self) -> bool:
        """Whether something may still be submitted."""
        return not (self._closing or self._lost.done())

    async def wait_lost(self) -> str:
        """Wait for the end of the connection; why it came."""
        return await asyncio.shield(self._lost)

    async def submit(self, submission: Submission, start_by: float) -> list[Answer] | None:
        """Submit all parts of a text, together and once.

        Args:
            start_by: the loop's instant by which they must be written.

        Returns:
            What became of each part; None: they were not written.
        """
        count = len(submission.text.parts)
        if not await self._window.enter(count, start_by):
            return None
        futures: dict[int, asyncio.Future[Answer]] = {}
        try:
            if not await self._can_write(start_by):
                return None
            octets = bytearray()
            for part in range(count):
                sequence = self._next()
                octets += pdu.write_submit(submission, part, sequence)
                futures[sequence] = self._loop.create_future()
            self._pending |= futures
            self._writer.write(bytes(octets))
            await asyncio.wait(futures.values(), timeout=self._account.request_timeout)
        finally:
            for sequence in futures:
                self._pending.pop(sequence, None)
            self._window.leave(count)
        return [
            future.result() if future.done() else Answer(None, detail="no answer in time")
            for future in futures.values()
        ]

    async def close(self) -> None:
        """Take leave, and end the connection; what is unanswered stays so."""
        self._closing = True
        self._take = None
        if self._deliveries:
            await asyncio.wait(self._deliveries, timeout=GOODBYE_SECONDS)
        if not self._lost.done():
            sequence = self._next()
            answer = self._pending[sequence] = self._loop.create_future()
            self._writer.write(pdu.write("unbind", sequence))
            await asyncio.wait([answer, self._lost], timeout=GOODBYE_SECONDS)
        self._end(_CLOSED)

    async def _can_write(self, by: float) -> bool:
        """Whether what is written now leaves now; else it would wait in our own buffer."""
        if self._writer.transport.get_write_buffer_size():
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout_at(by):
                    await self._writer.drain()
        unsent = self._writer.transport.get_write_buffer_size()
        return self.usable and not unsent and self._loop.time() <= by

    def _next(self) -> int:
        self._sequence = self._sequence % pdu.LAST_SEQUENCE + 1
        return self._sequence

    async def _next_pdu(self) -> tuple[Header, bytes]:
        head = await self._reader.readexactly(pdu.HEADER_LENGTH)
        header = pdu.read_header(head)
        return header, head + await self._reader.readexactly(header.length - pdu.HEADER_LENGTH)

    async def _read(self) -> None:
        why = "our own code failed"
        try:
            while True:
                header, raw = await self._next_pdu()
                self._heard = self._loop.time()
                self._handle(header, raw)
        except EOFError:
            why = "closed by the SMSC"
        except OSError as error:
            why = type(error).__name__
        except GarbageError as error:
            why = f"garbage: {error}"
        finally:
            self._end(why)

    def _handle(self, header: Header, raw: bytes) -> None:
        match header.command:
            case "deliver_sm":
                self._deliver(header, raw)
            case "enquire_link":
                self._answer(pdu.write("enquire_link_resp", header.sequence))
            case "unbind":
                self._closing = True
                self._answer(pdu.write("unbind_resp", header.sequence))
                self._loop.call_later(GOODBYE_SECONDS, self._end, "unbound by the SMSC")
            case "generic_nack" if not header.sequence:
                # It could not even read a header: nobody knows where the next PDU begins.
                raise GarbageError("the SMSC lost its place")
            case "alert_notification" | "outbind":
                pass  # neither has an answer
            case _ if header.code & pdu.RESPONSE:
                self._resolve(header, raw)
            case _:
                nack = pdu.write("generic_nack", header.sequence, status=codes.INVALID_COMMAND_ID)
                self._answer(nack)

    def _resolve(self, header: Header, raw: bytes) -> None:
        future = self._pending.pop(header.sequence, None)
        if future is None or future.done():
            return  # an enquire_link, or an answer that came too late
        provider_id = ""
        if header.command == "submit_sm_resp" and header.status == codes.OK:
            with suppress(GarbageError):  # a success without an id is one, too
                provider_id = pdu.read_submit_response(raw)
        future.set_result(Answer(header.status, provider_id))

    def _deliver(self, header: Header, raw: bytes) -> None:
        if self._take is None or len(self._deliveries) >= MOST_DELIVERIES:
            status = codes.TEMPORARY_FAILURE if self._take is None else codes.QUEUE_FULL
            self._answer(pdu.write("deliver_sm_resp", header.sequence, status=status))
            return
        task = asyncio.create_task(self._take_in(self._take, header.sequence, raw))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _take_in(self, take: Taker, sequence: int, raw: bytes) -> None:
        status = codes.TEMPORARY_FAILURE
        try:
            status = await take(pdu.read_delivery(raw))
        except GarbageError:
            log.warning("smpp_pdu_unreadable", account=self._account.name)
            status = codes.INVALID_LENGTH
        except Exception:
            log.exception("smpp_delivery_failed", account=self._account.name)
        finally:
            self._answer(pdu.write("deliver_sm_resp", sequence, status=status))

    def _answer(self, octets: bytes) -> None:
        if self._lost.done():
            return
        if self._writer.transport.get_write_buffer_size() > _MOST_UNREAD:
            self._end("the SMSC reads no answers")
            return
        self._writer.write(octets)

    async def _enquire(self) -> None:
        while not self._lost.done():
            silent = self._loop.time() - self._heard
            if silent < self._account.enquire_link_seconds:
                await asyncio.sleep(self._account.enquire_link_seconds - silent)
                continue
            asked = self._loop.time()
            self._answer(pdu.write("enquire_link", self._next()))
            await asyncio.sleep(min(PATIENCE_SECONDS, self._account.enquire_link_seconds))
            if self._heard < asked:
                self._end("no answer to enquire_link")

    def _end(self, why: str) -> None:
        if self._lost.done():
            return
        self._lost.set_result(why)
        for future in self._pending.values():
            if not future.done():
                future.set_result(Answer(None, detail=f"the connection ended: {why}"))
        if why == _CLOSED:
            self._writer.close()
        else:
            self._writer.transport.abort()
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()
