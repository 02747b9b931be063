"""Whether the text of a consent says what it must say."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_OPENING_MARKS = "([{\"'«„“¡¿-"


def normalise_wording(text: str) -> str:
    """The text as wordings are compared: one Unicode form, no case, single spaces.

    Typographic apostrophes become the plain one, as forms use both.
    """
    plain = unicodedata.normalize("NFKC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return " ".join(plain.casefold().split())


@lru_cache(maxsize=4096)  # a form's text stands in every consent that was given through it
def states_wording(text: str, phrases: tuple[str, ...], negations: tuple[str, ...] = ()) -> bool:
    """Whether the text contains one of the phrases as whole words, and not negated.

    Args:
        text: the text that the person agreed to.
        phrases: what it must contain, already normalised.
        negations: words, already normalised, that turn a phrase round when they stand right
            before it: "no acepto recibir…" is a refusal, though it contains the phrase.
    """
    said = normalise_wording(text)
    return any(_affirms(said, phrase, negations) for phrase in phrases)


def _affirms(said: str, phrase: str, negations: Sequence[str]) -> bool:
    start = said.find(phrase)
    while start != -1:
        before = said[:start]
        # A prefix can negate as well: Czech "nesouhlasím" ends in "souhlasím".
        starts_a_word = not before or not before[-1].isalnum()
        words_before = before.split()
        # Only an opening mark is taken off: in "no. Acepto …" another sentence has begun.
        last_word = words_before[-1].lstrip(_OPENING_MARKS) if words_before else ""
        if starts_a_word and last_word not in negations:
            return True
        start = said.find(phrase, start + 1)
    return False
