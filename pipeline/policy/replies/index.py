"""Finds every word and phrase of the tables in a reply, in one pass."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from pipeline.policy.replies.meaning import Scope


class Kind(Enum):
    """What a word or phrase of the tables is."""

    LEAVE = auto()
    """By which people leave, as a whole reply or as part of one."""
    PHRASE = auto()
    """By which people leave, wherever it stands."""
    WRONG_NUMBER = auto()
    COMPLAINT = auto()
    RETURN = auto()
    YES = auto()
    HELP = auto()
    DOUBT = auto()
    """Unclear: a person decides."""
    FILLER = auto()
    """Courtesy around a word."""
    NEGATION = auto()
    NEGATION_AFTER = auto()
    HARMLESS = auto()
    """In which a word by which people leave means something else."""
    OBJECT = auto()
    """What else people cancel: an order, an appointment."""
    AUTOMATIC = auto()
    """How an answer begins that a machine has sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A word or phrase of a table.

    Attributes:
        tokens: its words, normalised.
        language: of its table.
        home_only: it means something else in other languages, and counts only where this one
            is spoken.
        alone: it counts only when the reply is nothing else.
        scope: what an opt-out by it covers.
        negated: it holds a negation of its own: another one before it does not turn it round.
    """

    tokens: tuple[str, ...]
    kind: Kind
    language: str
    home_only: bool = False
    alone: bool = False
    scope: Scope = Scope.ALL
    negated: bool = False

    @property
    def text(self) -> str:
        """The words as one text."""
        return " ".join(self.tokens)


class Hit(NamedTuple):
    """An entry found in a reply, from word `start` up to, not including, word `end`.

    `away`: the entry collides, and its language is not spoken where the person is.
    `languages`: every language that has it.
    """

    start: int
    end: int
    entry: Entry
    away: bool
    languages: Collection[str]

    @property
    def kind(self) -> Kind:
        """What the entry is."""
        return self.entry.kind


@dataclass(slots=True)
class _Node:
    """A place in the tree of words: what may follow, and what ends here, by kind and language."""

    following: dict[str, "_Node"] = field(default_factory=dict)
    ending: dict[Kind, dict[str, Entry]] = field(default_factory=dict)


class Index:
    """Every entry of every table. Immutable once built; safe to share between threads.

    Args:
        entries: those of the likeliest languages first: of a word that several languages have,
            none of them the person's, the first one's entry is found.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._root = _Node()
        for entry in entries:
            node = self._root
            for token in entry.tokens:
                node = node.following.setdefault(token, _Node())
            node.ending.setdefault(entry.kind, {}).setdefault(entry.language, entry)

    def find(self, tokens: Sequence[str], home: Sequence[str]) -> list[Hit]:
        """Every entry that stands in the words, by where it starts; one for each kind and place.

        Args:
            tokens: normalised words.
            home: the languages of the person, the likeliest first.
        """
        hits: list[Hit] = []
        for start in range(len(tokens)):
            node: _Node | None = self._root
            for end in range(start, len(tokens)):
                node = node.following.get(tokens[end]) if node else None
                if node is None:
                    break
                hits += [_hit(start, end + 1, each, home) for each in node.ending.values()]
        return hits


def _hit(start: int, end: int, by_language: dict[str, Entry], home: Sequence[str]) -> Hit:
    for language in home:
        if language in by_language:
            return Hit(start, end, by_language[language], away=False, languages=by_language)
    for entry in by_language.values():
        if not entry.home_only:
            return Hit(start, end, entry, away=False, languages=by_language)
    only = next(iter(by_language.values()))
    return Hit(start, end, only, away=True, languages=by_language)
