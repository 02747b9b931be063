"""Reads one pack: TOML to checked rows, or one clear line about what is wrong."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from config.packs.errors import PackText, PolicyError, explain, near
from config.packs.kinds import KINDS
from config.packs.schema import PackCountry, PackHead, PackRule, is_country
from config.packs.values import ConfirmationValue, Value
from pipeline.policy.country import Rule
from pipeline.policy.vocabulary import Category

GENERAL = "GENERAL"
GENERAL_PREFIX = "gl"
TOP_LEVEL = ("pack", "countries", "rule")
_Model = TypeVar("_Model", bound=BaseModel)
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A rule as it stands in a pack, with its parameters checked.

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


@dataclass(frozen=True, kw_only=True, slots=True)
class PackFile:
    """One checked file: `content` is what it said, `text` helps to place later errors."""

    head: PackHead
    countries: Mapping[str, PackCountry]
    rows: tuple[Row, ...]
    content: Mapping[str, Any]
    text: PackText


def read_pack(path: Path) -> PackFile:
    """Read and check one file by itself.

    Raises:
        PolicyError: it is no TOML, or a row, a field or a value cannot be used.
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
        if key not in TOP_LEVEL:
            raise text.error(f"no such table; {near(key, TOP_LEVEL)}", field=key)
    head = _checked(text, PackHead, content.get("pack", {}))
    countries = {
        code: _country(text, code, entry) for code, entry in content.get("countries", {}).items()
    }
    rows = tuple(
        _row(text, place, raw_rule) for place, raw_rule in enumerate(_rules(text, content))
    )
    pack = PackFile(head=head, countries=countries, rows=rows, content=content, text=text)
    _check_head(pack)
    for row in rows:
        _check_row(pack, row)
    return pack


def _syntax_error(path: Path, raw: str, error: tomllib.TOMLDecodeError) -> PolicyError:
    place = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    line = place[1] if place else str(max(1, len(raw.splitlines())))
    problem = re.sub(r"\s*\(at .*\)$", "", str(error))
    return PolicyError(f"{path}:{line}: this is not TOML: {problem}; correct that line")


def _rules(text: PackText, content: Mapping[str, Any]) -> list[Any]:
    rules = content.get("rule", [])
    if not isinstance(rules, list):
        raise text.error("write each rule under [[rule]], with two brackets", field="rule")
    return rules


def _checked(text: PackText, model: type[_Model], raw: object, prefix: str = "") -> _Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        field, problem = explain(error, model)
        raise text.error(problem, field=f"{prefix}{field}") from error


def _country(text: PackText, code: str, raw: object) -> PackCountry:
    if not is_country(code):
        raise text.error(
            f"{code!r} is no ISO 3166 country code; write two capitals, e.g. PE", field=code
        )
    return _checked(text, PackCountry, raw, prefix=f"{code}.")


def _row(text: PackText, place: int, raw: object) -> Row:
    named = raw.get("id") if isinstance(raw, dict) else None
    rule_id = named if isinstance(named, str) else ""
    try:
        rule = PackRule.model_validate(raw)
    except ValidationError as error:
        field, problem = explain(error, PackRule)
        raise text.error(problem, rule=place, rule_id=rule_id, field=field) from error
    model = KINDS[rule.kind].model
    try:
        value = model.model_validate(rule.value)
    except ValidationError as error:
        field, problem = explain(error, model)
        where = f"value.{field}" if field else "value"
        raise text.error(problem, rule=place, rule_id=rule_id, field=where) from error
    return Row(rule=rule, value=value, place=place)


def _check_head(pack: PackFile) -> None:
    if pack.head.code == GENERAL:
        return
    if not pack.countries:
        raise pack.text.error("the pack applies to no country; add [countries.XX]")
    for field in ("channels", "languages"):
        if not getattr(pack.head, field):
            raise pack.text.error("is missing; add it", field=field)
    for code, country in pack.countries.items():
        if country.language not in pack.head.languages:
            raise pack.text.error(
                f"{country.language!r} is none of the pack's languages; "
                f"{near(country.language, pack.head.languages)}",
                field=f"{code}.language",
            )


def _check_row(pack: PackFile, row: Row) -> None:
    def fail(problem: str, field: str) -> PolicyError:
        return pack.text.error(problem, rule=row.place, rule_id=row.rule.id, field=field)

    general = pack.head.code == GENERAL
    prefix = GENERAL_PREFIX if general else pack.head.code.lower()
    if not row.rule.id.startswith(f"{prefix}_"):
        raise fail(f"the id must begin with {prefix}_ in this file", "id")
    if row.rule.packs is not None and not general:
        raise fail(
            "only rules of the general file say which packs they are for; remove it", "packs"
        )
    permits = any(getattr(row.value, name, False) for name in ("always_open", "unlimited"))
    permits = permits or getattr(row.value, "required", True) is False
    if permits != (row.rule.action == "allow") and row.rule.kind in ("consent", "window", "cap"):
        raise fail("'allow' and a value that forbids nothing go together; correct one", "action")
    if isinstance(row.value, ConfirmationValue):
        _check_confirmation(pack, row, row.value)


def _check_confirmation(pack: PackFile, row: Row, value: ConfirmationValue) -> None:
    for language in pack.head.languages:
        if language not in value.texts:
            raise pack.text.error(
                f"no text in {language!r}, one of the pack's languages; add it",
                rule=row.place,
                rule_id=row.rule.id,
                field="value.texts",
            )
    for language, text in value.texts.items():
        if _PLACEHOLDER.findall(text) != ["{brand}"]:
            raise pack.text.error(
                "the text must hold {brand} once, and no other variable",
                rule=row.place,
                rule_id=row.rule.id,
                field=f"value.texts.{language}",
            )
