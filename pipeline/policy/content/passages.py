"""Whether a passage stands in a text: as whole words, whatever case, width and spacing they have.

A text is looked at with its variables filled in, or before that, with a gap for each. What is
found around the gaps holds for every recipient; next to a gap nothing is certain.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from pipeline.policy.checks import Check
from pipeline.policy.content.text import CampaignText
from pipeline.policy.rendering import VARIABLE
from pipeline.policy.wording import normalise_wording

_FIRST_GAP = 0xF0000
"""Gaps are characters for private use that no keyboard writes, a different one a variable."""

_GAPS = range(_FIRST_GAP, 0xFFFFE)
_INVISIBLE = "Cf"
_MARKS = str.maketrans("\N{TRADE MARK SIGN}\N{SERVICE MARK}", "  ")
"""Signs beside a brand, which Unicode's compatible form would turn into letters of it."""


class Look:
    """A campaign's text, filled in for one recipient or with gaps.

    Attributes:
        first: whether the message is the first one to the person; None: not known.
    """

    __slots__ = ("_body", "_plain", "_raw", "_values", "first")

    def __init__(
        self, text: CampaignText, values: Mapping[str, str], *, first: bool | None = None
    ) -> None:
        self._body = text.body
        self._values = values
        self._plain: str | None = None
        self._raw: str | None = None
        self.first = first

    @property
    def raw(self) -> str:
        """The text as it would be read."""
        if self._raw is None:
            self._raw = fill(self._body, self._values)
        return self._raw

    @property
    def plain(self) -> str:
        """The text in the form in which passages are looked for."""
        if self._plain is None:
            self._plain = plain(self.raw)
        return self._plain

    @property
    def filled(self) -> Iterable[str]:
        """What stands in the variables of the text."""
        return self._values.values()

    def value(self, name: str) -> str:
        """What stands in a variable."""
        return self._values[name]

    def passage(self, wording: str) -> str:
        """A wording as it stands in this text: its own variables are filled in too."""
        return fill(wording, self._values)

    def holds(self, wording: str) -> bool:
        """Whether the wording stands in the text, and says something."""
        passage = plain_passage(self.passage(wording))
        return says_something(passage) and find(self.plain, passage) != -1


class Subject:
    """A campaign's text before it is filled in.

    Attributes:
        gapped: the text with its gaps.
        own: the campaign's own wording: a space stands for each variable.
    """

    __slots__ = ("gapped", "own", "text")

    def __init__(self, text: CampaignText) -> None:
        self.text = text
        gaps = {name: chr(_FIRST_GAP + place) for place, name in enumerate(text.variables)}
        self.gapped = Look(text, gaps)
        self.own = VARIABLE.sub(" ", text.body)


Demand = Callable[[Look], Check]
"""What is asked of each recipient's text."""


def settle(
    subject: Subject, holds: Callable[[Look], bool], *, good: Check, bad: Check
) -> Check | Demand:
    """The answer that is the same for all, or what is to be asked for each recipient.

    Args:
        holds: whether the text is as it should be; of a text with gaps, whether it is so whatever
            the values are.
    """
    if holds(subject.gapped):
        return good
    if not subject.text.variables:
        return bad
    return lambda look: good if holds(look) else bad


def fill(wording: str, values: Mapping[str, str]) -> str:
    """The wording with the variables that have a value filled in."""
    if "{" not in wording:
        return wording
    return VARIABLE.sub(lambda match: values.get(match[1], match[0]), wording)


def plain(text: str) -> str:
    """The form in which texts are compared: see `normalise_wording`; nothing invisible is left."""
    return normalise_wording(_visible(text))


plain_passage = lru_cache(maxsize=4096)(plain)
"""The same for what is looked for again and again."""


def composed(text: str) -> str:
    """The text in one Unicode form, nothing invisible in it; case and spaces stay."""
    return text if text.isascii() else unicodedata.normalize("NFKC", _visible(text))


def _visible(text: str) -> str:
    if text.isascii():
        return text
    seen = (one for one in text if unicodedata.category(one) != _INVISIBLE)
    return "".join(seen).translate(_MARKS)


def find(text: str, passage: str, start: int = 0) -> int:
    """Where the passage stands in the text as whole words; -1: nowhere. Both are plain."""
    place = text.find(passage, start) if passage else -1
    while place != -1 and not _is_whole(text, place, place + len(passage)):
        place = text.find(passage, place + 1)
    return place


def says_something(passage: str) -> bool:
    """Whether it holds a letter or a digit; a gap is none."""
    return any(character.isalnum() for character in passage)


def is_word(character: str) -> bool:
    """Whether it is part of a word, or may be: a letter, a digit, a mark on them, a gap."""
    return (
        character.isalnum()
        or ord(character) in _GAPS
        or unicodedata.category(character).startswith("M")
    )


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no word goes on across either end, nor a number: ``5%`` is not in ``1.5%``."""
    if start > 0 and is_word(text[start]):
        before = text[start - 1]
        if is_word(before) or (text[start].isdigit() and _is_decimal(text, start - 1)):
            return False
    if end < len(text) and is_word(text[end - 1]):
        after = text[end]
        if is_word(after) or (text[end - 1].isdigit() and _is_decimal(text, end)):
            return False
    return True


def _is_decimal(text: str, place: int) -> bool:
    """Whether a point or comma between two digits stands there."""
    return (
        text[place] in ".,"
        and 0 < place < len(text) - 1
        and text[place - 1].isdigit()
        and text[place + 1].isdigit()
    )
