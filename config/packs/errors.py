"""One clear line for whatever is wrong in a pack: file, line, rule, field and remedy."""

import difflib
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

_RULE_HEADER = re.compile(r"\s*\[\[\s*rule\s*\]\]")
_TABLE_HEADER = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+")


class PolicyError(Exception):
    """A pack that cannot be used; the text is one line that names file, place and remedy."""


def near(word: str, known: Iterable[str]) -> str:
    """A remedy for an unknown word: the nearest known one, else all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(names)}"


class PackText:
    """The text of a pack, to find the line that an error is about."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._lines = text.splitlines()
        starts = [n for n, line in enumerate(self._lines) if _RULE_HEADER.match(line)]
        self._blocks = list(pairwise([*starts, len(self._lines)]))

    def error(
        self, problem: str, *, rule: int | None = None, rule_id: str = "", field: str = ""
    ) -> PolicyError:
        """The error for `problem`.

        Args:
            problem: what is wrong, and the remedy.
            rule: the place of the ``[[rule]]`` in the file, from 0; None: the file's head.
            rule_id: the rule's id, where it has one.
            field: the key that is wrong, for the line and the text; dots lead into tables.
        """
        line = self._line_of(rule, field.rsplit(".", maxsplit=1)[-1])
        subject = ""
        if rule is not None:
            subject = f"rule {rule_id}: " if rule_id else f"rule number {rule + 1}: "
        place = f"{field}: " if field else ""
        one_line = " ".join(f"{subject}{place}{problem}".split())
        return PolicyError(f"{self.path}:{line}: {one_line}")

    def _line_of(self, rule: int | None, key: str) -> int:
        """The line, from 1, on which `key` stands in the rule, else the rule's own."""
        if rule is None:
            first, end = 0, self._blocks[0][0] if self._blocks else len(self._lines)
        else:
            first, end = self._blocks[rule]
        as_key = re.compile(rf"(?:^|[\s{{,.]){re.escape(key)}\s*=")
        for number in range(first, end) if key else ():
            line = self._lines[number]
            header = _TABLE_HEADER.match(line)
            if as_key.search(line) or (header and header[1].split(".")[-1] == key):
                return number + 1
        return first + 1


def explain(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """The first thing that pydantic found wrong, as (field, problem with its remedy).

    An unknown field comes first: a misspelt name is also a missing one.
    """
    found = error.errors(include_url=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    field = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    context: dict[str, Any] = first.get("ctx", {})
    if first["type"] == "extra_forbidden":
        return field, f"no such field; {near(field, model.model_fields) or 'remove it'}"
    if first["type"] == "missing":
        return field, "is missing; add it"
    if first["type"] == "value_error":
        return field, str(context["error"])
    if first["type"] in ("enum", "literal_error"):
        expected = re.findall(r"'([^']*)'", str(context["expected"]))
        return field, f"{first['input']!r} is unknown; {near(str(first['input']), expected)}"
    return field, f"{first['msg'].lower()}, and not {first['input']!r}"
