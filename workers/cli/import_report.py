"""What an import did, for the operator: rows taken, changed, refused."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from workers.cli.output import UNUSABLE, CommandError, print_json
from workers.cli.progress import late_progress
from workers.inputs.refusals import RefusedRow

SHOWN = 20
"""Refused rows that are listed; the others are counted."""


class ImportReport:
    """Counts the rows of one file as they come.

    Args:
        keep_all: keep every refused row, not only those that are shown.
        remarks: what else is to be known; it may grow until the report is shown.
    """

    def __init__(self, file: Path, *, keep_all: bool, remarks: Sequence[str] = ()) -> None:
        self.file = file
        self.taken = 0
        self.changed = 0
        self.refused = 0
        self.refusals: list[RefusedRow] = []
        self.remarks = remarks
        self._keep_all = keep_all
        self._advance: Callable[[int], None] = lambda _rows: None

    @contextmanager
    def progress(self) -> Iterator[None]:
        """Show a progress bar while the rows come, when that takes long."""
        with late_progress(f"Loading {self.file.name}") as advance:
            self._advance = advance
            yield

    def take(self, rows: int, changed: int) -> None:
        """Good rows were stored, of which some told something new."""
        self.taken += rows
        self.changed += changed
        self._advance(self.taken + self.refused)

    def refuse(self, row: RefusedRow) -> None:
        """A row cannot be used."""
        self.refused += 1
        if self._keep_all or len(self.refusals) < SHOWN:
            self.refusals.append(row)


def show_report(report: ImportReport, *, as_json: bool) -> None:
    """Print the report.

    Raises:
        CommandError: there were rows, and none of them could be used.
    """
    if as_json:
        print_json(
            {
                "file": report.file,
                "taken": report.taken,
                "changed": report.changed,
                "refused": report.refused,
                "refusals": refusals_as_json(report.refusals),
                "remarks": list(report.remarks),
            }
        )
    else:
        print(f"{report.taken} taken, {report.changed} changed, {report.refused} refused")
        print_refusals(report.refusals, report.refused)
        for remark in report.remarks:
            print(f"  {remark}")
    if report.refused and not report.taken:
        raise CommandError(f"{report.file}: no row could be used", exit_code=UNUSABLE)


def refusals_as_json(refusals: list[RefusedRow]) -> list[dict[str, object]]:
    """The refused rows as JSON objects: ``line``, ``field``, ``problem``."""
    return [{"line": row.line, "field": row.field, "problem": row.problem} for row in refusals]


def print_refusals(refusals: list[RefusedRow], count: int) -> None:
    """The first refused rows, a line each, and how many more there are."""
    for row in refusals[:SHOWN]:
        print(f"  {row}")
    if count > SHOWN:
        print(f"  … and {count - SHOWN} more; --json lists all")
