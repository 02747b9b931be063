"""Texts of strangers, made fit to be shown."""

import unicodedata

_JOINERS = frozenset("\u200c\u200d")
"""Letters of Hindi and many an emoji are joined by these; they do nothing else."""

_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
"""Control characters, invisible ones that turn the direction of writing, and halves of characters:
a terminal would obey some of them, and others hide what was written."""


def harmless(text: str) -> str:
    """A text on one line without anything that a terminal would obey."""
    kept = (
        " " if character.isspace() else character
        for character in text
        if character.isspace()
        or character in _JOINERS
        or unicodedata.category(character) not in _DROPPED
    )
    return " ".join("".join(kept).split())
