"""What the sandbox was asked: a log on disk, counters in memory.

Memory stays small however many requests come: lines go to a file, message ids to one bit each,
and of arrival times only the last second is kept.
"""

import json
import mmap
from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

# For one string, `encode` of a shared encoder is quicker than json.dumps.
_quoted = json.JSONEncoder().encode

_PAGE_BITS = 2048
_LONGEST_NUMBER = 19
_INDEX_EVERY = 256
_BUFFER_BYTES = 256 * 1024


@dataclass(kw_only=True, slots=True)
class Entry:
    """One request.

    Attributes:
        at: when it had arrived, in seconds since 1970.
        sender, to: as the request named them; `to` as E.164.
        message_id: ours, or "" when the request had none.
        status: the HTTP status decided on; 200 and 201 mean that the message was taken, even
            when the answer was then lost.
        outcome: the error code or the fault; None for a plain success.
        provider_id: given to a message that was taken.
        text: of an SMS, as its form had it: encoded.
        marketing: it came to WhatsApp's endpoint for marketing.
    """

    at: float
    channel: str
    sender: str
    to: str
    message_id: str
    status: int
    outcome: int | str | None
    provider_id: str | None
    text: str = ""
    marketing: bool = False


class SeenIds:
    """A set of message ids at one bit each when they are dense, as ids of rows are."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._odd: set[str] = set()

    def add(self, message_id: str) -> bool:
        """Remember an id; True when it was there already."""
        if len(message_id) > _LONGEST_NUMBER or not (message_id.isascii() and message_id.isdigit()):
            seen = message_id in self._odd
            self._odd.add(message_id)
            return seen
        number, bit = divmod(int(message_id), _PAGE_BITS)
        page = self._pages.get(number)
        if page is None:
            page = self._pages[number] = bytearray(_PAGE_BITS // 8)
        index, mask = bit >> 3, 1 << (bit & 7)
        seen = bool(page[index] & mask)
        page[index] |= mask
        return seen


@dataclass(slots=True)
class SenderCount:
    """What one sender did.

    Attributes:
        recent: arrival times of its taken messages within the last second.
        peak: the largest number taken in any one second.
    """

    taken: int = 0
    refused: int = 0
    peak: int = 0
    recent: deque[float] = field(default_factory=deque)

    def within_last_second(self, at: float) -> int:
        """How many were taken in the second that ends at `at`."""
        recent = self.recent
        while recent and recent[0] <= at - 1.0:
            recent.popleft()
        return len(recent)

    def wait(self, at: float) -> float:
        """Seconds until one more leaves the last second."""
        return max(0.0, self.recent[0] + 1.0 - at) if self.recent else 0.0

    def take(self, at: float) -> None:
        """Count one taken at `at`."""
        self.taken += 1
        self.recent.append(at)
        self.peak = max(self.peak, self.within_last_second(at))


class RequestLog:
    """Everything that the sandbox was asked, in order, as lines of JSON.

    Args:
        path: the file; emptied.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = path.open("wb")
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._written = 0
        self._index = array("Q")
        self._seen = SeenIds()
        self.lines = 0
        self.duplicates = 0
        self.senders: dict[str, SenderCount] = {}
        self.outcomes: Counter[int | str] = Counter()

    def sender(self, name: str) -> SenderCount:
        """The counts of one sender."""
        count = self.senders.get(name)
        if count is None:
            count = self.senders[name] = SenderCount()
        return count

    def add(self, entry: Entry, count: SenderCount) -> None:
        """Append one request and count it. `count` is that of the entry's sender."""
        taken = entry.status in (200, 201)
        duplicate = False
        if taken:
            count.take(entry.at)
            duplicate = bool(entry.message_id) and self._seen.add(entry.message_id)
            self.duplicates += duplicate
        else:
            count.refused += 1
        if entry.outcome is not None:
            self.outcomes[entry.outcome] += 1
        line = self._line(entry, duplicate=duplicate)
        if self.lines % _INDEX_EVERY == 0:
            self._index.append(self._written + self._pending_bytes)
        self.lines += 1
        self._pending.append(line)
        self._pending_bytes += len(line)
        if self._pending_bytes > _BUFFER_BYTES:
            self.flush()

    def _line(self, entry: Entry, *, duplicate: bool) -> bytes:
        # Written by hand: a dict through json.dumps takes four times as long. Only what the
        # client chose is quoted; the rest is ours.
        outcome = "null" if entry.outcome is None else _quoted(entry.outcome)
        provider_id = "null" if entry.provider_id is None else f'"{entry.provider_id}"'
        return (
            f'{{"seq":{self.lines + 1},"at":{entry.at:.6f},"channel":"{entry.channel}",'
            f'"sender":{_quoted(entry.sender)},"to":{_quoted(entry.to)},'
            f'"message_id":{_quoted(entry.message_id)},"status":{entry.status},'
            f'"outcome":{outcome},"provider_id":{provider_id},"text":{_quoted(entry.text)},'
            f'"marketing":{"true" if entry.marketing else "false"},'
            f'"duplicate":{"true" if duplicate else "false"}}}\n'
        ).encode()

    def flush(self) -> None:
        """Write the lines that wait."""
        if self._pending:
            self._file.write(b"".join(self._pending))
            self._file.flush()
            self._written += self._pending_bytes
            self._pending.clear()
            self._pending_bytes = 0

    def span(self, after: int) -> tuple[int, int]:
        """Where in the file the lines after number `after` are: first byte, number of bytes."""
        self.flush()
        if after >= self.lines:
            return self._written, 0
        block, skip = divmod(max(after, 0), _INDEX_EVERY)
        start = self._index[block]
        with self.path.open("rb") as file:
            file.seek(start)
            for _ in range(skip):
                start += len(file.readline())
        return start, self._written - start

    def entry(self, number: int) -> dict[str, Any] | None:
        """The line of this number, from 1, as it stands in the file; None: there is none."""
        if not 1 <= number <= self.lines:
            return None
        start, _ = self.span(number - 1)
        with self.path.open("rb") as file:
            file.seek(start)
            found: dict[str, Any] = json.loads(file.readline())
            return found

    def entries_to(self, number: str) -> list[dict[str, Any]]:
        """The lines of all requests to a number, in order.

        The file is searched: an index would cost each message more than this costs whoever asks.
        """
        self.flush()
        if not self._written:
            return []
        wanted = f'"to":{_quoted(number)},'.encode()
        entries = []
        with (
            self.path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            at = content.find(wanted)
            while at >= 0:
                start, end = content.rfind(b"\n", 0, at) + 1, content.find(b"\n", at)
                entries.append(json.loads(content[start:end]))
                at = content.find(wanted, end)
        return entries

    def stats(self) -> dict[str, object]:
        """The counters, as JSON has them."""
        senders = self.senders.items()
        return {
            "taken": sum(count.taken for _, count in senders),
            "refused": sum(count.refused for _, count in senders),
            "duplicates": self.duplicates,
            "outcomes": {str(name): number for name, number in self.outcomes.items()},
            "senders": {
                name: {
                    "taken": count.taken,
                    "refused": count.refused,
                    "peak_per_second": count.peak,
                }
                for name, count in senders
            },
        }

    def close(self) -> None:
        """Write what waits and close the file."""
        self.flush()
        self._file.close()
