"""Takes out of a reply what the person has not said: the text that they quote or react to."""

import re
from dataclasses import dataclass
from functools import lru_cache

from pipeline.policy.replies.lexicon import Lexicon
from pipeline.policy.replies.normalise import normalise
from pipeline.policy.replies.signs import has_stop_sign, is_unclear

_QUOTES = '"“”„‟«»\N{FULLWIDTH QUOTATION MARK}'
_BETWEEN = f"[{_QUOTES}][^{_QUOTES}]*[{_QUOTES}]"
_QUOTED = re.compile(_BETWEEN)
_OPENING = re.compile(rf"\s*(?P<word>\w{{1,8}})?\s*[:,]?\s*[{_QUOTES}]")
_SIGN_FIRST = re.compile(rf"[^\w{_QUOTES}]{{1,24}}")
_CLOSING = re.compile(rf"[{_QUOTES}][^{_QUOTES}]*\Z")
_QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.MULTILINE)
_ORIGINAL = re.compile(r"-{2,} ?(?:original message|forwarded message)", re.IGNORECASE)

_QUOTED_WORDS = 4
"""Words from which quoted text is ours; fewer are the person's own, as in ``I said "STOP"``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What is left of a reply.

    Attributes:
        text: the person's own words.
        quoted: text in quotation marks was taken out; it may have been the person's after all.
        reacted: the reply is what a telephone writes when somebody reacts to a message.
        unclear: the reaction may mean that the person has had enough.
    """

    text: str
    quoted: bool = False
    reacted: bool = False
    unclear: bool = False


def said_in(text: str, lexicon: Lexicon) -> Said:
    """The person's own part of a reply; all of it, when nothing else would be left.

    A reaction leaves nothing, unless words follow it.
    """
    reaction = _reaction(text, lexicon)
    if reaction is not None:
        return reaction
    bare = _without_original(text)
    if not any(mark in bare for mark in _QUOTES):
        return Said(text=bare)
    own = _QUOTED.sub(_unless_quoted, bare)
    if own == bare or not _has_words(own):
        return Said(text=bare)
    return Said(text=own, quoted=True)


def _reaction(text: str, lexicon: Lexicon) -> Said | None:
    """``Liked “…”``, ``👍 to “…”``: the beginning, the quoted text, and nothing or more behind."""
    if not any(mark in text for mark in _QUOTES):
        return None
    begun = _begun_with(lexicon.dislikes).match(text) or _begun_with(lexicon.reactions).match(text)
    sign = _SIGN_FIRST.match(text[begun.end() :] if begun else text)
    start = (begun.end() if begun else 0) + (sign.end() if sign else 0)
    if begun is None and (sign is None or sign[0].isascii()):
        return None
    opening = _OPENING.match(text, start)
    if opening is None or (begun is None and opening["word"] is None):
        return None
    if opening["word"] and normalise(opening["word"]) in lexicon.leaving:
        return None  # the person's own: 🛑 stop "your offers"
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        return None
    disliked = begun is not None and begun[0].casefold().strip() in lexicon.dislikes
    signs = sign[0] if sign else ""
    return Said(
        text=closing[0][1:].strip(),
        reacted=True,
        unclear=disliked or has_stop_sign(signs) or is_unclear(signs),
    )


@lru_cache(maxsize=16)
def _begun_with(words: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=len, reverse=True)
    return re.compile(rf"(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})\b", re.IGNORECASE)


def _without_original(text: str) -> str:
    """Without the lines that a mail program has quoted, unless there is nothing else."""
    original = _ORIGINAL.search(text)
    own = text[: original.start()] if original else text
    own = _QUOTED_LINE.sub("", own)
    return own if _has_words(own) else text


def _unless_quoted(found: re.Match[str]) -> str:
    return " " if len(found[0].split()) >= _QUOTED_WORDS else found[0]


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)
