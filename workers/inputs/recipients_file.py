"""Recipients: CSV with a header or NDJSON, to rows for the stream.

``to`` and optionally ``id``, ``timezone``, ``language``, ``country``; every other column is a
variable of the body. A row with a bad number is a good row here: intake makes a blocked message
of it, so that it is accounted for.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.policy.recipients import BadRow, Recipient, read_recipient
from workers.inputs.lines import Line, read_lines
from workers.inputs.refusals import RefusedRow

_OWN = ("to", "id", "timezone", "language", "country")


def read_recipients(
    path: Path, *, variables: Collection[str] | None = None
) -> Iterator[dict[str, Any] | RefusedRow]:
    """The rows for the stream, and those that cannot be used.

    Args:
        variables: the names that the body needs; others are not sent on, because what a
            campaign does not need should not be kept. None: every column.

    Raises:
        InputFileError: the file or its header cannot be used.
    """
    for line in read_checked(path, variables=variables):
        yield line if isinstance(line, RefusedRow) else line.row


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row for the stream, and what intake would make of it."""

    row: dict[str, Any]
    recipient: Recipient | BadRow


def read_checked(
    path: Path, *, variables: Collection[str] | None = None
) -> Iterator[CheckedRow | RefusedRow]:
    """As `read_recipients`, with the recipients as intake reads them."""
    for line in read_lines(path, required=["to"], known=None):
        yield line if isinstance(line, RefusedRow) else _row(path, line, variables)


def _row(path: Path, line: Line, wanted: Collection[str] | None) -> CheckedRow | RefusedRow:
    row: dict[str, Any] = {"to": "", "position": line.position}
    found: dict[str, Any] = {}
    for name, value in line.values.items():
        if value is None or value == "":
            continue  # an empty field is unknown, and a variable that is unknown is missing
        if name in _OWN:
            row[name] = value
        elif name == "variables" and isinstance(value, dict):
            found |= value
        else:
            found[name] = value
    if found:
        row["variables"] = {
            name: value for name, value in found.items() if wanted is None or name in wanted
        }
    checked = read_recipient(row)
    if isinstance(checked, BadRow) and checked.field != "to":
        return RefusedRow(file=path, line=line.number, field=checked.field, problem=checked.problem)
    return CheckedRow(row, checked)
