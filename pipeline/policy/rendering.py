"""The text: what it needs from each recipient, and what it becomes."""

import re
from collections.abc import Mapping

VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A variable in a body: ``{name}``. Nothing else in braces means anything."""

_BRACED = re.compile(r"\{\{[^{}\n]{0,64}\}\}|\{[^{}\n]{0,64}\}")


def variables_of(body: str) -> tuple[str, ...]:
    """The names that a body needs, each once, in order of appearance."""
    return tuple(dict.fromkeys(VARIABLE.findall(body)))


def not_a_variable(body: str) -> str | None:
    """The first thing in braces that looks like a variable and is none, e.g. ``{{1}}``."""
    braced = (match[0] for match in _BRACED.finditer(body))
    return next((each for each in braced if not VARIABLE.fullmatch(each)), None)


def render(body: str, values: Mapping[str, str]) -> str:
    """The body with its variables filled in.

    A value is text and stays text: braces in it are not looked at again.

    Raises:
        KeyError: a value is missing; the consent stage blocks such messages before.
    """
    return VARIABLE.sub(lambda match: values[match.group(1)], body)
