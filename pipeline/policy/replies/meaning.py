"""What a reply can mean. The values are public: they stand in files, JSON output and the store."""

from dataclasses import dataclass
from enum import StrEnum


class Intent(StrEnum):
    """What a person who replies wants."""

    OPT_OUT = "opt_out"
    """No more messages."""
    OPT_IN = "opt_in"
    """Messages again; only ever taken from exact words."""
    HELP = "help"
    """To know who writes, and how to leave."""
    COMPLAINT = "complaint"
    """No more messages, and the person complains: an opt-out that is counted as a complaint too."""
    REVIEW = "review"
    """Unclear: a person decides, and marketing is held meanwhile."""
    NONE = "none"
    """Nothing that concerns us: a question about a shop, a thank-you, an automatic answer."""


class Scope(StrEnum):
    """How much an opt-out covers. Whatever it is, marketing and public-service messages end."""

    ALL = "all"
    MARKETING = "marketing"
    NOTIFICATIONS = "notifications"
    NUMBER = "number"
    """The number is not the person's whom the business means: nothing at all goes there."""


class Match(StrEnum):
    """By what a reply was understood, the surest first."""

    PLATFORM = "platform"
    """The provider or a setting of the person's app said so."""
    BUTTON = "button"
    """A button that we sent."""
    KEYWORD = "keyword"
    """The whole reply is a word of the tables."""
    COURTESY = "courtesy"
    """Such a word with a please, a me, a now."""
    COMMAND = "command"
    """A command of a country's own list, such as India's ``START 0``."""
    SYMBOL = "symbol"
    """A sign that everybody reads as stop."""
    PHRASE = "phrase"
    """A phrase that means nothing else, anywhere in the reply."""
    PREFIX = "prefix"
    """A short reply that begins with such a word."""
    TYPO = "typo"
    """Such a word with one slip of the finger, or with letters repeated."""
    SENTENCE = "sentence"
    """Such a word somewhere in a sentence."""
    NEGATION = "negation"
    """Such a word turned round: ``don't stop``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Understanding:
    """What a reply was taken for, and why.

    Attributes:
        scope: of an opt-out or a complaint; else None.
        match: None when nothing matched.
        language: of the table whose word matched, e.g. ``pt``; None where no table was needed.
        word: the table's word or phrase that matched, normalised; never the person's own text.
    """

    intent: Intent
    scope: Scope | None = None
    match: Match | None = None
    language: str | None = None
    word: str | None = None

    @property
    def leaves(self) -> bool:
        """Whether the person has left."""
        return self.intent in (Intent.OPT_OUT, Intent.COMPLAINT)
