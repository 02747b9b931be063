"""The page of all rules, ``docs/rules.md``: made of the packs and overlays, never by hand."""

from collections.abc import Iterator, Sequence

from config.policies import Overlay, Pack, Policies
from pipeline.policy.country import Rule
from workers.reports.rule_values import value_in_words
from workers.reports.rules import enforcement, in_force, is_enforced, scope, source

_HEADER = """# Every rule

This page is made of the packs in `config/countries/` and the overlays in `config/overlays/` by
`recado policy page`; a test sees that it tells what they say. [Country packs](policies.md) explains
the kinds of rule, and how to change one.

A rule that is not enforced is written down with the reason: figures for reports, duties that
nothing in a message can meet, and what is still to come.
"""

_COLUMNS = ("rule", "value", "action", "binds", "in force", "source", "enforced by")


def rules_page(policies: Policies) -> str:
    """The whole page, in Markdown."""
    parts = [_HEADER, _totals(policies)]
    parts += [_pack(pack) for pack in policies.packs()]
    parts += [_overlay(overlay) for overlay in policies.overlays()]
    return "\n".join(parts)


def _totals(policies: Policies) -> str:
    packs = [rule for pack in policies.packs() for rule in pack.rules]
    overlays = [rule for overlay in policies.overlays() for rule in overlay.rules]
    enforced = sum(map(is_enforced, packs))
    return (
        f"The packs hold {len(packs)} rules, {enforced} of them enforced; the overlays, all off "
        f"unless switched on, {len(overlays)}.\n"
    )


def _pack(pack: Pack) -> str:
    names = ", ".join(sorted(pack.countries.values())) or "every country"
    about = f"For {names}. Version {pack.version}, checked {pack.last_checked}."
    return _section(f"{pack.name} ({pack.code})", about, pack.rules)


def _overlay(overlay: Overlay) -> str:
    every = overlay.countries == ("*",)
    names = "every country of every pack" if every else ", ".join(overlay.countries)
    about = (
        f"{overlay.title}. For {names}. Version {overlay.version}, checked {overlay.last_checked}."
    )
    return _section(f"Overlay {overlay.name}", about, overlay.rules)


def _section(title: str, about: str, rules: Sequence[Rule]) -> str:
    rows = [_row(_COLUMNS), _row(["---"] * len(_COLUMNS)), *map(_row, map(_cells, rules))]
    return "\n".join([f"## {title}\n", f"{about}\n", *rows, ""])


def _cells(rule: Rule) -> Iterator[str]:
    module = enforcement(rule)
    yield f"`{rule.id}`<br>{rule.summary}"
    yield value_in_words(rule)
    yield rule.action
    yield scope(rule)
    yield in_force(rule)
    yield source(rule) + (f"<br>{rule.reason}" if rule.reason else "")
    yield f"`{module}`" if is_enforced(rule) else module


def _row(cells: Sequence[str] | Iterator[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
