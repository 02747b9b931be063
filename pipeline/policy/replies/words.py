"""What a reply means. So far: whether it is, as a whole, a word by which people leave."""

import unicodedata
from collections.abc import Collection

EVERYWHERE = frozenset({"stop"})
"""Understood wherever no pack says otherwise: a person without a pack can leave all the same."""


def opt_out_word(body: str, words: Collection[str]) -> str | None:
    """The opt-out word that the reply consists of; None: it is something else.

    The whole reply must be the word: case, the Unicode form, and punctuation, symbols and spaces
    around it do not matter, so ``Stop!`` and ``"SAIR" 🙏`` are words, and ``don't stop`` is none.

    Args:
        body: the reply as it came, of any length.
        words: the words of the person's country, casefolded; without any, `EVERYWHERE`.
    """
    said = _bare(body)
    return said if said in (words or EVERYWHERE) else None


def _bare(body: str) -> str:
    text = " ".join(unicodedata.normalize("NFKC", body).casefold().split())
    start, end = 0, len(text)
    while start < end and not _belongs(text[start]):
        start += 1
    while end > start and not _belongs(text[end - 1]):
        end -= 1
    return text[start:end]


def _belongs(character: str) -> bool:
    """Whether the character is part of a word: a letter, a digit, or a mark on one."""
    # An emoji's variation selector is a mark by category, and on no letter.
    return unicodedata.category(character)[0] in "LNM" and character != "\N{VARIATION SELECTOR-16}"
