"""What a reply probably means: a first word, a slip of the finger, a word in a sentence."""

from pipeline.policy.replies.certain import found
from pipeline.policy.replies.index import Hit, Kind
from pipeline.policy.replies.lexicon import ENGLISH
from pipeline.policy.replies.meaning import Intent, Match, Scope, Understanding
from pipeline.policy.replies.reading import COURTESY, Reading, Standing
from pipeline.policy.replies.slips import slip_of

SHORT = 30
"""Characters of a reply that may be taken for a wish to leave by its first word."""

_SCATTERED = 3
"""Pieces at most into which a space too many has broken a word: ``un subscribe``."""


def automatic(reading: Reading) -> Understanding | None:
    """A machine has answered; with a word by which people leave in it, a person looks at it."""
    place = reading.core()[0]
    if not any(hit.start in (0, place) for hit in reading.of(Kind.AUTOMATIC)):
        return None
    told = [hit for hit in reading.plain(Kind.LEAVE) if not hit.entry.alone]
    if told:
        return found(Intent.REVIEW, Match.SENTENCE, told[0])
    return Understanding(intent=Intent.NONE)


def helping(reading: Reading) -> Understanding | None:
    """The person asks who writes."""
    row = reading.covering((Kind.HELP, *COURTESY))
    asked = next((hit for hit in row or () if hit.kind is Kind.HELP), None)
    if row is None or asked is None or reading.mended:
        return None
    match = Match.KEYWORD if len(row) == 1 else Match.COURTESY
    return found(Intent.HELP, match, asked)


def prefix(reading: Reading) -> Understanding | None:
    """A short reply that begins with a word by which people leave."""
    if len(reading.text) > SHORT:
        return None
    place = reading.core()[0]
    for hit in reading.plain(Kind.LEAVE):
        if hit.start in (0, place) and not hit.entry.alone:
            match = Match.TYPO if hit.start in reading.mended else Match.PREFIX
            return found(Intent.OPT_OUT, match, hit)
    return None


def typo(reading: Reading) -> Understanding | None:
    """One word, with courtesy or without, that is one slip away from one by which people leave."""
    polite = {place for hit in reading.of(*COURTESY) for place in range(hit.start, hit.end)}
    said = [token for place, token in enumerate(reading.tokens) if place not in polite]
    if not said or len(said) > _SCATTERED:
        return None
    lexicon, word = reading.lexicon, "".join(said)
    languages = [each for each in dict.fromkeys((*reading.home, ENGLISH)) if each in lexicon.slips]
    if len(said) == 1 and (
        word in lexicon.known or any(word in lexicon.not_slips[each] for each in languages)
    ):
        return None
    for language in languages:
        targets = lexicon.slips[language]
        if len(said) > 1:
            slip = (word, True) if word in targets else None
        else:
            slip = slip_of(word, targets)
        if slip is not None:
            target, sure = slip
            return Understanding(
                intent=Intent.OPT_OUT if sure else Intent.REVIEW,
                scope=Scope.ALL if sure else None,
                match=Match.TYPO,
                language=language,
                word=target,
            )
    return None


def sentence(reading: Reading) -> Understanding | None:
    """A word by which people leave, somewhere in a sentence."""
    by_standing: dict[Standing, Hit] = {}
    for hit in reading.of(Kind.LEAVE, Kind.PHRASE, Kind.COMPLAINT, Kind.WRONG_NUMBER):
        standing = reading.standing(hit)
        if standing is Standing.PLAIN and hit.entry.alone:
            standing = Standing.HARMLESS
        by_standing.setdefault(standing, hit)
    if (plain := by_standing.get(Standing.PLAIN)) is not None:
        return found(reading.country.in_a_sentence, Match.SENTENCE, plain)
    if (negated := by_standing.get(Standing.NEGATED)) is not None:
        return found(Intent.REVIEW, Match.NEGATION, negated)
    if (order := by_standing.get(Standing.ORDER)) is not None:
        return found(Intent.REVIEW, Match.SENTENCE, order)
    harmless = by_standing.get(Standing.HARMLESS)
    if harmless is not None and reading.country.in_a_sentence is Intent.OPT_OUT:
        return found(Intent.REVIEW, Match.SENTENCE, harmless)
    return None


def doubt(reading: Reading) -> Understanding | None:
    """A phrase that only a person can judge; a bare ``no``; a word of another country's language.

    A word that is an everyday one where the person lives means nothing of the kind.
    """
    for hit in reading.of(Kind.DOUBT):
        if not hit.entry.alone and reading.standing(hit) is not Standing.HARMLESS:
            negated = hit.entry.negated and len(hit.entry.tokens) > 1
            return found(Intent.REVIEW, Match.NEGATION if negated else Match.PHRASE, hit)
    row = reading.covering((Kind.LEAVE, Kind.PHRASE, Kind.DOUBT, *COURTESY))
    for hit in row or ():
        if hit.kind in (Kind.LEAVE, Kind.PHRASE, Kind.DOUBT):
            if reading.standing(hit) is Standing.HARMLESS:
                continue
            said_here = hit.entry.text in reading.words or not hit.away
            everyday = hit.entry.text in reading.everyday
            if not everyday or (hit.kind is Kind.LEAVE and said_here):
                return found(Intent.REVIEW, Match.KEYWORD, hit)
    return None
