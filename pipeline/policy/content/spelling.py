"""How many of a text's words are wrong: rough, since no dictionary has all words of trade."""

import re
import unicodedata
from functools import lru_cache

from pipeline.policy.checks import Check, blocked, passed, warned
from pipeline.policy.content.passages import Subject
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.content.text import CampaignText, Wordbook
from pipeline.policy.replies.lexicon import table_tag
from pipeline.policy.vocabulary import Question, Reason

_LEFT_OUT = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|\b[\w-]+(?:\.[\w-]+)+/?\S*|\w*\d\w*|[@#]\w+")
_WORD = re.compile(r"[^\W\d_]+")
_LEAST_LETTERS = 3
_LEAST_WORDS = 8
"""In fewer words a share says nothing."""

_LEAST_WRONG = 2
"""A single word is as likely one that the dictionary lacks."""

_SHOWN = 5


def check_error_rate(rules: ContentRules, subject: Subject, words: Wordbook) -> Check:
    """At most so many percent of the campaign's own words are wrong."""
    looked_at = _words_of(subject.text, subject.own)
    wrong = _unknown(looked_at, table_tag(subject.text.language), words)
    percent = round(100 * len(wrong) / len(looked_at), 1) if looked_at else 0.0
    saw: dict[str, object] = {"words": len(looked_at), "wrong": len(wrong), "percent": percent}
    rule = rules.error_rate_rule
    if (
        len(looked_at) < _LEAST_WORDS
        or len(wrong) < _LEAST_WRONG
        or 100 * len(wrong) <= rules.error_rate * len(looked_at)
    ):
        return passed(Question.CONTENT, rule, **saw)
    saw["not_known"] = list(dict.fromkeys(wrong))[:_SHOWN]
    if rules.error_rate_blocks:
        return blocked(Question.CONTENT, rule, Reason.CONTENT_LANGUAGE, **saw)
    return warned(Question.CONTENT, rule, Reason.CONTENT_LANGUAGE, **saw)


def _words_of(text: CampaignText, own: str) -> list[str]:
    """The words that a dictionary should have: no names, no abbreviations, no addresses.

    A word with a capital may be a name, and where a sentence begins nobody can tell.
    """
    composed = unicodedata.normalize("NFC", own)
    brand = {word.casefold() for word in _WORD.findall(text.brand)}
    return [
        word
        for word in _WORD.findall(_LEFT_OUT.sub(" ", composed))
        if word.islower() and len(word) >= _LEAST_LETTERS and word not in brand
    ]


def _unknown(looked_at: list[str], language: str, words: Wordbook) -> list[str]:
    known = dictionary(language)
    if known is None or len(looked_at) < _LEAST_WORDS:
        return []
    table = words.texts.get(language)
    besides = frozenset(() if table is None else table.spelling)
    return [
        word for word in looked_at if word not in besides and f"\n{word}\n".encode() not in known
    ]


@lru_cache(maxsize=4)
def dictionary(language: str) -> bytes | None:
    """Every word of a language, a line each; None: there is no dictionary.

    The library's own object holds them in 100 MB, twenty times as much; a text is looked up once.
    """
    from spellchecker import SpellChecker  # noqa: PLC0415 - few texts are asked this

    try:
        words = SpellChecker(language=language).word_frequency.words()
    except ValueError:
        return None
    return "\n".join(["", *words, ""]).encode()
