"""The header of a CSV file."""

from collections.abc import Sequence
from pathlib import Path

from workers.inputs.refusals import InputFileError, near_name


def check_header(
    path: Path,
    line: int,
    cells: Sequence[str],
    required: Sequence[str],
    known: Sequence[str] | None,
) -> list[str]:
    """The names of the columns.

    Raises:
        InputFileError: a column is missing, unnamed, named twice, or unknown.
    """
    names = [cell.strip() for cell in cells]
    for separator in (";", "\t", "|"):
        if len(names) == 1 and separator in names[0]:
            problem = f"the header is separated by {separator!r}; separate the columns by commas"
            raise InputFileError(path, problem, line=line)
    for place, name in enumerate(names, start=1):
        if not name:
            raise InputFileError(path, f"column {place} has no name; name it", line=line)
        if name in names[: place - 1]:
            raise InputFileError(path, "stands twice in the header", line=line, field=name)
        if known is not None and name not in known:
            problem = f"is no column of this file; {near_name(name, known)}"
            raise InputFileError(path, problem, line=line, field=name)
    for name in required:
        if name not in names:
            problem = f"is missing in the header, which has: {', '.join(names)[:200]}"
            raise InputFileError(path, problem, line=line, field=name)
    return names
