"""The way in for Python services: rows to the stream, in chunks, with a receipt.

A producer in any other language does the same with one command::

    XADD recado:intake * schema recado.intake/1 campaign <id> messages <JSON array>

Enqueueing the same message twice makes one message: its key is the row's ``id``, or its number,
within the campaign. That is why a chunk whose reply was lost may simply be sent again, as this
module does, and why a whole `Producer.send` may be repeated after a crash. Give each row its
``position`` in your file, and a repetition can be told from a person named twice.
"""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError
from redis.exceptions import TimeoutError as RedisTimeoutError

from pipeline.stages.intake import MAX_BYTES, MAX_MESSAGES, SCHEMA

STREAM = "recado:intake"

BACKLOG_ENTRIES = 100
"""Entries in the stream above which a producer waits: an entry of a thousand messages takes 100
to 150 kB, and a million messages must not all stand in Redis's memory."""

BACKLOG_BYTES = 24 * 1024 * 1024
"""The same as a size, for rows with long variables: entries times the mean size of ours."""

PATIENCE_SECONDS = 60.0
"""How long a full stream may stand still before a producer gives up."""

ATTEMPTS = 8
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
"""Seconds between the attempts: doubled each time and drawn at random below that, so that many
producers do not come back to a restarted Redis together; about ten seconds in all."""

_AWAY = (RedisConnectionError, RedisTimeoutError, OutOfMemoryError)
_POLL_SECONDS = 0.05


class ProducerError(Exception):
    """Not every row could be enqueued.

    Attributes:
        receipt: what was enqueued before; sending all rows again is safe.
    """

    def __init__(self, text: str, receipt: "Receipt") -> None:
        super().__init__(f"{text} ({receipt.messages} messages were enqueued before)")
        self.receipt = receipt


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What was enqueued.

    Attributes:
        entry_ids: the stream's id of each chunk, in order.
        messages: how many rows they hold together.
        on_disk: whether Redis has them in its append-only file; None: it was not asked.
    """

    entry_ids: tuple[str, ...]
    messages: int
    on_disk: bool | None = None


class Producer:
    """Enqueues the messages of campaigns that exist.

    Args:
        client: a client of the Redis that `recado intake` reads.
        backlog_entries, backlog_bytes: see the constants.
        patience: seconds for which a full stream may stand still; see `ProducerError`.
    """

    def __init__(
        self,
        client: "Redis",
        *,
        backlog_entries: int = BACKLOG_ENTRIES,
        backlog_bytes: int = BACKLOG_BYTES,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._client = client
        self._backlog_entries = backlog_entries
        self._backlog_bytes = backlog_bytes
        self._patience = patience

    def send(
        self,
        campaign_code: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        durable_within: float | None = None,
        progress: Callable[[int], None] = lambda _messages: None,
    ) -> Receipt:
        """Enqueue rows, however many: they are taken from the iterator as they go.

        Args:
            rows: objects with ``to``, and optionally ``id``, ``timezone``, ``language``,
                ``country``, ``variables`` (an object) and ``position``.
            durable_within: wait up to so many seconds, at the end, until Redis has the chunks in
                its append-only file; None: do not wait. Keep it below the client's socket timeout.
            progress: called after each chunk with the messages enqueued so far.

        Raises:
            ProducerError: Redis stayed away, nobody empties the stream, or a row is too large.
        """
        # One connection for all: WAITAOF speaks of what its own connection has written.
        single: Redis = self._client.client()  # type: ignore[no-untyped-call]
        with single as connection:
            sending = _Sending(connection, campaign_code, self._patience)
            for body, count in _chunks(rows, sending):
                length = sending.add(body, count)
                progress(sending.messages)
                mean = sending.written / len(sending.entry_ids)
                room = min(self._backlog_entries, max(1, int(self._backlog_bytes / mean)))
                if length >= room:
                    sending.wait_below(room)
            on_disk = None if durable_within is None else sending.confirm(durable_within)
            return sending.receipt(on_disk=on_disk)


class _Sending:
    """One call of `Producer.send`."""

    def __init__(self, client: "Redis", campaign_code: str, patience: float) -> None:
        self._client = client
        self._campaign_code = campaign_code
        self._patience = patience
        self._lost_connection = False
        self.entry_ids: list[str] = []
        self.messages = 0
        self.written = 0

    def receipt(self, *, on_disk: bool | None = None) -> Receipt:
        return Receipt(entry_ids=tuple(self.entry_ids), messages=self.messages, on_disk=on_disk)

    def add(self, body: bytes, count: int) -> int:
        """Add an entry; return how many the stream holds then."""

        def add_and_measure() -> Any:
            with self._client.pipeline(transaction=False) as pipe:
                fields: dict[Any, Any] = {
                    "schema": SCHEMA,
                    "campaign": self._campaign_code,
                    "messages": body,
                }
                pipe.xadd(STREAM, fields)
                pipe.xlen(STREAM)
                added, length = pipe.execute()
            return added, length

        answer: tuple[bytes | str, int] = self._persist(add_and_measure)
        entry_id, length = answer
        # A client may have been told to decode what it reads.
        self.entry_ids.append(entry_id if isinstance(entry_id, str) else entry_id.decode())
        self.messages += count
        self.written += len(body)
        return length

    def wait_below(self, room: int) -> None:
        """Wait until the stream holds fewer entries; give up when it stands still."""
        shortest = self._length()
        deadline = time.monotonic() + self._patience
        while (length := self._length()) >= room:
            if length < shortest:
                shortest, deadline = length, time.monotonic() + self._patience
            if time.monotonic() > deadline:
                raise ProducerError(
                    f"the stream has held {length} entries for {self._patience:g} s and nobody "
                    "takes them; start recado intake, then send again",
                    self.receipt(),
                )
            time.sleep(_POLL_SECONDS)

    def confirm(self, seconds: float) -> bool:
        """Whether everything is in the append-only file, waiting up to `seconds` for it."""
        try:
            answer: Any = self._client.waitaof(1, 0, int(seconds * 1000))
        except ResponseError as error:
            raise ProducerError(
                f"Redis cannot confirm what is on disk: {error}; set appendonly yes",
                self.receipt(on_disk=False),
            ) from error
        except _AWAY:
            return False
        # After a lost connection the server may have restarted without its last second.
        return bool(answer[0]) and not self._lost_connection

    def _length(self) -> int:
        length: int = self._persist(lambda: self._client.xlen(STREAM))
        return length

    def _persist(self, act: Callable[[], Any]) -> Any:
        """Do it, again and again while Redis is away; a chunk added twice is one chunk."""
        for attempt in range(ATTEMPTS):
            try:
                return act()
            except _AWAY as error:
                self._lost_connection = True
                if attempt == ATTEMPTS - 1:
                    raise ProducerError(
                        f"Redis does not answer: {error}; send again when it does", self.receipt()
                    ) from error
                ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
                time.sleep(random.uniform(ceiling / 2, ceiling))  # noqa: S311 - jitter
        raise AssertionError("unreachable")


def _chunks(rows: Iterable[Mapping[str, Any]], sending: _Sending) -> Iterator[tuple[bytes, int]]:
    """JSON arrays within the stream's limits, with the number of rows in each."""
    parts: list[bytes] = []
    size = 2
    for row in rows:
        part = _encode(row)
        if len(part) + 2 > MAX_BYTES:
            raise ProducerError(
                f"row {sending.messages + len(parts) + 1} has {len(part)} bytes; a chunk may "
                f"have {MAX_BYTES}",
                sending.receipt(),
            )
        if parts and (len(parts) == MAX_MESSAGES or size + len(part) + 1 > MAX_BYTES):
            yield b"[" + b",".join(parts) + b"]", len(parts)
            parts, size = [], 2
        parts.append(part)
        size += len(part) + 1
    if parts:
        yield b"[" + b",".join(parts) + b"]", len(parts)


def _encode(row: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        # Half a character is a bad row, which intake accounts for: it must get there.
        return json.dumps(row, separators=(",", ":")).encode()
