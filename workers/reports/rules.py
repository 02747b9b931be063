"""One rule as people and programs read it: what it says, whom it binds, what enforces it."""

from collections.abc import Iterator
from typing import Any

from config.policies import ENFORCED_KINDS, LATER_KINDS
from pipeline.policy.country import Rule
from pipeline.policy.vocabulary import Category, Channel
from workers.reports.rule_values import value_in_words

_EVIDENCE = {
    "primary": "its own text",
    "secondary": "told by others",
    "unverified": "unverified",
}


def is_enforced(rule: Rule) -> bool:
    """Whether code decides by the rule."""
    return rule.kind in ENFORCED_KINDS


def enforcement(rule: Rule) -> str:
    """The module that enforces the rule, or why none does."""
    module = ENFORCED_KINDS.get(rule.kind)
    return module if module is not None else f"not enforced: {LATER_KINDS[rule.kind]}"


def scope(rule: Rule) -> str:
    """Which messages and which part of a country the rule binds."""
    parts = [
        "every category" if len(rule.categories) == len(Category) else _joined(rule.categories)
    ]
    if rule.states:
        parts.append(f"in {_joined(rule.states)}")
    if len(rule.channels) < len(Channel):
        parts.append(f"by {_joined(rule.channels)}")
    return ", ".join(parts)


def in_force(rule: Rule) -> str:
    """Since when, and until when."""
    since = f"since {rule.effective_from}"
    return since if rule.effective_to is None else f"{since}, until before {rule.effective_to}"


def source(rule: Rule) -> str:
    """Where the rule comes from, with the source's own words."""
    kind = f" ({_EVIDENCE[rule.evidence]})" if rule.evidence else ""
    return f"{rule.source}{kind}" + (f" «{rule.phrase}»" if rule.phrase else "")


def rule_lines(rule: Rule) -> Iterator[str]:
    """The rule for a terminal."""
    origin = f", overlay {rule.overlay}" if rule.overlay else ""
    mark = "enforced" if is_enforced(rule) else "not enforced"
    yield f"{rule.id}  [{rule.kind}, {rule.action}, {mark}{origin}]"
    yield f"  {rule.summary}"
    value = value_in_words(rule)
    if value:
        yield f"  value: {value}"
    yield f"  binds: {scope(rule)}, {in_force(rule)}"
    yield f"  {'enforced by: ' if is_enforced(rule) else ''}{enforcement(rule)}"
    yield f"  source: {source(rule)}"
    if rule.reason:
        yield f"  chosen because: {rule.reason}"


def rule_as_json(rule: Rule) -> dict[str, Any]:
    """The rule for a program."""
    return {
        "id": rule.id,
        "kind": rule.kind,
        "action": rule.action,
        "enforced": is_enforced(rule),
        "enforced_by": ENFORCED_KINDS.get(rule.kind),
        "overlay": rule.overlay or None,
        "summary": rule.summary,
        "value": dict(rule.value),
        "value_in_words": value_in_words(rule),
        "source": rule.source,
        "evidence": rule.evidence or None,
        "phrase": rule.phrase,
        "reason": rule.reason,
        "categories": sorted(rule.categories),
        "states": sorted(rule.states),
        "channels": sorted(rule.channels),
        "effective_from": rule.effective_from,
        "effective_to": rule.effective_to,
    }


def _joined(names: frozenset[Any]) -> str:
    *others, last = (str(name).replace("_", " ") for name in sorted(names))
    return f"{', '.join(others)} and {last}" if others else last
