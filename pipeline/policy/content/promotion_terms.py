"""The words of promotion of some languages, and where they stand in a sentence."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from pipeline.policy.content.tables import PromotionWords

_WORD = re.compile(r"[\w\u0900-\u0DFF]+")
_LETTERS = re.compile(r"[^\W\d_]+")
_LEAST_LETTERS = 3


class Part(Enum):
    """What a word or phrase is in a promotion; see `PromotionWords`."""

    OFFER = auto()
    GOODS = auto()
    REDUCTION = auto()
    SAVE = auto()
    URGE = auto()
    SETTLED = auto()
    CODE = auto()


class Hit(NamedTuple):
    """A word or phrase found in a sentence, from character `start` up to, not including, `end`.

    `language`: the place of its table; parts of a promotion are of one language.
    """

    part: Part
    language: int
    start: int
    end: int


class _Term(NamedTuple):
    words: tuple[str, ...]
    part: Part
    language: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Vocabulary:
    """The words of some languages, ready to be looked for.

    Attributes:
        starting: first word → what begins with it.
        links: words of a link's path.
        words: every word of the tables of some length, for a quick look.
    """

    starting: Mapping[str, tuple[_Term, ...]]
    links: frozenset[str]
    words: frozenset[str]

    def find(self, sentence: str) -> list[Hit]:
        """Everything of the tables that stands in the sentence, as whole words."""
        tokens = [(one[0].casefold(), one.start(), one.end()) for one in _WORD.finditer(sentence)]
        return list(self._hits(tokens))

    def _hits(self, tokens: list[tuple[str, int, int]]) -> Iterator[Hit]:
        for place, (word, start, end) in enumerate(tokens):
            for term in self.starting.get(word, ()):
                count = len(term.words)
                if count == 1:
                    yield Hit(term.part, term.language, start, end)
                    continue
                following = tokens[place : place + count]
                if tuple(one[0] for one in following) == term.words:
                    yield Hit(term.part, term.language, start, following[-1][2])


@lru_cache(maxsize=64)  # tables are compared by identity, and there is one a language
def vocabulary_of(tables: tuple[PromotionWords, ...]) -> Vocabulary:
    """The words of these tables together."""
    starting: dict[str, list[_Term]] = {}
    for term in _terms(tables):
        starting.setdefault(term.words[0], []).append(term)
    links = frozenset(word.casefold() for table in tables for word in table.links)
    terms = [term for several in starting.values() for term in several]
    every = {word for term in terms if term.part is not Part.SETTLED for word in term.words}
    return Vocabulary(
        starting={word: tuple(several) for word, several in starting.items()},
        links=links,
        words=frozenset(word for word in every if len(word) >= _LEAST_LETTERS) | links,
    )


def _terms(tables: Iterable[PromotionWords]) -> Iterator[_Term]:
    for language, table in enumerate(tables):
        lists = (
            (Part.OFFER, table.offers),
            (Part.GOODS, table.goods),
            (Part.REDUCTION, table.reductions),
            (Part.SAVE, table.saves),
            (Part.URGE, table.urges),
            (Part.SETTLED, table.settled),
            (Part.CODE, table.codes),
        )
        for part, texts in lists:
            for text in texts:
                words = tuple(_WORD.findall(text.casefold()))
                if words:
                    yield _Term(words, part, language)


def letters(text: str) -> list[str]:
    """The words of a text or a path, without digits: ``/Promo20/casa`` → promo, casa."""
    return _LETTERS.findall(text.casefold())
