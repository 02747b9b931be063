"""Brings a reply, and every word of the tables, into the one form in which they are compared.

Case, accents, width, punctuation, invisible characters and emoji do not matter; the signs of the
Indic scripts do, since they are vowels there.
"""

import unicodedata
from dataclasses import dataclass
from itertools import pairwise

LONGEST = 2000
"""Characters of a reply that are read; whoever leaves has said so by then."""

MOST_WORDS = 400
"""Words of a reply that are read: as many as that many characters hold in any language."""

_PADDED = 8 * LONGEST
"""Characters that are looked at for them, where some are invisible."""

_BREAK = "\x1f"
"""Stands where a clause ends, between two words."""

_CLAUSE_ENDS = frozenset('.!?,;:¡¿…।॥\n\r\v\f\x1f\u0085\u2028\u2029"“”„«»()[]{}')
_APOSTROPHES = dict.fromkeys(
    map(
        ord,
        "`\N{ACUTE ACCENT}\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}"
        "\N{MODIFIER LETTER APOSTROPHE}\N{MODIFIER LETTER PRIME}\N{PRIME}"
        "\N{FULLWIDTH APOSTROPHE}",
    ),
    "'",
)
_INDIC = range(0x0900, 0x0E00)
_NUKTAS = frozenset("\u093c\u09bc\u0a3c\u0abc\u0b3c\u0cbc")
_SAME_LETTER = {
    "ł": "l",
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    "ß": "ss",
    "ς": "\N{GREEK SMALL LETTER SIGMA}",
    "ँ": "ं",
}
"""What people write who have not got the letter, and what no decomposition tells."""

_INSIDE_WORDS = frozenset("·'")
"""The point of Catalan (``cancel·lar``); apostrophes have been settled before."""

_KEPT_CODES = 20_000
"""Code points whose form is remembered; hostile text holds more than any language."""


class _Form(dict[int, str | None]):
    """For ``str.translate``: what becomes of each code point, found out when it is first met."""

    def __missing__(self, code: int) -> str | None:
        form = self.form(chr(code))
        if len(self) < _KEPT_CODES:
            self[code] = form
        return form

    def form(self, character: str) -> str | None:
        """What stands for the character; None: nothing does."""
        raise NotImplementedError


class _Visible(_Form):
    """Takes away what is not seen or only decorates: before anything else is measured."""

    def form(self, character: str) -> str | None:
        if character.isspace():
            return character
        category = unicodedata.category(character)
        if category in ("Cc", "Cf") or (category == "Cs"):
            return None
        return None if _is_decoration(character, category) else character


class _Words(_Form):
    """Leaves letters, digits and Indic signs; a space or a clause's end stands for the rest."""

    def form(self, character: str) -> str | None:
        if character in _CLAUSE_ENDS:
            return f" {_BREAK} "
        if character in _SAME_LETTER:
            return _SAME_LETTER[character]
        category = unicodedata.category(character)
        if character in _INSIDE_WORDS or _is_decoration(character, category):
            return None
        return character if category[0] in "LNM" else " "


_VISIBLE = _Visible()
_WORDS = _Words()


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """A reply as words.

    Attributes:
        tokens: the words.
        clauses: for each word the number of its clause, from 0.
    """

    tokens: tuple[str, ...]
    clauses: tuple[int, ...]


def visible(body: str) -> str:
    """What of a reply is read: its first characters, without those that nobody sees."""
    return body.strip()[:_PADDED].translate(_VISIBLE).strip()[:LONGEST]


def split(text: str) -> Words:
    """The words of a text in the form in which they are compared."""
    tokens: list[str] = []
    clauses: list[int] = []
    clause = 0
    for token in _plain(text).split(" "):
        if len(tokens) == MOST_WORDS:
            break
        if token == _BREAK:
            clause += 1
        elif token:
            tokens.append(token)
            clauses.append(clause)
    return Words(tokens=tuple(tokens), clauses=tuple(clauses))


def normalise(text: str) -> str:
    """The words of a text with one space between them: ``¡BAJA, por favor!`` → ``baja por favor``.

    Normalising twice changes nothing.
    """
    return " ".join(split(visible(text)).tokens)


def _plain(text: str) -> str:
    text = text.translate(_VISIBLE).translate(_APOSTROPHES)
    text = unicodedata.normalize("NFKC", text)[:LONGEST].casefold()
    text = unicodedata.normalize("NFD", text)
    return _without_apostrophes(text).translate(_WORDS)


def _without_apostrophes(text: str) -> str:
    """``don't`` is one word; ``j'arrête`` is two: French and Italian elide one letter, or qu."""
    if "'" not in text:
        return text
    parts = text.split("'")
    joined = [parts[0]]
    for before, after in pairwise(parts):
        elided = _last_word(before)
        joined.append(" " if len(elided) == 1 or elided == "qu" else "")
        joined.append(after)
    return "".join(joined)


def _last_word(text: str) -> str:
    end = start = len(text)
    # Two letters tell: what is longer is not elided.
    while start > 0 and end - start < len("qu") + 1 and text[start - 1].isalnum():
        start -= 1
    return text[start:end]


def _is_decoration(character: str, category: str) -> bool:
    """Whether it is a mark on another character and no sign of an Indic script."""
    if category not in ("Mn", "Me", "Mc"):
        return False
    return ord(character) not in _INDIC or character in _NUKTAS
