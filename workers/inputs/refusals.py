"""What is said about a file, or a row of it, that cannot be used."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedRow:
    """A row that cannot be used; the others of its file are not affected.

    Attributes:
        line: where the row begins, from 1.
        field: the field at fault; ``row`` when the row cannot be read at all.
        problem: what is wrong and what is wanted, without the person's data.
    """

    file: Path
    line: int
    field: str
    problem: str

    def __str__(self) -> str:
        """One line for the operator."""
        return f"{self.file}:{self.line}: {self.field} {self.problem}"


class InputFileError(Exception):
    """A file that cannot be used at all; the text names file, line, field and remedy."""

    def __init__(
        self, file: Path, problem: str, *, line: int | None = None, field: str | None = None
    ) -> None:
        place = str(file) if line is None else f"{file}:{line}"
        super().__init__(f"{place}: {problem}" if field is None else f"{place}: {field} {problem}")


class FieldError(ValueError):
    """A field whose value cannot be used; `problem` reads on from the field's name."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


def near_name(name: str, known: Iterable[str]) -> str:
    """A hint for a name that nobody knows: the nearest known one, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
