"""Rows of a file as what they stand for: one that cannot be used takes nothing else with it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from workers.inputs.lines import Line, read_lines
from workers.inputs.refusals import FieldError, RefusedRow

_Row = TypeVar("_Row")


def read_rows(
    path: Path,
    read: Callable[[Line], _Row],
    *,
    required: Sequence[str],
    known: Sequence[str],
) -> Iterator[_Row | RefusedRow]:
    """What `read` makes of each line, and the lines that cannot be used.

    Args:
        read: raises `FieldError` for a field that it cannot use.
        required, known: the columns that must be there, and those that may.

    Raises:
        InputFileError: the file or its header cannot be used.
    """
    for line in read_lines(path, required=required, known=known):
        if isinstance(line, RefusedRow):
            yield line
            continue
        try:
            yield read(line)
        except FieldError as error:
            yield RefusedRow(file=path, line=line.number, field=error.field, problem=error.problem)
