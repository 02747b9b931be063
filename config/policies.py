"""Loads the country packs and answers which policy binds a country on a day."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from pathlib import Path

from config.packs.assembly import assemble
from config.packs.enforcement import ENFORCED_KINDS, LATER_KINDS
from config.packs.errors import PolicyError, near
from config.packs.folder import COUNTRIES_FOLDER, OVERLAYS_FOLDER, Files, read_each, read_folder
from config.packs.listing import Overlay, Pack, listed_overlay, listed_pack
from config.packs.overlay_file import OverlayFile
from config.packs.reader import PackFile
from config.packs.rules_in_force import rows_of
from config.packs.values import BlockListValue
from pipeline.policy.country import CountryPolicy

__all__ = [
    "COUNTRIES_FOLDER",
    "ENFORCED_KINDS",
    "LATER_KINDS",
    "OVERLAYS_FOLDER",
    "Overlay",
    "Pack",
    "Policies",
    "PolicyError",
    "check_policies",
    "load_policies",
]

HASH_LENGTH = 8


class Policies:
    """Every pack, checked; answers are computed once and kept. Safe to share between threads.

    Args:
        files: the packs, and every overlay, on or off.
        closed_days: days that the operator adds to every country's holidays.
        overlays: the names of those that are switched on.
        length_blocks: whether a text longer than a country recommends is not sent.

    Raises:
        PolicyError: there is no overlay of such a name.
    """

    def __init__(
        self,
        files: Files,
        closed_days: Iterable[date] = (),
        *,
        overlays: Iterable[str] = (),
        length_blocks: bool = False,
    ) -> None:
        self._files = files
        self._closed_days = tuple(sorted(set(closed_days)))
        self._length_blocks = length_blocks
        self._overlays = _switched_on(files, overlays)
        self._pack_of = {country: pack for pack in files.packs for country in pack.countries}
        self._binding = {
            country: tuple(overlay for overlay in self._overlays if overlay.binds(country))
            for country in self._pack_of
        }
        self._changes = {country: self._find_changes(country) for country in self._pack_of}
        self._hashes: dict[tuple[str, ...], str] = {}
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
        changes = self._changes[country]
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

    def with_overlays(self, names: Iterable[str]) -> "Policies":
        """The same packs, with these overlays switched on beside those that are on already.

        Raises:
            PolicyError: there is no such overlay, or it cannot be joined to a pack.
        """
        on = (*(overlay.head.name for overlay in self._overlays), *names)
        policies = Policies(
            self._files, self._closed_days, overlays=on, length_blocks=self._length_blocks
        )
        policies.check()
        return policies

    def packs(self) -> tuple[Pack, ...]:
        """Every pack, the general one first, then by code."""
        ordered = sorted(self._files.packs, key=lambda pack: pack.head.code)
        return tuple(listed_pack(pack) for pack in (self._files.general, *ordered))

    def overlays(self) -> tuple[Overlay, ...]:
        """Every overlay by name, on or off."""
        on = {overlay.head.name for overlay in self._overlays}
        return tuple(
            listed_overlay(overlay, on=overlay.head.name in on) for overlay in self._files.overlays
        )

    @cached_property
    def block_lists(self) -> frozenset[str]:
        """The name of every public block list that an overlay, on or off, looks at."""
        return frozenset(
            row.value.list
            for overlay in self._files.overlays
            for row in overlay.rows
            if isinstance(row.value, BlockListValue)
        )

    def check(self) -> None:
        """Assemble every policy there ever is, so that none fails later.

        Raises:
            PolicyError: on some day a pack lacks what a policy needs, or an overlay that is on
                cannot be joined.
        """
        for country, changes in self._changes.items():
            for since in changes:
                self.for_country(country, since)

    def _assemble(self, pack: PackFile, country: str, since: date) -> CountryPolicy:
        overlays = self._binding[country]
        return assemble(
            pack,
            self._files.general,
            country,
            on=since,
            version=f"{pack.head.code}-{self._hash(pack, overlays)}-{since:%Y%m%d}",
            overlays=overlays,
            closed_days=self._closed_days,
            length_blocks=self._length_blocks,
        )

    def _find_changes(self, country: str) -> list[date]:
        """The days on which the rules in force change, in order."""
        rows = [
            *rows_of(self._pack_of[country], self._files.general),
            *(row for one in self._binding[country] for row in one.rows if row.binds(country)),
        ]
        first = {row.rule.effective_from for row in rows}
        return sorted(first | {row.rule.effective_to for row in rows if row.rule.effective_to})

    def _hash(self, pack: PackFile, overlays: tuple[OverlayFile, ...]) -> str:
        """Identifies what was loaded; comments and layout of the files do not change it."""
        key = (pack.head.code, *(overlay.head.name for overlay in overlays))
        if key not in self._hashes:
            content = [
                pack.content,
                self._files.general.content,
                self._closed_days,
                self._length_blocks,
                *(overlay.content for overlay in overlays),
            ]
            text = json.dumps(content, sort_keys=True, default=str)
            self._hashes[key] = hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]
        return self._hashes[key]


def load_policies(
    folder: Path | None = None,
    *,
    closed_days: Iterable[date] = (),
    overlays: Iterable[str] = (),
    length_blocks: bool = False,
) -> Policies:
    """Read every pack of a folder, and the overlays that go with it.

    Args:
        folder: holds one TOML file a pack and ``general.toml``, and its own overlays, if it has
            any, in ``overlays/``; None: those of the project.
        closed_days: days that the operator adds to every country's holidays.
        overlays: the names of those that are switched on.
        length_blocks: whether a text longer than a country recommends is not sent; else it is
            only warned of.

    Raises:
        PolicyError: a file cannot be used; one line names file, line, rule, field and remedy.
            Or there is no overlay of such a name.
    """
    policies = Policies(
        read_folder(folder), closed_days, overlays=overlays, length_blocks=length_blocks
    )
    policies.check()
    return policies


def check_policies(folder: Path | None) -> tuple[Policies | None, list[PolicyError]]:
    """Read a folder's files as `load_policies` does, and find the first error of each.

    Every overlay is switched on, alone and with all the others, since an operator may do so.

    Returns:
        The policies, no overlay on, where all can be used; and the errors, each of one file.
    """
    files, errors = read_each(folder)
    if files is None:
        return None, errors
    names = [overlay.head.name for overlay in files.overlays]
    for switched_on in ([], *([name] for name in names), names):
        try:
            Policies(files, overlays=switched_on).check()
        except PolicyError as error:
            if str(error) not in map(str, errors):
                errors.append(error)
    return (None if errors else Policies(files)), errors


def _switched_on(files: Files, names: Iterable[str]) -> tuple[OverlayFile, ...]:
    known = {overlay.head.name: overlay for overlay in files.overlays}
    wanted = tuple(names)
    for name in wanted:
        if name not in known:
            raise PolicyError(f"no overlay {name!r}; {near(name, known)}")
    return tuple(overlay for name, overlay in known.items() if name in wanted)
