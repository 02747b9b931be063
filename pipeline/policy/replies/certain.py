"""What a reply surely means: the whole of it, or a phrase in it, says nothing else."""

from pipeline.policy.replies.index import Hit, Kind
from pipeline.policy.replies.lexicon import ENGLISH
from pipeline.policy.replies.meaning import Intent, Match, Scope, Understanding
from pipeline.policy.replies.reading import COURTESY, Reading


def found(intent: Intent, match: Match, hit: Hit, *, scope: Scope = Scope.ALL) -> Understanding:
    """The verdict by an entry of the tables.

    Args:
        scope: of an opt-out or a complaint; of anything else it is none.
    """
    leaves = intent in (Intent.OPT_OUT, Intent.COMPLAINT)
    return Understanding(
        intent=intent,
        scope=scope if leaves else None,
        match=match,
        language=hit.entry.language,
        word=hit.entry.text,
    )


def command(reading: Reading) -> Understanding | None:
    """A command of the country's own list, such as India's ``START 0``."""
    intent = reading.country.commands.get(reading.text)
    if intent is None:
        return None
    scope = Scope.ALL if intent is Intent.OPT_OUT else None
    return Understanding(intent=intent, scope=scope, match=Match.COMMAND, word=reading.text)


def come_back(reading: Reading) -> Understanding | None:
    """The whole reply, letter for letter, is a word by which people come back. Nothing less is."""
    if reading.mended or reading.text in reading.words:
        return None
    for hit in reading.hits:
        if hit.start or hit.end < len(reading.tokens):
            continue
        if hit.kind is Kind.RETURN and not hit.away:
            return found(Intent.OPT_IN, Match.KEYWORD, hit)
        if hit.kind is Kind.YES:
            if reading.asked_to_opt_in and not hit.away:
                return found(Intent.OPT_IN, Match.KEYWORD, hit)
            # Vendors take this one for a wish to come back; the others are everyday answers.
            if hit.entry.language == ENGLISH:
                return found(Intent.REVIEW, Match.KEYWORD, hit)
    return None


def complaint(reading: Reading) -> Understanding | None:
    """A complaint; on the way out or not, the person leaves by it."""
    complaints = reading.plain(Kind.COMPLAINT)
    hit = next((one for one in complaints if not one.entry.alone or _is_all(reading, one)), None)
    if hit is None:
        return None
    wrong_number = bool(reading.plain(Kind.WRONG_NUMBER))
    scope = Scope.NUMBER if wrong_number else Scope.ALL
    match = Match.KEYWORD if hit.entry.alone else Match.PHRASE
    return found(Intent.COMPLAINT, match, hit, scope=scope)


def wrong_number(reading: Reading) -> Understanding | None:
    """Somebody else has the number."""
    return _first_phrase(reading, Kind.WRONG_NUMBER)


def whole(reading: Reading) -> Understanding | None:
    """The reply is a word by which people leave, or several, with courtesy or without.

    Words by which people come back or ask for help may stand beside: who says both leaves.
    """
    row = reading.covering((Kind.PHRASE, Kind.LEAVE, Kind.HELP, Kind.RETURN, *COURTESY))
    leaving = [hit for hit in row or () if _leaves_alone(reading, hit)]
    if row is None or not leaving:
        return _own_word(reading)
    first = leaving[0]
    phrase = first.kind is Kind.PHRASE and first.entry.scope is Scope.ALL
    if reading.mended:
        match = Match.TYPO
    elif phrase:
        match = Match.PHRASE
    else:
        match = Match.KEYWORD if len(row) == 1 else Match.COURTESY
    scopes = {hit.entry.scope for hit in leaving}
    scope = scopes.pop() if len(scopes) == 1 else Scope.ALL
    return found(Intent.OPT_OUT, match, first, scope=scope)


def phrase(reading: Reading) -> Understanding | None:
    """A phrase that means nothing else, wherever it stands."""
    return _first_phrase(reading, Kind.PHRASE)


def _first_phrase(reading: Reading, kind: Kind) -> Understanding | None:
    for hit in reading.plain(kind):
        # Whoever names what is to end has named it only if nothing else was said.
        scope = Scope.NUMBER if kind is Kind.WRONG_NUMBER else Scope.ALL
        return found(Intent.OPT_OUT, Match.PHRASE, hit, scope=scope)
    return None


def _is_all(reading: Reading, hit: Hit) -> bool:
    row = reading.covering((hit.kind, *COURTESY))
    return row is not None and hit in row


def _leaves_alone(reading: Reading, hit: Hit) -> bool:
    """Whether a reply that holds nothing else is a wish to leave by this entry."""
    if hit.away or hit.kind not in (Kind.LEAVE, Kind.PHRASE):
        return False
    # Another language's word that is an everyday one here: a person decides.
    return hit.entry.language in reading.home or hit.entry.text not in reading.everyday


def _own_word(reading: Reading) -> Understanding | None:
    """The reply is one of the country's own words, with courtesy or without."""
    start, end = reading.core()
    word = " ".join(reading.tokens[start:end])
    if word not in reading.words:
        return None
    known = [hit for hit in reading.of(Kind.LEAVE) if (hit.start, hit.end) == (start, end)]
    if word in reading.everyday and not (known and known[0].entry.language in reading.home):
        return None
    if reading.mended:
        match = Match.TYPO
    else:
        match = Match.COURTESY if end - start < len(reading.tokens) else Match.KEYWORD
    return Understanding(
        intent=Intent.OPT_OUT,
        scope=Scope.ALL,
        match=match,
        language=known[0].entry.language if known else None,
        word=word,
    )
