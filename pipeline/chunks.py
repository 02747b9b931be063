"""Rows in chunks, as the stream takes them: JSON arrays within its limits."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.stages.intake import MAX_BYTES, MAX_MESSAGES


class RowTooLargeError(ValueError):
    """A row that fits into no chunk; the text tells which it is."""


def chunks(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[bytes, int]]:
    """JSON arrays within the stream's limits, with the number of rows in each.

    Raises:
        RowTooLargeError: a row is larger than a chunk may be.
    """
    parts: list[bytes] = []
    size = 2
    for number, row in enumerate(rows, start=1):
        part = _encode(row)
        if len(part) + 2 > MAX_BYTES:
            raise RowTooLargeError(
                f"row {number} has {len(part)} bytes; a chunk may have {MAX_BYTES}"
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
