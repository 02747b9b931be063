"""In which language a text is written, by a statistical model that is part of a library."""

import re
from functools import lru_cache
from typing import Any

_LEFT_OUT = re.compile(
    r"https?://\S+|www\.\S+|\S+@\S+|\b[\w-]+(?:\.[\w-]+)+/?\S*|[^\w\s]*\d\S*|_", re.IGNORECASE
)
"""Addresses, links and numbers: they belong to no language."""

_WORD = re.compile(r"(?:[^\W\d_]|[\u0900-\u0DFF])+")

LEAST_WORDS = 3
"""A text of fewer words is undecided."""

_ELSEWHERE = ("ar", "ja", "ko", "ru", "tr", "zh")
"""Languages that we answer nobody in, and that a text may have come in by mistake."""


def own_words(text: str, brand: str = "") -> tuple[str, ...]:
    """The words of a text that tell its language: no links, no brand, nothing in capitals."""
    if brand:
        text = re.sub(rf"(?<!\w){re.escape(brand)}(?!\w)", " ", text, flags=re.IGNORECASE)
    words = _WORD.findall(_LEFT_OUT.sub(" ", text))
    small = tuple(word for word in words if not word.isupper())
    return small if 2 * len(small) >= len(words) else tuple(word.lower() for word in words)


@lru_cache(maxsize=2048)
def likelihoods(words: tuple[str, ...], languages: tuple[str, ...]) -> dict[str, float]:
    """How likely each language is, from 0 to 1, the likeliest first; empty: undecided.

    Args:
        languages: those that come into question; others that no text should be in join them.
    """
    if len(words) < LEAST_WORDS:
        return {}
    return dict(identifier(languages).rank(" ".join(words)))


@lru_cache(maxsize=4)
def identifier(languages: tuple[str, ...]) -> Any:
    """The model, cut down to a few languages: 60 MB, read in half a second, once a process."""
    from py3langid.langid import (  # noqa: PLC0415 - numpy is slow, and few texts are asked this
        MODEL_FILE,
        LanguageIdentifier,
    )

    whole = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    known = set(whole.labels)
    whole.set_languages(sorted(known.intersection((*languages, *_ELSEWHERE))))
    return LanguageIdentifier(
        whole.nb_ptc,
        whole.nb_pc,
        whole.nb_classes,
        whole.tk_nextmove,
        whole.tk_output,
        norm_probs=True,
        tk_row=whole.tk_row,
    )
