"""History: CSV or NDJSON, ``to, business, category, sent_at``: what was sent before."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.policy.numbers import NumberFacts
from pipeline.policy.vocabulary import Category
from workers.inputs.lines import Line
from workers.inputs.refusals import RefusedRow
from workers.inputs.rows import read_rows
from workers.inputs.values import Fields

COLUMNS = ("to", "business", "category", "sent_at")

_KNOWN = frozenset(COLUMNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryRow:
    """A message that a business has sent to a person."""

    line: int
    number: NumberFacts
    business: str
    category: Category
    sent_at: datetime


def read_history(path: Path) -> Iterator[HistoryRow | RefusedRow]:
    """The rows of a file, and those that cannot be used.

    Raises:
        InputFileError: the file or its header cannot be used.
    """
    return read_rows(path, _row, required=COLUMNS, known=COLUMNS)


def _row(line: Line) -> HistoryRow:
    fields = Fields(line.values)
    fields.refuse_others(_KNOWN)
    sent_at = fields.instant("sent_at")
    if sent_at is None:
        raise fields.error("sent_at", "is missing; write it as 2026-11-20T10:15:00-03:00")
    return HistoryRow(
        line=line.number,
        number=fields.phone("to"),
        business=fields.required_text("business", "loja-azul", most=64),
        category=fields.required_word("category", Category),
        sent_at=sent_at,
    )
