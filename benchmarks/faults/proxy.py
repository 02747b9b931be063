"""A wire in front of Valkey that can lose one reply: the command was done, nobody hears of it."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

_READ = 64 * 1024


class LossyWire:
    """Passes bytes on both ways, from a thread of its own; use it as a context.

    Args:
        target: the port of Valkey on this machine.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._wanted: bytes | None = None
        self._cut = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lossy-wire", daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)

    def lose_reply_to(self, command: str) -> Callable[[], bool]:
        """Have the next use of a command lose its reply, and its connection with it.

        Returns:
            Whether it has happened.
        """
        self._cut.clear()
        self._wanted = b"\r\n" + command.upper().encode() + b"\r\n"
        return self._cut.is_set

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._done = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_server(self._pass, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._done.wait()
        server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            onward, outward = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            self._open.discard(writer)
            return
        losing = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(reader, outward, losing))
                group.create_task(self._answer(onward, writer, losing))
        except* OSError:
            pass
        finally:
            for end in (writer, outward):
                with suppress(OSError):
                    end.transport.abort()
            self._open.discard(writer)

    async def _forward(
        self, reader: asyncio.StreamReader, outward: asyncio.StreamWriter, losing: asyncio.Event
    ) -> None:
        while data := await reader.read(_READ):
            if self._wanted is not None and self._wanted in data.upper():
                self._wanted = None
                losing.set()
            outward.write(data)
            await outward.drain()
        outward.close()

    async def _answer(
        self, onward: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event
    ) -> None:
        while data := await onward.read(_READ):
            if losing.is_set():
                # Valkey has answered, so it has done it.
                self._cut.set()
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()
        writer.close()
