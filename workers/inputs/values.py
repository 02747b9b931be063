"""From the texts of a file, or the values of a TOML table, to checked values."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from pipeline.policy.numbers import NumberFacts, read_number
from workers.inputs.refusals import FieldError, near_name

_Word = TypeVar("_Word", bound=StrEnum)

EARLIEST_YEAR, LATEST_YEAR = 1900, 2200
"""Times outside are typing errors, and arithmetic on their neighbours would overflow."""


class Fields:
    """The fields of one row or table, read by name; each method raises `FieldError`.

    Args:
        values: text (CSV) or typed values (JSON, TOML); None and an empty text are unknown.
        prefix: what stands before a field's name in messages, e.g. ``registration.``.
    """

    def __init__(self, values: Mapping[str, Any], prefix: str = "") -> None:
        self._values = values
        self._prefix = prefix

    def refuse_others(self, known: Collection[str]) -> None:
        """Refuse a field that nobody knows: it may be a misspelt one that matters."""
        for name in self._values:
            if name not in known:
                problem = f"is no field here; {near_name(str(name), known)}"
                raise FieldError(self._prefix + str(name), problem)

    def error(self, name: str, problem: str) -> FieldError:
        """The error of one field; `problem` reads on from its name."""
        return FieldError(self._prefix + name, problem)

    def has(self, name: str) -> bool:
        """Whether the field is there and not empty."""
        return self._values.get(name) not in (None, "")

    def text(self, name: str, *, most: int = 200) -> str | None:
        """A text of up to `most` characters."""
        value = self._values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise self.error(name, f"is {type(value).__name__}, not a text; put it in quotes")
        if len(value) > most:
            raise self.error(name, f"is longer than {most} characters")
        if "\0" in value or not _is_unicode(value):
            raise self.error(name, "contains a null character or half a character; remove it")
        return value.strip() or None

    def required_text(self, name: str, example: str, *, most: int = 200) -> str:
        """A text that must be there."""
        value = self.text(name, most=most)
        if value is None:
            raise self.error(name, f"is missing; write it as {example}")
        return value

    def word(self, name: str, words: type[_Word]) -> _Word | None:
        """One of the words of an enumeration."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return words(value.lower())
        except ValueError:
            problem = f"is {value[:40]!r}, which is not one of the choices; "
            raise self.error(name, problem + near_name(value.lower(), words)) from None

    def required_word(self, name: str, words: type[_Word]) -> _Word:
        """One of the words of an enumeration, which must be there."""
        value = self.word(name, words)
        if value is None:
            raise self.error(name, f"is missing; one of: {', '.join(words)}")
        return value

    def instant(self, name: str) -> datetime | None:
        """An instant in UTC; written in ISO 8601 with an offset."""
        if not self.has(name):
            return None
        value = self._values[name]
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value.strip())
            except ValueError:
                value = None
        if not isinstance(value, datetime):
            raise self.error(name, "is not a time; write it as 2026-11-27T23:59:00-03:00")
        if value.tzinfo is None:
            problem = "has no offset from UTC; write it as 2026-11-27T23:59:00-03:00"
            raise self.error(name, problem)
        if not EARLIEST_YEAR < value.year < LATEST_YEAR:
            raise self.error(name, "is out of range; check the year")
        return value.astimezone(UTC)

    def flag(self, name: str) -> bool | None:
        """A boolean: ``true`` or ``false``."""
        if not self.has(name):
            return None
        value = self._values[name]
        if isinstance(value, bool):
            return value
        known = {"true": True, "false": False}
        found = known.get(value.strip().lower()) if isinstance(value, str) else None
        if found is None:
            raise self.error(name, "is neither true nor false")
        return found

    def phone(self, name: str) -> NumberFacts:
        """A valid number in E.164."""
        written = self.required_text(name, "+5511987654321")
        number = read_number(written)
        if not isinstance(number, NumberFacts):
            raise self.error(name, "is not a valid number; write it as +<country><number>")
        return number

    def country(self, name: str) -> str:
        """An ISO 3166 code of two letters, in upper case."""
        value = self.required_text(name, "BR").upper()
        if not (len(value) == 2 and value.isascii() and value.isalpha()):  # noqa: PLR2004 - ISO 3166 alpha-2
            raise self.error(name, f"is {value[:40]!r}; write the two letters of ISO 3166, e.g. BR")
        return value


def _is_unicode(value: str) -> bool:
    """Whether a text is whole: JSON's escapes can write one half of a surrogate pair."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
