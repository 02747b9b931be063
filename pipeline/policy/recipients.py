"""A producer's row: what may stand in it, and what is wrong when it cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass

KNOWN_FIELDS = frozenset({"to", "id", "timezone", "language", "country", "variables", "position"})
"""The fields of a recipient in the stream; ``position`` is the row's place in the file."""

MAX_ID_LENGTH = 128
MAX_FIELD_LENGTH = 64
MAX_VARIABLES = 50
MAX_NAME_LENGTH = 64
MAX_VALUE_LENGTH = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """A row that can be used.

    Attributes:
        to: the number as the producer wrote it.
        id: the producer's own, unique in the campaign; None: the number is the key.
        position: the row's place in the producer's file; None: unknown.
    """

    to: str
    id: str | None = None
    timezone: str | None = None
    language: str | None = None
    country: str | None = None
    position: int | None = None
    variables: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BadRow:
    """A row that cannot be used.

    Attributes:
        field: the field at fault.
        problem: what is wrong and what is wanted, in words, without the person's data.
    """

    field: str
    problem: str


def read_recipient(row: object) -> Recipient | BadRow:
    """Check one recipient of a stream entry, a JSON object with the fields of `Recipient`."""
    if not isinstance(row, dict):
        return BadRow(field="row", problem="is not a JSON object")
    for name in ("to", "id", "timezone", "language", "country"):
        problem = _text_problem(row.get(name), MAX_ID_LENGTH if name == "id" else MAX_FIELD_LENGTH)
        if problem:
            return BadRow(field=name, problem=problem)
    if not row.get("to"):
        return BadRow(field="to", problem="is missing; give the number, e.g. +5511987654321")
    position = row.get("position")
    if position is not None and not (isinstance(position, int) and 0 <= position < 2**63):
        return BadRow(field="position", problem="is not a whole number from 0")
    variables = _read_variables(row.get("variables"))
    if isinstance(variables, BadRow):
        return variables
    return Recipient(
        to=row["to"],
        id=row.get("id") or None,
        timezone=row.get("timezone") or None,
        language=row.get("language") or None,
        country=row.get("country") or None,
        position=position,
        variables=variables,
    )


def _text_problem(value: object, limit: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        return "is not a text"
    if len(value) > limit:
        return f"is longer than {limit} characters"
    # PostgreSQL cannot store it, and no number, name or zone has one.
    return "contains a null character" if "\0" in value else None


def _read_variables(value: object) -> dict[str, str] | BadRow | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        return BadRow(field="variables", problem="is not a JSON object")
    if len(value) > MAX_VARIABLES:
        return BadRow(field="variables", problem=f"holds more than {MAX_VARIABLES} names")
    read: dict[str, str] = {}
    for name, content in value.items():
        text = str(content) if isinstance(content, int | float | str) else None
        if text is None:
            return BadRow(field=f"variables.{name[:64]}", problem="is not a text or a number")
        if len(name) > MAX_NAME_LENGTH or len(text) > MAX_VALUE_LENGTH or "\0" in name + text:
            return BadRow(
                field=f"variables.{name[:64]}",
                problem=f"is longer than {MAX_VALUE_LENGTH} characters or has a null character",
            )
        read[name] = text
    return read
