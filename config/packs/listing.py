"""Packs and overlays as an operator sees them in a list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from config.packs.overlay_file import OverlayFile
from config.packs.reader import PackFile
from pipeline.policy.country import Rule


@dataclass(frozen=True, kw_only=True, slots=True)
class Pack:
    """A pack.

    Attributes:
        code: e.g. ``EU``; ``GENERAL`` is the pack of the rules that apply with every other.
        version: the pack's own number, for people.
        countries: ISO 3166 code → name of each country that it applies to.
        rules: every row of the file, whenever it binds.
    """

    code: str
    name: str
    version: str
    last_checked: date
    countries: Mapping[str, str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """An overlay.

    Attributes:
        version: its own number, for people.
        on: whether it is switched on.
        countries: ISO 3166 codes, sorted; ``*``: every country of every pack.
        rules: every row of the file, whenever it binds.
    """

    name: str
    title: str
    version: str
    last_checked: date
    on: bool
    countries: tuple[str, ...]
    rules: tuple[Rule, ...]


def listed_pack(pack: PackFile) -> Pack:
    """A pack's entry in the list."""
    return Pack(
        code=pack.head.code,
        name=pack.head.name,
        version=pack.head.version,
        last_checked=pack.head.last_checked,
        countries={code: country.name for code, country in pack.countries.items()},
        rules=tuple(row.as_rule() for row in pack.rows),
    )


def listed_overlay(overlay: OverlayFile, *, on: bool) -> Overlay:
    """An overlay's entry in the list."""
    countries = {country for row in overlay.rows for country in row.rule.countries}
    return Overlay(
        name=overlay.head.name,
        title=overlay.head.title,
        version=overlay.head.version,
        last_checked=overlay.head.last_checked,
        on=on,
        countries=tuple(sorted(countries)),
        rules=tuple(overlay.rule(row) for row in overlay.rows),
    )
