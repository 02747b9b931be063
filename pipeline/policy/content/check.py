"""The way in: every demand of a country on one campaign's text."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from pipeline.policy.checks import Check, blocked
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.content.text import CampaignText, Wordbook
from pipeline.policy.vocabulary import Question, Reason


class TextChecks:
    """The checks of one campaign's text for one country, ready for each recipient's values.

    What holds whatever the values are is decided once.
    """

    def __init__(
        self, rules: ContentRules, text: CampaignText, country: str, words: Wordbook
    ) -> None:
        self._rules = rules
        self._text = text
        self._country = country
        self._words = words

    @property
    def needs_first(self) -> bool:
        """Whether it matters if the message is the first of the business to the person."""
        return False

    def check(self, values: Mapping[str, str], *, first: bool | None) -> Sequence[Check]:
        """What each demand says of the text, filled in with `values`.

        Args:
            values: the recipient's variables.
            first: whether no marketing message of the business went to the person before; None:
                not known, which counts as first.
        """
        missing = [name for name in self._text.variables if name not in values]
        if missing:
            reason = Reason.CONTENT_VARIABLE_MISSING
            return (blocked(Question.CONTENT, None, reason, missing=missing),)
        return ()


@lru_cache(maxsize=1024)
def checks_for(
    rules: ContentRules, text: CampaignText, country: str, words: Wordbook
) -> TextChecks:
    """The checks of a text for recipients of one country; kept for the next chunk."""
    return TextChecks(rules, text, country, words)
