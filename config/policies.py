"""Loads the country packs and answers which policy binds a country on a day."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from config.packs.assembly import assemble
from config.packs.checks import check_pack, check_packs
from config.packs.enforcement import ENFORCED_KINDS, LATER_KINDS
from config.packs.errors import PolicyError
from config.packs.reader import GENERAL, PackFile, read_pack
from config.packs.rules_in_force import rows_of
from pipeline.policy.country import CountryPolicy, Rule

__all__ = [
    "ENFORCED_KINDS",
    "LATER_KINDS",
    "Pack",
    "Policies",
    "PolicyError",
    "load_policies",
]

COUNTRIES_FOLDER = Path(__file__).parent / "countries"
GENERAL_FILE = "general.toml"
HASH_LENGTH = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Pack:
    """A pack as an operator sees it in a list.

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


class Policies:
    """Every pack, checked; answers are computed once and kept. Safe to share between threads."""

    def __init__(
        self,
        packs: Sequence[PackFile],
        general: PackFile,
        closed_days: Iterable[date] = (),
        *,
        length_blocks: bool = False,
    ) -> None:
        self._packs = tuple(packs)
        self._general = general
        self._closed_days = tuple(sorted(set(closed_days)))
        self._length_blocks = length_blocks
        self._pack_of = {country: pack for pack in self._packs for country in pack.countries}
        self._changes = {pack.head.code: _changes(pack, general) for pack in self._packs}
        self._hashes = {pack.head.code: self._hash(pack) for pack in self._packs}
        self._known: dict[tuple[str, date], CountryPolicy] = {}

    def for_country(self, country: str, on: date) -> CountryPolicy | None:
        """The policy for recipients in a country on a day.

        Args:
            country: ISO 3166 code, e.g. ``ES``.
            on: the day whose rules apply; the day in UTC of the decision.

        Returns:
            None: no pack has the country, or none of its rules was in force yet. Nothing may
            be sent then.
        """
        pack = self._pack_of.get(country)
        if pack is None:
            return None
        changes = self._changes[pack.head.code]
        position = bisect_right(changes, on)
        if position == 0:
            return None
        since = changes[position - 1]
        policy = self._known.get((country, since))
        if policy is None:
            if not any(row.in_force(since) for row in pack.rows):
                return None
            policy = self._assemble(pack, country, since)
            self._known[country, since] = policy
        return policy

    def packs(self) -> tuple[Pack, ...]:
        """Every pack, the general one first, then by code."""
        ordered = sorted(self._packs, key=lambda pack: pack.head.code)
        return tuple(_listed(pack) for pack in (self._general, *ordered))

    def check(self) -> None:
        """Assemble every policy there ever is, so that none fails later.

        Raises:
            PolicyError: on some day a pack lacks what a policy needs.
        """
        for country, pack in self._pack_of.items():
            for since in self._changes[pack.head.code]:
                self.for_country(country, since)

    def _assemble(self, pack: PackFile, country: str, since: date) -> CountryPolicy:
        code = pack.head.code
        return assemble(
            pack,
            self._general,
            country,
            on=since,
            version=f"{code}-{self._hashes[code]}-{since:%Y%m%d}",
            closed_days=self._closed_days,
            length_blocks=self._length_blocks,
        )

    def _hash(self, pack: PackFile) -> str:
        """Identifies what was loaded; comments and layout of the files do not change it."""
        content = [
            pack.content,
            self._general.content,
            self._closed_days,
            self._length_blocks,
        ]
        text = json.dumps(content, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def load_policies(
    folder: Path | None = None,
    *,
    closed_days: Iterable[date] = (),
    overlays: Iterable[str] = (),
    length_blocks: bool = False,
) -> Policies:
    """Read every pack of a folder.

    Args:
        folder: holds one TOML file a pack and ``general.toml``; None: those of the project.
        closed_days: days that the operator adds to every country's holidays.
        overlays: the names of those that are switched on.
        length_blocks: whether a text longer than a country recommends is not sent; else it is
            only warned of.

    Raises:
        PolicyError: a pack cannot be used; one line names file, line, rule, field and remedy.
    """
    folder = folder or COUNTRIES_FOLDER
    if not (folder / GENERAL_FILE).is_file():
        raise PolicyError(f"{folder / GENERAL_FILE}: is missing; every pack builds on it")
    files = [read_pack(path) for path in sorted(folder.glob("*.toml"))]
    general = next(file for file in files if file.text.path.name == GENERAL_FILE)
    if general.head.code != GENERAL:
        raise general.text.error(f"the code of this file is {GENERAL}; correct it", field="code")
    packs = [file for file in files if file is not general]
    check_packs(packs, general)
    for file in files:
        check_pack(file)
    policies = Policies(packs, general, closed_days, length_blocks=length_blocks)
    policies.check()
    return policies


def _changes(pack: PackFile, general: PackFile) -> list[date]:
    """The days on which the rules in force change, in order."""
    days: set[date] = set()
    for row in rows_of(pack, general):
        days.add(row.rule.effective_from)
        if row.rule.effective_to is not None:
            days.add(row.rule.effective_to)
    return sorted(days)


def _listed(pack: PackFile) -> Pack:
    return Pack(
        code=pack.head.code,
        name=pack.head.name,
        version=pack.head.version,
        last_checked=pack.head.last_checked,
        countries={code: country.name for code, country in pack.countries.items()},
        rules=tuple(row.as_rule() for row in pack.rows),
    )
