"""A reply with everything of the tables that stands in it, and how each of that is to be taken."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from pipeline.policy.replies.index import Hit, Kind
from pipeline.policy.replies.lexicon import ENGLISH, CountryTable, Lexicon
from pipeline.policy.replies.normalise import Words, split
from pipeline.policy.replies.slips import mended

COURTESY = (Kind.FILLER, Kind.YES)
"""What may surround a word without changing what it means."""

_NEGATED_FOR = 3
"""Words that a negation reaches: ``I don't want to stop``."""

_OBJECT_WITHIN = 4
"""Words between ``cancel`` and what is cancelled, at most, on either side."""


_LONGEST_SPELT = 16
"""Letters of a word that somebody spells out."""

_FEW = 6
"""Languages up to which a word says which of them is spoken; nearly every language has stop."""


class Standing(Enum):
    """How a word by which people leave is to be taken where it stands."""

    PLAIN = auto()
    NEGATED = auto()
    ORDER = auto()
    """Something else is cancelled: an order, an appointment."""
    HARMLESS = auto()
    """It means something else there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A reply, read.

    Attributes:
        tokens: its words, normalised and mended.
        mended: places of words that were not written like that.
        hits: what of the tables stands in it, by where it starts.
        home: the person's languages, the likeliest first.
        everyday: words that are harmless in one of those.
        words: the country's own words by which people leave, normalised.
        asked_to_opt_in: the last thing asked was whether they want messages.
    """

    lexicon: Lexicon
    country: CountryTable
    home: tuple[str, ...]
    everyday: frozenset[str]
    words: frozenset[str]
    asked_to_opt_in: bool
    tokens: tuple[str, ...]
    mended: frozenset[int]
    hits: tuple[Hit, ...]
    negated: frozenset[tuple[int, str]]
    objects: frozenset[tuple[int, str]]
    harmless: tuple[int, ...]

    @property
    def text(self) -> str:
        """The words with one space between them."""
        return " ".join(self.tokens)

    def of(self, *kinds: Kind) -> list[Hit]:
        """What of these kinds stands in the reply and counts where the person is."""
        return [hit for hit in self.hits if hit.kind in kinds and not hit.away]

    def plain(self, kind: Kind) -> list[Hit]:
        """The same of one kind, without what is turned round or means something else."""
        return [hit for hit in self.of(kind) if self.standing(hit) is Standing.PLAIN]

    def core(self) -> tuple[int, int]:
        """Where the words stand that courtesy surrounds: the first, and the one past the last."""
        polite = {hit.start: hit.end for hit in self.of(*COURTESY)}
        start, end = 0, len(self.tokens)
        while start in polite:
            start = polite[start]
        ends = {after: before for before, after in polite.items()}
        while ends.get(end, -1) >= start:
            end = ends[end]
        return start, end

    def standing(self, hit: Hit) -> Standing:
        """How what was found is to be taken."""
        if self.harmless[hit.start] >= hit.end:
            return Standing.HARMLESS
        spoken = {hit.entry.language, *self.home, ENGLISH}
        if len(hit.languages) <= _FEW:
            spoken.update(hit.languages)
        if not hit.entry.negated and any(
            (place, language) in self.negated
            for place in (hit.start, hit.end - 1)
            for language in spoken
        ):
            return Standing.NEGATED
        if hit.kind is Kind.LEAVE and any(
            (hit.start, language) in self.objects for language in spoken
        ):
            return Standing.ORDER
        return Standing.PLAIN

    def covering(self, kinds: Collection[Kind]) -> list[Hit] | None:
        """The reply as a row of entries of these kinds; None: there is more in it.

        Words of another country's language are in the row as well, courtesy is not.

        The longest entry is taken at each place; of two as long, the kind named first.
        """
        order = {kind: place for place, kind in enumerate(kinds)}
        best: dict[int, Hit] = {}
        for hit in self.hits:
            if hit.kind not in order or (hit.away and hit.kind in COURTESY):
                continue
            known = best.get(hit.start)
            if known is None or (-hit.end, order[hit.kind]) < (-known.end, order[known.kind]):
                best[hit.start] = hit
        row: list[Hit] = []
        place = 0
        while place < len(self.tokens):
            if place not in best:
                return None
            row.append(best[place])
            place = best[place].end
        return row


def read(
    text: str,
    *,
    lexicon: Lexicon,
    country: str | None,
    language: str | None,
    words: frozenset[str],
    asked_to_opt_in: bool,
) -> Reading:
    """Find everything of the tables in a reply's text."""
    home = lexicon.home(country, language)
    written, changed = _mended(split(text), lexicon)
    hits = lexicon.index.find(written.tokens, home)
    harmless = _cover(hits, written, Kind.HARMLESS)
    return Reading(
        lexicon=lexicon,
        country=lexicon.country(country),
        home=home,
        everyday=frozenset().union(*(lexicon.everyday.get(spoken, ()) for spoken in home)),
        words=words,
        asked_to_opt_in=asked_to_opt_in,
        tokens=written.tokens,
        mended=changed,
        hits=tuple(hits),
        negated=frozenset(_negated(hits, written, harmless)),
        objects=frozenset(_near_objects(hits, written)),
        harmless=harmless,
    )


def _mended(words: Words, lexicon: Lexicon) -> tuple[Words, frozenset[int]]:
    """The words with those mended that stand for a word by which people leave."""
    tokens: list[str] = []
    clauses: list[int] = []
    changed: set[int] = set()
    place = 0
    while place < len(words.tokens):
        spelt = _spelt(words.tokens, place, lexicon.leaving)
        token = words.tokens[place]
        better = (spelt,) if spelt else _better(token, lexicon)
        if better and not spelt:
            changed.update(range(len(tokens), len(tokens) + len(better)))
        tokens += better or (token,)
        clauses += [words.clauses[place]] * (len(better) or 1)
        place += len(spelt) if spelt else 1
    return Words(tokens=tuple(tokens), clauses=tuple(clauses)), frozenset(changed)


def _better(token: str, lexicon: Lexicon) -> tuple[str, ...]:
    if token in lexicon.leaving or token in lexicon.known:
        return ()
    return mended(token, lexicon.leaving, lexicon.squeezed)


def _spelt(tokens: Sequence[str], place: int, leaving: frozenset[str]) -> str:
    """The word that is spelt out there, letter by letter: ``S.T.O.P``; empty: none."""
    end = place
    while end < min(len(tokens), place + _LONGEST_SPELT) and len(tokens[end]) == 1:
        end += 1
    word = "".join(tokens[place:end])
    return word if end - place > 1 and word in leaving else ""


def _cover(hits: Iterable[Hit], words: Words, *kinds: Kind) -> tuple[int, ...]:
    """For each place the furthest end of such entries that start there or before."""
    furthest = [0] * len(words.tokens)
    for hit in hits:
        if hit.kind in kinds and words.clauses[hit.start] == words.clauses[hit.end - 1]:
            furthest[hit.start] = max(furthest[hit.start], hit.end)
    for place in range(1, len(furthest)):
        furthest[place] = max(furthest[place], furthest[place - 1])
    return tuple(furthest)


def _negated(
    hits: Sequence[Hit], words: Words, harmless: Sequence[int]
) -> Iterable[tuple[int, str]]:
    """(place, language) of the words that a negation of that language turns round."""
    phrases = _cover(
        (hit for hit in hits if not hit.away and harmless[hit.start] < hit.end), words, Kind.PHRASE
    )
    for hit in hits:
        if hit.kind is Kind.NEGATION and phrases[hit.start] < hit.end:
            reached = range(hit.end, min(hit.end + _NEGATED_FOR, len(words.tokens)))
        elif hit.kind is Kind.NEGATION_AFTER and phrases[hit.start] < hit.end:
            reached = range(max(hit.start - 2, 0), hit.start)
        else:
            continue
        for place in reached:
            if words.clauses[place] == words.clauses[hit.start]:
                yield place, hit.entry.language


def _near_objects(hits: Iterable[Hit], words: Words) -> Iterable[tuple[int, str]]:
    """(place, language) of the words that have something else to cancel near them."""
    for hit in hits:
        if hit.kind is not Kind.OBJECT:
            continue
        first = max(hit.start - _OBJECT_WITHIN, 0)
        for place in range(first, min(hit.end + _OBJECT_WITHIN, len(words.tokens))):
            if words.clauses[place] == words.clauses[hit.start]:
                yield place, hit.entry.language
