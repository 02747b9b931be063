"""The words by which people leave, come back and ask, in every language that we read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.policy.replies.index import Entry, Index, Kind
from pipeline.policy.replies.meaning import Intent, Scope
from pipeline.policy.replies.normalise import normalise
from pipeline.policy.replies.slips import squeezed

ENGLISH = "en"
"""Its words count everywhere: people answer with the word that a message has named."""

_NORWEGIAN = {"nb": "no", "nn": "no"}
"""Its two written forms have one table."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerTexts:
    """What the lane answers in a language.

    Attributes:
        help: who writes, whom to ask and how to leave: ``{brand}``, ``{support}``, ``{word}``.
        help_without_contact: the same where no contact is known: ``{brand}``, ``{word}``.
        welcome: to somebody who is subscribed again: ``{brand}``, ``{word}``.
        word: the word by which people leave, as it stands in these texts.
    """

    help: str
    help_without_contact: str
    welcome: str
    word: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LanguageTable:
    """What people write in one language. Everything stands as people write it.

    Attributes:
        language: its tag, e.g. ``pt``.
        words: by which people leave; they count everywhere.
        home_words: the same, but words that are something else in another language: they count
            only where this one is spoken.
        alone: those of both that count only when the reply is nothing else.
        phrases: by which people leave, anywhere in a reply.
        marketing, notifications: commands that name what is to end.
        wrong_number: the number is not the person's whom the business means.
        complaints: a single word counts only when the reply is nothing else.
        return_words, home_return_words: by which people come back; the latter collide.
        yes: count as coming back only when that was the question.
        help_words: by which people ask who writes.
        doubtful: a person decides; a single word counts only when the reply is nothing else.
        harmless: in which a word by which people leave means something else.
        everyday: words that are harmless here and by which people leave in another language.
        not_typos: words one slip away from such a word.
        objects: what else people cancel.
        fillers: courtesy.
        negations, negations_after: what turns a word round, before it and after it.
        automatic: how automatic answers begin.
        reactions, dislikes: what a telephone writes before the text that somebody reacted to.
    """

    language: str
    words: tuple[str, ...] = ()
    home_words: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    marketing: tuple[str, ...] = ()
    notifications: tuple[str, ...] = ()
    wrong_number: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    return_words: tuple[str, ...] = ()
    home_return_words: tuple[str, ...] = ()
    yes: tuple[str, ...] = ()
    help_words: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()
    everyday: tuple[str, ...] = ()
    not_typos: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    fillers: tuple[str, ...] = ()
    negations: tuple[str, ...] = ()
    negations_after: tuple[str, ...] = ()
    automatic: tuple[str, ...] = ()
    reactions: tuple[str, ...] = ()
    dislikes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CountryTable:
    """How replies from a country are read.

    Attributes:
        languages: spoken there, the likeliest first.
        in_a_sentence: what a word by which people leave means inside a longer sentence:
            ``OPT_OUT`` where the law asks what a reasonable person would understand, else
            ``REVIEW``.
        commands: whole replies with a meaning of their own there, normalised.
    """

    languages: tuple[str, ...] = ()
    in_a_sentence: Intent = Intent.REVIEW
    commands: Mapping[str, Intent] = field(default_factory=dict)


_ANYWHERE = CountryTable()


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    """Every table, ready to be searched. Immutable; safe to share between threads.

    Attributes:
        tables: by language, the likeliest first.
        countries: by ISO 3166 code.
    """

    tables: Mapping[str, LanguageTable]
    countries: Mapping[str, CountryTable]
    index: Index = field(init=False, repr=False, compare=False)
    everyday: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    slips: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    not_slips: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    leaving: frozenset[str] = field(init=False, repr=False, compare=False)
    known: frozenset[str] = field(init=False, repr=False, compare=False)
    squeezed: Mapping[str, str] = field(init=False, repr=False, compare=False)
    reactions: frozenset[str] = field(init=False, repr=False, compare=False)
    dislikes: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, value in self._derived().items():
            object.__setattr__(self, name, value)

    def _derived(self) -> dict[str, object]:
        tables = self.tables.values()
        entries = _settled([entry for table in tables for entry in entries_of(table)])
        single = [entry for entry in entries if len(entry.tokens) == 1]
        leaving = frozenset(entry.tokens[0] for entry in single if entry.kind is Kind.LEAVE)
        slips: dict[str, list[str]] = {table.language: [] for table in tables}
        for entry in single:
            if entry.kind is Kind.LEAVE and not entry.alone:
                slips[entry.language].append(entry.tokens[0])
        return {
            "index": Index(entries),
            "everyday": {one.language: frozenset(map(normalise, one.everyday)) for one in tables},
            "slips": {language: tuple(words) for language, words in slips.items()},
            "not_slips": {
                one.language: frozenset(map(normalise, (*one.not_typos, *one.everyday)))
                for one in tables
            },
            "leaving": leaving,
            "known": frozenset(entry.tokens[0] for entry in single).difference(leaving),
            # The shortest wins: ``stopppp`` is meant for ``stop``.
            "squeezed": {squeezed(word): word for word in sorted(leaving, reverse=True)},
            "reactions": frozenset(text.casefold() for one in tables for text in one.reactions),
            "dislikes": frozenset(text.casefold() for one in tables for text in one.dislikes),
        }

    def country(self, code: str | None) -> CountryTable:
        """How replies from a country are read; one that we do not know has no own ways."""
        return self.countries.get(code, _ANYWHERE) if code else _ANYWHERE

    def home(self, country: str | None, language: str | None) -> tuple[str, ...]:
        """The languages of a person, the likeliest first: their own, then their country's."""
        spoken = self.country(country).languages
        own = table_tag(language) if language else None
        return spoken if own is None or own not in self.tables else (own, *spoken)


def table_tag(language: str) -> str:
    """The tag of the table that a person's language has: ``pt-BR`` → ``pt``, ``nb-NO`` → ``no``."""
    primary = language.replace("_", "-").split("-")[0].lower()
    return _NORWEGIAN.get(primary, primary)


def entries_of(table: LanguageTable) -> Iterator[Entry]:
    """Everything of a table that is looked for in a reply."""
    alone = {normalise(text) for text in table.alone}
    negations = {normalise(text) for text in (*table.negations, *table.negations_after)}
    negations |= {normalise(text) for text in table.doubtful}

    def entries(
        kind: Kind,
        texts: Sequence[str],
        *,
        scope: Scope = Scope.ALL,
        home_only: bool = False,
        single_alone: bool = False,
    ) -> Iterator[Entry]:
        for text in texts:
            tokens = tuple(normalise(text).split(" "))
            yield Entry(
                tokens=tokens,
                kind=kind,
                language=table.language,
                home_only=home_only,
                alone=" ".join(tokens) in alone or (single_alone and len(tokens) == 1),
                scope=scope,
                negated=_holds(tokens, negations),
            )

    yield from entries(Kind.LEAVE, table.words)
    yield from entries(Kind.LEAVE, table.home_words, home_only=True)
    yield from entries(Kind.PHRASE, table.phrases)
    yield from entries(Kind.PHRASE, table.marketing, scope=Scope.MARKETING)
    yield from entries(Kind.PHRASE, table.notifications, scope=Scope.NOTIFICATIONS)
    yield from entries(Kind.WRONG_NUMBER, table.wrong_number, scope=Scope.NUMBER)
    yield from entries(Kind.COMPLAINT, table.complaints, single_alone=True)
    yield from entries(Kind.RETURN, table.return_words)
    yield from entries(Kind.RETURN, table.home_return_words, home_only=True)
    yield from entries(Kind.YES, table.yes, home_only=table.language != ENGLISH)
    yield from entries(Kind.HELP, table.help_words)
    yield from entries(Kind.DOUBT, table.doubtful, single_alone=True)
    yield from entries(Kind.FILLER, table.fillers)
    yield from entries(Kind.NEGATION, table.negations)
    yield from entries(Kind.NEGATION_AFTER, table.negations_after)
    yield from entries(Kind.HARMLESS, table.harmless)
    yield from entries(Kind.OBJECT, table.objects)
    yield from entries(Kind.AUTOMATIC, table.automatic)


def _settled(entries: Sequence[Entry]) -> list[Entry]:
    """The entries; courtesy that is a no in another language counts only where it is spoken."""
    refusals = {
        entry.tokens
        for entry in entries
        if entry.kind in (Kind.NEGATION, Kind.NEGATION_AFTER, Kind.DOUBT)
    }
    return [
        replace(entry, home_only=True)
        if entry.kind is Kind.FILLER and entry.tokens in refusals
        else entry
        for entry in entries
    ]


def _holds(tokens: tuple[str, ...], negations: set[str]) -> bool:
    """Whether a negation stands in the words."""
    places = range(len(tokens))
    return any(
        " ".join(tokens[start : end + 1]) in negations for start in places for end in places[start:]
    )
