"""The rows that bind one pack's countries on one day, and how to ask for them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Generic, TypeVar

from config.packs.reader import PackFile
from config.packs.rows import Row
from config.packs.values import Value
from pipeline.policy.country import Rule
from pipeline.policy.vocabulary import Category

_Value = TypeVar("_Value", bound=Value)
_Value_co = TypeVar("_Value_co", bound=Value, covariant=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Found(Generic[_Value_co]):
    """A rule with its parameters; `own` tells the pack's rules from the general ones."""

    rule: Rule
    value: _Value_co
    own: bool


def rows_of(pack: PackFile, general: PackFile) -> tuple[Row, ...]:
    """Every row that can bind the pack's countries, whenever: its own first, then the general."""
    code = pack.head.code
    applying = (row for row in general.rows if row.rule.packs is None or code in row.rule.packs)
    return (*pack.rows, *applying)


class RulesInForce:
    """The rules of a pack, and the general ones, that bind on one day.

    A pack of which no row in force sets public service messages apart from marketing treats them
    alike: what binds the one then binds the other. The pack's own rules come before the general
    ones, and where a question has one answer, the first is it.

    Raises:
        PolicyError: the pack sets public service messages apart, and leaves a question open for
            them that it answers for marketing: nothing is sent freely by an oversight.
    """

    def __init__(self, pack: PackFile, general: PackFile, on: date) -> None:
        in_force = [row for row in rows_of(pack, general) if row.in_force(on)]
        own = {row.rule.id for row in pack.rows}
        as_marketing = not any(_sets_apart(row) for row in in_force if row.rule.id in own)
        self._as_marketing = as_marketing
        if not as_marketing:
            _check_complete(pack, [row for row in in_force if row.rule.id in own])
        self._found = [
            Found(rule=_rule(row, as_marketing), value=row.value, own=row.rule.id in own)
            for row in in_force
        ]

    @property
    def as_marketing(self) -> bool:
        """Whether public service messages are treated as marketing."""
        return self._as_marketing

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule in force, enforced or not."""
        return tuple(found.rule for found in self._found)

    def all(self, kind: str, model: type[_Value]) -> Iterator[Found[_Value]]:
        """The rules of a kind, whose parameters are of `model`."""
        for found in self._found:
            if found.rule.kind == kind and isinstance(found.value, model):
                yield Found(rule=found.rule, value=found.value, own=found.own)

    def first(
        self, kind: str, model: type[_Value], category: Category | None = None
    ) -> Found[_Value] | None:
        """The rule of a kind that decides, for a category where the kind goes by category."""
        for found in self.all(kind, model):
            if category is None or category in found.rule.categories:
                return found
        return None


def _sets_apart(row: Row) -> bool:
    """Whether the row binds public service messages and not marketing."""
    categories = row.rule.categories or Category
    return Category.PUBLIC_SERVICE in categories and Category.MARKETING not in categories


def _check_complete(pack: PackFile, rows: list[Row]) -> None:
    for kind in ("consent", "window", "cap"):
        answered = {c for row in rows if row.rule.kind == kind for c in row.rule.categories or ()}
        if Category.MARKETING in answered and Category.PUBLIC_SERVICE not in answered:
            row = next(row for row in rows if row.rule.kind == kind)
            raise pack.text.error(
                "other rules set public_service apart from marketing, and none of this kind says "
                f"what holds for it; add a {kind} rule for public_service",
                rule=row.place,
                rule_id=row.rule.id,
                field="categories",
            )


def _rule(row: Row, as_marketing: bool) -> Rule:
    rule = row.as_rule()
    if as_marketing and Category.MARKETING in rule.categories:
        return replace(rule, categories=rule.categories | {Category.PUBLIC_SERVICE})
    return rule
