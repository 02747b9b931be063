"""Reads a file of rules: TOML to rows with checked parameters, or one clear line about it."""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from config.packs.errors import PackText, PolicyError, explain, near
from config.packs.kinds import KINDS
from config.packs.schema import PackRule
from config.packs.values import Value
from pipeline.policy.country import Rule
from pipeline.policy.vocabulary import Category

_Model = TypeVar("_Model", bound=BaseModel)
_Rule = TypeVar("_Rule", bound=PackRule)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A rule as it stands in a file, with its parameters checked.

    `place` is its place in the file, from 0.
    """

    rule: PackRule
    value: Value
    place: int

    def in_force(self, on: date) -> bool:
        """Whether the rule binds on that day."""
        until = self.rule.effective_to
        return self.rule.effective_from <= on and (until is None or on < until)

    def overlaps(self, other: "Row") -> bool:
        """Whether there is a day on which both bind."""
        return self.in_force(other.rule.effective_from) or other.in_force(self.rule.effective_from)

    def as_rule(self) -> Rule:
        """The row as an officer reads it."""
        rule = self.rule
        return Rule(
            id=rule.id,
            kind=rule.kind,
            summary=rule.summary,
            action=rule.action,
            value=rule.value,
            source=rule.source,
            phrase=rule.phrase,
            effective_from=rule.effective_from,
            effective_to=rule.effective_to,
            categories=frozenset(rule.categories or Category),
            reason=rule.reason,
        )


def read_content(path: Path, tables: Collection[str]) -> tuple[Mapping[str, Any], PackText]:
    """What a file says, and its text to place later errors.

    Args:
        path: a TOML file.
        tables: those that it may hold.

    Raises:
        PolicyError: it is no TOML, or holds another table.
    """
    try:
        raw = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    try:
        content = tomllib.loads(raw)
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(path, raw, error) from error
    text = PackText(path, raw)
    for key in content:
        if key not in tables:
            raise text.error(f"no such table; {near(key, tables)}", field=key)
    return content, text


def checked(text: PackText, model: type[_Model], raw: object, prefix: str = "") -> _Model:
    """A table of the file's head as `model`.

    Raises:
        PolicyError: a field is missing, unknown, or has a value that cannot be used.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        field, problem = explain(error, model)
        raise text.error(problem, field=f"{prefix}{field}") from error


def read_rules(
    text: PackText, content: Mapping[str, Any], model: type[_Rule]
) -> list[tuple[_Rule, Value]]:
    """Every ``[[rule]]`` of the file, with its parameters.

    Raises:
        PolicyError: a field of one, or its value, cannot be used.
    """
    rules = content.get("rule", [])
    if not isinstance(rules, list):
        raise text.error("write each rule under [[rule]], with two brackets", field="rule")
    return [_read_rule(text, place, raw, model) for place, raw in enumerate(rules)]


def _read_rule(text: PackText, place: int, raw: object, model: type[_Rule]) -> tuple[_Rule, Value]:
    named = raw.get("id") if isinstance(raw, dict) else None
    rule_id = named if isinstance(named, str) else ""
    try:
        rule = model.model_validate(raw)
    except ValidationError as error:
        field, problem = explain(error, model)
        raise text.error(problem, rule=place, rule_id=rule_id, field=field) from error
    parameters = KINDS[rule.kind].model
    try:
        return rule, parameters.model_validate(rule.value)
    except ValidationError as error:
        field, problem = explain(error, parameters)
        where = f"value.{field}" if field else "value"
        raise text.error(problem, rule=place, rule_id=rule_id, field=where) from error


def _syntax_error(path: Path, raw: str, error: tomllib.TOMLDecodeError) -> PolicyError:
    place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    line = place[1] if place else str(max(1, len(raw.splitlines())))
    problem = re.sub(r"\s*\(at .*\)$", "", str(error))
    return PolicyError(f"{path}:{line}: this is not TOML: {problem}; correct that line")
