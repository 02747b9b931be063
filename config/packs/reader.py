"""Reads one pack: TOML to checked rows, or one clear line about what is wrong."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.packs.errors import PackText, PolicyError, near
from config.packs.kinds import ONLY_OVERLAY_KINDS
from config.packs.rows import Row, checked, read_content, read_rules
from config.packs.schema import PackCountry, PackHead, PackRule, is_country
from config.packs.values import ConfirmationValue

GENERAL = "GENERAL"
GENERAL_PREFIX = "gl"
TOP_LEVEL = ("pack", "countries", "rule")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")


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
    content, text = read_content(path, TOP_LEVEL)
    head = checked(text, PackHead, content.get("pack", {}))
    countries = {
        code: _country(text, code, entry) for code, entry in content.get("countries", {}).items()
    }
    rows = tuple(
        Row(rule=rule, value=value, place=place)
        for place, (rule, value) in enumerate(read_rules(text, content, PackRule))
    )
    pack = PackFile(head=head, countries=countries, rows=rows, content=content, text=text)
    _check_head(pack)
    for row in rows:
        _check_row(pack, row)
    return pack


def _country(text: PackText, code: str, raw: object) -> PackCountry:
    if not is_country(code):
        raise text.error(
            f"{code!r} is no ISO 3166 country code; write two capitals, e.g. PE", field=code
        )
    return checked(text, PackCountry, raw, prefix=f"{code}.")


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
    if row.rule.kind in ONLY_OVERLAY_KINDS:
        raise fail("only an overlay holds rules of this kind; move it there", "kind")
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
