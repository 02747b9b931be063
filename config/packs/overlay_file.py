"""Reads one overlay: rules that an operator may switch on beside every pack's own."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from config.packs.errors import PackText, PolicyError, near
from config.packs.kinds import OVERLAY_KINDS
from config.packs.rows import Row, checked, read_content, read_rules
from config.packs.schema import PROJECT_DECISION, PackRule, is_country
from config.packs.values import AnyChannel, Text, Value
from pipeline.policy.country import Rule
from pipeline.policy.numbers import known_states
from pipeline.policy.vocabulary import Channel

EVERY_COUNTRY = "*"
TOP_LEVEL = ("overlay", "rule")

_SCOPES: Mapping[str, frozenset[str]] = {
    "window": frozenset({"states", "channels"}),
    "cap": frozenset({"states", "channels"}),
    "block_list": frozenset({"states", "channels"}),
    "quota": frozenset({"channels"}),
    "channel_ban": frozenset({"channels"}),
}
"""Kind → the ways in which a rule of it can be for a part of a country only."""


class OverlayHead(BaseModel):
    """``[overlay]``: what the file is.

    Attributes:
        name: the file's own name without its ending; the ids of its rules begin with it, with
            underscores for hyphens.
        version: the overlay's own, for people.
        last_checked: when somebody last compared it with its sources.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: Text
    version: Text
    last_checked: date


class OverlayRule(PackRule):
    """``[[rule]]`` of an overlay.

    Attributes:
        countries: ISO 3166 codes, or ``*`` alone for every country of every pack.
        states: the subdivisions that it binds; None: the whole country.
        channels: those that it binds; None: every one.
        evidence: how well its source is known. `primary`: its own text was read; `secondary`:
            others tell of it; `unverified`: nothing was found that bears it out.
    """

    countries: Annotated[list[str], Field(min_length=1)]
    states: Annotated[list[str], Field(min_length=1)] | None = None
    channels: Annotated[list[AnyChannel], Field(min_length=1)] | None = None
    evidence: Literal["primary", "secondary", "unverified"]

    @field_validator("countries")
    @classmethod
    def _are_countries(cls, codes: list[str]) -> list[str]:
        if codes == [EVERY_COUNTRY]:
            return codes
        for code in codes:
            if not is_country(code):
                raise ValueError(
                    f"{code!r} is no ISO 3166 country code; write two capitals, e.g. PE, or "
                    f"{EVERY_COUNTRY!r} alone for every country"
                )
        return codes

    @field_validator("source")
    @classmethod
    def _is_source(cls, source: str) -> str:
        if len(source.split()) <= 1 and "://" not in source:
            raise ValueError(
                f"{source!r} names no place; write a law, a page or '{PROJECT_DECISION}'"
            )
        return source


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlayRow(Row):
    """A rule as it stands in an overlay, with its parameters checked."""

    rule: OverlayRule

    def binds(self, country: str) -> bool:
        """Whether it is for recipients of that country."""
        return self.rule.countries == [EVERY_COUNTRY] or country in self.rule.countries


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlayFile:
    """One checked file: `content` is what it said, `text` helps to place later errors."""

    head: OverlayHead
    rows: tuple[OverlayRow, ...]
    content: Mapping[str, Any]
    text: PackText

    def binds(self, country: str) -> bool:
        """Whether any of its rows is for recipients of that country, whenever."""
        return any(row.binds(country) for row in self.rows)

    def rule(self, row: OverlayRow) -> Rule:
        """One of its rows as an officer reads it."""
        return replace(
            row.as_rule(),
            overlay=self.head.name,
            states=frozenset(row.rule.states or ()),
            channels=frozenset(row.rule.channels or Channel),
            evidence=row.rule.evidence,
        )

    def error(self, row: Row, problem: str, field: str) -> PolicyError:
        """The error for one of its rows."""
        return self.text.error(problem, rule=row.place, rule_id=row.rule.id, field=field)


def read_overlay(path: Path) -> OverlayFile:
    """Read and check one file by itself.

    Raises:
        PolicyError: it is no TOML, a row, a field or a value cannot be used, or two rows have
            one id on one day.
    """
    content, text = read_content(path, TOP_LEVEL)
    head = checked(text, OverlayHead, content.get("overlay", {}))
    if head.name != path.stem:
        raise text.error(f"the file is {path.name}; write {path.stem!r}", field="name")
    rows = tuple(
        OverlayRow(rule=rule, value=value, place=place)
        for place, (rule, value) in enumerate(read_rules(text, content, OverlayRule))
    )
    overlay = OverlayFile(head=head, rows=rows, content=content, text=text)
    for row in rows:
        for field, problem in _mistakes(head, row.rule, row.value):
            raise overlay.error(row, problem, field)
    for earlier, later in combinations(rows, 2):
        if earlier.rule.id == later.rule.id and earlier.overlaps(later):
            raise overlay.error(
                later,
                "the id stands twice for the same days; rename one, or end the first with "
                "effective_to",
                "id",
            )
    return overlay


def _mistakes(head: OverlayHead, rule: OverlayRule, value: Value) -> Iterator[tuple[str, str]]:
    """What is wrong with one row, as (field, problem with its remedy)."""
    prefix = re.sub("-", "_", head.name) + "_"
    if not rule.id.startswith(prefix):
        yield "id", f"the id must begin with {prefix} in this file"
    if rule.kind not in OVERLAY_KINDS:
        yield "kind", f"an overlay holds no {rule.kind} rule; {near(rule.kind, OVERLAY_KINDS)}"
    if rule.packs is not None:
        yield "packs", "an overlay's rule names countries; remove it"
    if rule.action == "allow" or getattr(value, "always_open", False):
        yield "action", "an overlay only narrows what a pack allows; remove the rule"
    if rule.kind == "quota" and rule.categories is not None:
        yield "categories", "a quota counts every message of a sender; remove it"
    if rule.kind != "quota" and rule.categories is None:
        yield "categories", f"a {rule.kind} rule binds categories; add categories = [...]"
    if rule.kind == "channel_ban" and rule.channels is None:
        yield "channels", 'is missing; add the forbidden ones, e.g. channels = ["whatsapp"]'
    for field in ("states", "channels"):
        if getattr(rule, field) is not None and field not in _SCOPES.get(rule.kind, ()):
            yield field, f"a {rule.kind} rule binds all {field}; remove it"
    yield from _wrong_states(rule)


def _wrong_states(rule: OverlayRule) -> Iterator[tuple[str, str]]:
    for country in rule.countries if rule.states else ():
        known = known_states(country)
        if not known:
            yield "states", f"the numbers of {country} do not tell a state; remove it"
            return
        for state in rule.states or ():
            if state not in known:
                names = ", ".join(sorted(known))
                yield "states", f"{country} has no state {state!r}; known are: {names}"
