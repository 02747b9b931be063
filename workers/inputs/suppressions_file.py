"""Suppressions: CSV or NDJSON, ``to, business, reason, since``."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from pipeline.policy.numbers import NumberFacts
from pipeline.policy.suppression import EVERY_BUSINESS
from workers.inputs.lines import Line
from workers.inputs.refusals import RefusedRow
from workers.inputs.rows import read_rows
from workers.inputs.values import Fields

COLUMNS = ("to", "business", "reason", "since")

_KNOWN = frozenset(COLUMNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppressionRow:
    """A person who must not be written to; `business` ``*`` means by nobody.

    `on_block_list`: the reason is the name of a public block list that has the person; they are
    left alone where an overlay that looks at the list is switched on.
    """

    line: int
    number: NumberFacts
    business: str
    reason: str
    since: datetime
    on_block_list: bool = False


def read_suppressions(
    path: Path, block_lists: Collection[str] = ()
) -> Iterator[SuppressionRow | RefusedRow]:
    """The rows of a file, and those that cannot be used.

    Args:
        path: the file.
        block_lists: the names of the public block lists that overlays look at.

    Raises:
        InputFileError: the file or its header cannot be used.
    """
    return read_rows(path, partial(_row, block_lists=block_lists), required=COLUMNS, known=COLUMNS)


def _row(line: Line, block_lists: Collection[str]) -> SuppressionRow:
    fields = Fields(line.values)
    fields.refuse_others(_KNOWN)
    since = fields.instant("since")
    if since is None:
        raise fields.error("since", "is missing; write it as 2026-11-27T23:59:00-03:00")
    business = fields.required_text("business", "loja-azul, or * for all", most=64)
    reason = fields.required_text("reason", "opt_out", most=64)
    if reason in block_lists and business != EVERY_BUSINESS:
        raise fields.error(
            "business",
            f"{reason} is a public block list, for every business; write {EVERY_BUSINESS}",
        )
    return SuppressionRow(
        line=line.number,
        number=fields.phone("to"),
        business=business,
        reason=reason,
        since=since,
        on_block_list=reason in block_lists,
    )
