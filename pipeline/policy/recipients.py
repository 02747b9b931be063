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
    return None if _storable(value) else "contains a null character or half a character"


def _storable(value: str) -> bool:
    """Whether PostgreSQL can store a text; it takes no null character and no lone surrogate.

    JSON can hold both, and one such text would make the whole chunk fail, again and again.
    """
    return "\0" not in value and not any("\ud800" <= one <= "\udfff" for one in value)


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
            return BadRow(field=_shown(name), problem="is not a text or a number")
        too_long = len(name) > MAX_NAME_LENGTH or len(text) > MAX_VALUE_LENGTH
        if too_long or not _storable(name + text):
            return BadRow(
                field=_shown(name),
                problem=(
                    f"is longer than {MAX_VALUE_LENGTH} characters, or has a null character or "
                    "half a character"
                ),
            )
        read[name] = text
    return read


def _shown(name: str) -> str:
    """A variable's name for a message: what cannot be printed is escaped."""
    return f"variables.{repr(name[:64])[1:-1]}"
