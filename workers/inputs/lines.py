"""Rows of CSV and NDJSON files, one after another, in constant memory.

A row that cannot be read is refused with its line and does not take the next ones with it: not
even one with a quote that is never closed, which a plain CSV reader would follow to the end of
the file.
"""

import csv
import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from workers.inputs.header import check_header
from workers.inputs.refusals import InputFileError, RefusedRow

MAX_LINE_BYTES = 128 * 1024
MAX_ROW_LINES = 20
"""A quoted field may hold line ends, but a row of more lines than this has an open quote."""

JSON_SUFFIXES = frozenset({".ndjson", ".jsonl", ".json"})
_OPEN_QUOTE = 'has a quote that is not closed; inside quotes, write " as ""'
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One row that could be read.

    Attributes:
        number: the line on which it begins, from 1.
        position: the row's place among the rows of the file, from 1, bad ones included.
        values: by column; CSV gives texts, JSON what stands there.
    """

    number: int
    position: int
    values: dict[str, Any]


def is_json(path: Path) -> bool:
    """Whether the file's name says that each of its lines is a JSON object."""
    return path.suffix.lower() in JSON_SUFFIXES


def read_lines(
    path: Path, *, required: Sequence[str], known: Sequence[str] | None
) -> Iterator[Line | RefusedRow]:
    """Every row of a file: NDJSON when its name ends so, else CSV with a header.

    Args:
        required: columns that a CSV header must have.
        known: the only columns that a CSV header may have; None: any others may stand there.

    Raises:
        InputFileError: the file or its header cannot be used.
    """
    try:
        with path.open("rb") as file:
            if is_json(path):
                yield from _json_lines(path, file)
            else:
                yield from _csv_lines(path, file, required, known)
    except OSError as error:
        raise InputFileError(path, f"cannot be read: {error.strerror}") from None


def count_lines(path: Path) -> int:
    """About how many rows the file has, for a progress bar."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


@dataclass(frozen=True, slots=True)
class _Physical:
    """A line as it stands in the file; `text` is None when it is not UTF-8, or too long."""

    number: int
    text: str | None
    problem: str = ""


class _Source:
    """The physical lines of a file, from which the last ones taken can be put back."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._number = 0
        self._returned: deque[_Physical] = deque()

    def take(self) -> _Physical | None:
        if self._returned:
            return self._returned.popleft()
        raw = self._file.readline(MAX_LINE_BYTES + 1)
        if not raw:
            return None
        self._number += 1
        if self._number == 1:
            raw = raw.removeprefix(_BOM)
        if len(raw) > MAX_LINE_BYTES:
            while raw and not raw.endswith(b"\n"):
                raw = self._file.readline(MAX_LINE_BYTES)
            return _Physical(self._number, None, f"is longer than {MAX_LINE_BYTES} bytes")
        try:
            return _Physical(self._number, raw.decode())
        except UnicodeDecodeError as error:
            problem = f"is not UTF-8 (byte {error.start + 1} of the line); save the file as UTF-8"
            return _Physical(self._number, None, problem)

    def put_back(self, lines: Sequence[_Physical]) -> None:
        self._returned.extendleft(reversed(lines))


def _json_lines(path: Path, file: IO[bytes]) -> Iterator[Line | RefusedRow]:
    source, position = _Source(file), 0
    while (line := source.take()) is not None:
        if line.text is not None and not line.text.strip():
            continue
        position += 1
        if line.text is None:
            yield _refuse(path, line.number, line.problem)
            continue
        try:
            values = json.loads(line.text)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            yield _refuse(path, line.number, f"is not JSON: {reason}")
            continue
        if isinstance(values, dict):
            yield Line(line.number, position, values)
        else:
            yield _refuse(path, line.number, "is not a JSON object; write one object a line")


def _csv_lines(
    path: Path, file: IO[bytes], required: Sequence[str], known: Sequence[str] | None
) -> Iterator[Line | RefusedRow]:

    source, position = _Source(file), 0
    header: list[str] | None = None
    while (record := _csv_record(path, source, len(header) if header else None)) is not None:
        if isinstance(record, RefusedRow):
            if header is None:
                raise InputFileError(path, f"the header {record.problem}", line=record.line)
            position += 1
            yield record
            continue
        number, cells = record
        if not cells:
            continue
        if header is None:
            header = check_header(path, number, cells, required, known)
            continue
        position += 1
        if len(cells) != len(header):
            problem = f"has {len(cells)} fields and the header has {len(header)}; quote a comma"
            yield _refuse(path, number, problem)
        else:
            yield Line(number, position, dict(zip(header, cells, strict=True)))
    if header is None:
        raise InputFileError(path, "is empty; the first line must be a header", line=1)


def _csv_record(
    path: Path, source: _Source, width: int | None
) -> tuple[int, list[str]] | RefusedRow | None:
    """The next record of a CSV file: its first line's number and its cells.

    Args:
        width: fields that a row has; what an open quote has joined from several lines is a row
            only with so many. None: unknown yet.
    """
    first = source.take()
    if first is None:
        return None
    if first.text is None:
        return _refuse(path, first.number, first.problem)
    if '"' not in first.text and len(first.text.splitlines()) == 1:
        # Nothing is quoted, as in most rows: the csv module would say the same, more slowly.
        content = first.text.rstrip("\r\n")
        return first.number, content.split(",") if content else []
    taken = _whole_record(source, first)
    if taken is None:
        return _refuse(path, first.number, _OPEN_QUOTE)
    try:
        # A line end inside quotes belongs to its field, so this must be a single row.
        text = "".join(line.text or "" for line in taken)
        rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
    except csv.Error as error:
        source.put_back(taken[1:])
        return _refuse(path, first.number, f"is not CSV: {error}")
    if len(rows) > 1:
        return _refuse(path, first.number, "has a line end in it that is not a newline; remove it")
    cells = rows[0] if rows else []
    if len(taken) > 1 and width is not None and len(cells) != width:
        source.put_back(taken[1:])
        return _refuse(path, first.number, _OPEN_QUOTE)
    return first.number, cells


def _whole_record(source: _Source, first: _Physical) -> list[_Physical] | None:
    """The lines of the record that begins with `first`; None when a quote is never closed."""
    taken, quotes, size = [first], 0, 0
    while True:
        text = taken[-1].text or ""
        quotes, size = quotes + text.count('"'), size + len(text)
        if quotes % 2 == 0:
            return taken
        full = len(taken) == MAX_ROW_LINES or size > MAX_LINE_BYTES
        following = None if full else source.take()
        if following is None or following.text is None:
            source.put_back(taken[1:] + ([] if following is None else [following]))
            return None
        taken.append(following)


def _refuse(path: Path, number: int, problem: str) -> RefusedRow:
    return RefusedRow(file=path, line=number, field="row", problem=problem)
