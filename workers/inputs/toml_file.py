"""TOML files with positions: which line an entry or a field stands on."""

import re
import tomllib
from pathlib import Path
from typing import Any

from workers.inputs.refusals import InputFileError

MAX_FILE_BYTES = 16 * 1024 * 1024


class TomlFile:
    """A TOML file and its text.

    Raises:
        InputFileError: the file cannot be read, or is not TOML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise InputFileError(path, f"is larger than {MAX_FILE_BYTES} bytes")
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise InputFileError(path, f"cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise InputFileError(path, "is not UTF-8; save it as UTF-8", line=line) from None
        try:
            self.values: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputFileError(path, f"is not TOML: {error}", line=_line_in(error)) from None
        self._lines = text.splitlines()

    def line_of(self, table: str, field: str, *, entry: int = 0) -> int:
        """The line of a field in a table, else of the table; 1 when it is written otherwise.

        Args:
            table: e.g. ``campaign``, or ``sender`` of which there are many.
            field: e.g. ``rate_per_second`` or ``registration.kind``.
            entry: which of the repeated tables, from 0.
        """
        start = self._table_line(table, entry)
        end = self._table_line(table, entry + 1) or len(self._lines) + 1
        name = re.escape(field.rsplit(".", 1)[-1])
        pattern = re.compile(rf"""\s*(["']?){name}\1\s*=|\s*\[.*\b{name}\s*\]""")
        for number in range(max(1, start), end):
            if pattern.match(self._lines[number - 1]):
                return number
        if "." in field:  # it is missing in its own table
            return self.line_of(table, field.rsplit(".", 1)[0], entry=entry)
        return max(1, start)

    def _table_line(self, table: str, entry: int) -> int:
        pattern = re.compile(rf"\s*\[+\s*{re.escape(table)}\s*\]+")
        found = [n for n, line in enumerate(self._lines, start=1) if pattern.match(line)]
        return found[entry] if entry < len(found) else 0


def _line_in(error: tomllib.TOMLDecodeError) -> int | None:
    match = re.search(r"at line (\d+)", str(error))
    return int(match[1]) if match else None


def entries_of(file: TomlFile, table: str) -> list[dict[str, Any]]:
    """The repeated tables ``[[table]]`` of a file that holds nothing else.

    Raises:
        InputFileError: the file holds something else, or none of them.
    """
    for name in file.values:
        if name != table:
            line = file.line_of(name, name)
            raise InputFileError(
                file.path, f"is not known here; write [[{table}]]", line=line, field=name
            )
    entries = file.values.get(table)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputFileError(file.path, f"holds no [[{table}]]; write one for each", line=1)
    return entries
