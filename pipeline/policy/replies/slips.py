"""What people type who mean a word by which people leave: slips of the finger, letters too many."""

import re
from collections.abc import Iterable, Mapping

from pipeline.policy.replies.lookalikes import readings

SHORTEST = 4
"""Letters that a word must have, as typed and as meant, to be taken for a slip."""

_LONG = 6
"""Letters from which any one slip tells; a shorter word is also one letter from other words."""

_SURE = "stop"
"""The word that messages name: any one slip tells, however short it is."""

_LONGEST = 24
_RUN = re.compile(r"(.)\1\1")
_REPEATED = re.compile(r"(.)\1+")
_GLUED = re.compile(r"(\D+)(\d+)")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> frozenset[str]:
    """Pairs of letters whose keys touch: on one row, or on the next, half a key to the side."""
    pairs: set[str] = set()
    for number, row in enumerate(_ROWS):
        below = _ROWS[number + 1] if number + 1 < len(_ROWS) else ""
        for place, letter in enumerate(row):
            touching = row[place + 1 : place + 2] + below[max(place - 1, 0) : place + 1]
            pairs |= {pair for other in touching for pair in (letter + other, other + letter)}
    # Zero and one are typed for o and l by those who mean to get past a filter.
    return frozenset(pairs | {"0o", "0p", "1l", "1i", "3e", "4a", "5s", "7t", "9o"})


_NEIGHBOURS = _neighbours()


def squeezed(word: str) -> str:
    """The word with every letter once where it stands several times in a row."""
    return _REPEATED.sub(r"\1", word)


def mended(token: str, leaving: frozenset[str], by_squeezed: Mapping[str, str]) -> tuple[str, ...]:
    """The words that a token stands for that is none as it is; empty: none that people leave by.

    Letters of another script, letters typed three times and more (``stoppp``), and a number glued
    to a word (``STOP36111``).

    Args:
        leaving: every single word by which people leave.
        by_squeezed: the same by their squeezed form.
    """
    for reading in readings(token):
        if reading in leaving:
            return (reading,)
    if _RUN.search(token) and squeezed(token) in by_squeezed:
        return (by_squeezed[squeezed(token)],)
    glued = _GLUED.fullmatch(token)
    if glued and len(glued[1]) >= SHORTEST and glued[1] in leaving:
        return glued[1], glued[2]
    return ()


def slip_of(token: str, targets: Iterable[str]) -> tuple[str, bool] | None:
    """The word that one slip of the finger has made the token of, and whether that is sure.

    A slip is a letter too many, too few, another one, or two that have changed places.

    Args:
        token: a normalised word that is none of a table.
        targets: words by which people leave.
    """
    if not SHORTEST <= len(token) <= _LONGEST:
        return None
    unsure: str | None = None
    for target in targets:
        if len(target) < SHORTEST or abs(len(target) - len(token)) > 1:
            continue
        sure = _is_slip(token, target)
        if sure:
            return target, True
        if sure is not None:
            unsure = unsure or target
    return (unsure, False) if unsure else None


def _is_slip(token: str, target: str) -> bool | None:
    """Whether it surely is one; None: it is none."""
    start = 0
    shortest = min(len(token), len(target))
    while start < shortest and token[start] == target[start]:
        start += 1
    rest, meant = token[start:], target[start:]
    if len(token) != len(target):
        longer, shorter = (rest, meant) if len(token) > len(target) else (meant, rest)
        return True if longer[1:] == shorter else None
    if rest[1:] == meant[1:]:
        return len(target) >= _LONG or target == _SURE or rest[0] + meant[0] in _NEIGHBOURS
    return True if rest[:2] == meant[1::-1] and rest[2:] == meant[2:] else None
