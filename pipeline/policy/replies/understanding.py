"""What a person who replies wants: the whole of it, from the reply's text to a verdict."""

import re
from collections.abc import Collection
from functools import lru_cache

from pipeline.policy.replies import matching
from pipeline.policy.replies.index import Kind
from pipeline.policy.replies.lexicon import Lexicon
from pipeline.policy.replies.meaning import Intent, Match, Scope, Understanding
from pipeline.policy.replies.normalise import normalise, visible
from pipeline.policy.replies.quoting import Said, said_in
from pipeline.policy.replies.reading import Reading, read
from pipeline.policy.replies.signs import has_stop_sign, is_unclear, says_stop

_BUTTON = re.compile(
    r"\s*(?:stop(?:[ _-]?all)?|opt[ _-]?out|unsub(?:scribe)?)(?![a-z])", re.IGNORECASE
)
"""What we put into buttons by which people leave: ``STOP``, ``STOP:cmp_42``, ``OPT_OUT``."""

_NOTHING = Understanding(intent=Intent.NONE)


def understand(
    body: str,
    *,
    lexicon: Lexicon,
    country: str | None,
    language: str | None,
    words: Collection[str] = (),
    payload: str | None = None,
    asked_to_opt_in: bool = False,
) -> Understanding:
    """Tell what a reply means.

    Never raises, whatever the text is; only its first `normalise.LONGEST` characters count.

    Args:
        body: the reply as it came; of a button, what stands on it.
        country: the person's, ISO 3166; None: unknown.
        language: the person's tag, e.g. ``pt-BR``; None: unknown.
        words: the country's own words by which people leave, as whole replies.
        payload: what we put into the button that was pressed.
        asked_to_opt_in: whether the last thing that the person was asked is whether they want
            messages; only then is a yes a wish for them.
    """
    text = visible(body)
    said = said_in(text, lexicon)

    def taken_for(part: str) -> Understanding:
        reading = read(
            part,
            lexicon=lexicon,
            country=country,
            language=language,
            words=_normalised(frozenset(words)),
            asked_to_opt_in=asked_to_opt_in,
        )
        return _understand(part, reading)

    understood = _NOTHING if said.reacted and not said.text else taken_for(said.text)
    if understood.intent is Intent.NONE:
        understood = _in_doubt(said, taken_for(text) if said.quoted else _NOTHING)
    if payload is not None and _BUTTON.match(payload[: len("unsubscribe") * 2]):
        intent = Intent.COMPLAINT if understood.intent is Intent.COMPLAINT else Intent.OPT_OUT
        return Understanding(intent=intent, scope=understood.scope or Scope.ALL, match=Match.BUTTON)
    return understood


def _understand(text: str, reading: Reading) -> Understanding:
    if not reading.tokens:
        if says_stop(text):
            return Understanding(intent=Intent.OPT_OUT, scope=Scope.ALL, match=Match.SYMBOL)
        unclear = Understanding(intent=Intent.REVIEW, match=Match.SYMBOL)
        return unclear if is_unclear(text) else _NOTHING
    understood = matching.answer(reading)
    stop = has_stop_sign(text)
    if stop and reading.covering((Kind.FILLER,)) is not None:
        return Understanding(intent=Intent.OPT_OUT, scope=Scope.ALL, match=Match.SYMBOL)
    if understood.intent is Intent.OPT_IN and is_unclear(text):  # START? is a question
        return Understanding(intent=Intent.REVIEW, match=Match.SYMBOL)
    if understood.intent in (Intent.OPT_IN, Intent.NONE) and stop:
        return Understanding(intent=Intent.REVIEW, match=Match.SYMBOL)
    return understood


def _in_doubt(said: Said, unquoted: Understanding) -> Understanding:
    """What remains when the person's own words mean nothing of the kind.

    Quotation marks are also put around words that one means: a person looks at those.
    """
    if unquoted.leaves:
        return Understanding(
            intent=Intent.REVIEW,
            match=unquoted.match,
            language=unquoted.language,
            word=unquoted.word,
        )
    if said.unclear:
        return Understanding(intent=Intent.REVIEW, match=Match.SYMBOL)
    return _NOTHING


@lru_cache(maxsize=512)
def _normalised(words: frozenset[str]) -> frozenset[str]:
    return frozenset(normalise(word) for word in words)
