"""Stream entries that could not be used: they wait here, with their reason, for an operator."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from pipeline.producer import STREAM
from workers.intake import DEAD_STREAM, Entry

PAGE = 50
"""Entries read at once: each may hold a megabyte."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """An entry of the dead-letter stream.

    Attributes:
        id: its id there, by which it is retried or dropped.
        entry: its id in the stream, as on the producer's receipt.
        size: bytes of its messages.
    """

    id: str
    entry: str
    campaign: str
    reason: str
    detail: str
    size: int


def dead_letters(client: "Redis") -> Iterator[DeadLetter]:
    """Every dead letter, oldest first."""
    after = "-"
    while page := _entries(client, after, "+", count=PAGE):
        for entry_id, fields in page:
            yield _letter(entry_id, fields)
        after = f"({page[-1][0].decode()}"


def retry(client: "Redis", letter_id: str) -> bool:
    """Put an entry back into the stream; say whether it was there.

    One transaction moves it: it is in one of the two streams at any moment. The same messages
    taken in twice are taken in once, so a retry can do no harm.
    """
    found = _entries(client, letter_id, letter_id)
    if not found:
        return False
    entry_id, fields = found[0]
    own: dict[Any, Any] = {
        name: value
        for name, value in fields.items()
        if name not in (b"reason", b"detail", b"entry")
    }
    with client.pipeline(transaction=True) as pipe:
        # An entry without a field cannot be added; its schema is then missing again.
        pipe.xadd(STREAM, own or {b"schema": b""})
        pipe.xdel(DEAD_STREAM, entry_id)
        pipe.execute()
    return True


def drop(client: "Redis", letter_id: str) -> bool:
    """Delete an entry for good; say whether it was there."""
    return bool(client.xdel(DEAD_STREAM, letter_id))


def _entries(client: "Redis", first: str, last: str, count: int | None = None) -> list[Entry]:
    return cast("list[Entry]", client.xrange(DEAD_STREAM, first, last, count))


def _letter(entry_id: bytes, fields: dict[bytes, bytes]) -> DeadLetter:
    def text(name: bytes) -> str:
        return fields.get(name, b"").decode(errors="replace")

    return DeadLetter(
        id=entry_id.decode(),
        entry=text(b"entry"),
        campaign=text(b"campaign")[:64],
        reason=text(b"reason"),
        detail=text(b"detail"),
        size=len(fields.get(b"messages", b"")),
    )
