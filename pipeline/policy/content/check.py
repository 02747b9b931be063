"""The way in: every demand of a country on one campaign's text."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from pipeline.policy.checks import Check, blocked, passed
from pipeline.policy.content.identity import check_brand, check_identification, check_statements
from pipeline.policy.content.language import check_language
from pipeline.policy.content.length import check_length
from pipeline.policy.content.opt_out import Reader, check_opt_out
from pipeline.policy.content.passages import Demand, Look, Subject
from pipeline.policy.content.personal import check_demographic, check_personal, check_personal_data
from pipeline.policy.content.promotion import check_promotion
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.content.spelling import check_error_rate
from pipeline.policy.content.support import check_support
from pipeline.policy.content.text import CampaignText, Wordbook
from pipeline.policy.vocabulary import Question, Reason


class TextChecks:
    """The checks of one campaign's text for one country, ready for each recipient's values.

    What holds whatever the values are is decided once; a text is filled in only where something
    is left to be asked of it.
    """

    def __init__(self, rules: ContentRules, text: CampaignText, reader: Reader) -> None:
        self._text = text
        subject = Subject(text)
        self._demands = (
            *_must_hold(rules, subject, reader),
            *_must_not_hold(rules, subject, reader),
            *_should_be(rules, subject, reader),
        )
        settled = tuple(each for each in self._demands if isinstance(each, Check))
        self._settled = settled if len(settled) == len(self._demands) else None
        self._needs_first = (
            rules.brand_rule is not None
            and rules.brand_first_only
            and not subject.gapped.holds(text.brand)
        )

    @property
    def needs_first(self) -> bool:
        """Whether it matters if the message is the first of the business to the person."""
        return self._needs_first

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
        if self._settled is not None:
            return self._settled
        look = Look(self._text, values, first=first)
        return tuple(each if isinstance(each, Check) else each(look) for each in self._demands)


@lru_cache(maxsize=1024)
def checks_for(
    rules: ContentRules,
    text: CampaignText,
    country: str,
    words: Wordbook,
    leaving: tuple[str, ...] = (),
) -> TextChecks:
    """The checks of a text for recipients of one country; kept for the next chunk.

    Args:
        leaving: the country's own words by which people leave.
    """
    reader = Reader(words=words, country=country, language=text.language, leaving=leaving)
    return TextChecks(rules, text, reader)


def _must_hold(rules: ContentRules, subject: Subject, reader: Reader) -> Iterator[Check | Demand]:
    if rules.opt_out_rule is not None:
        yield check_opt_out(rules, subject, reader)
    if rules.identification_rule is not None:
        yield check_identification(rules, subject)
    if rules.brand_rule is not None:
        yield check_brand(rules, subject)
    yield from check_statements(rules, subject)
    if rules.support_rule is not None:
        yield check_support(rules, subject, reader.country)


def _must_not_hold(
    rules: ContentRules, subject: Subject, reader: Reader
) -> Iterator[Check | Demand]:
    if rules.promotion_rule is not None:
        yield check_promotion(rules, subject, reader.words, reader.country)
    if rules.language_rule is not None:
        yield check_language(rules, subject, reader.words)
    if rules.machine_translation_rule is not None:
        yield _check_machine_translation(rules, subject)


def _should_be(rules: ContentRules, subject: Subject, reader: Reader) -> Iterator[Check | Demand]:
    if rules.length_rule is not None:
        yield check_length(rules, subject)
    if rules.error_rate_rule is not None:
        yield check_error_rate(rules, subject, reader.words)
    if rules.personal_data_rule is not None:
        yield check_personal_data(rules, subject, reader.words)
    if rules.personal_rule is not None:
        yield check_personal(rules, subject)
    if rules.demographic_rule is not None:
        yield check_demographic(rules, subject, reader.words)


def _check_machine_translation(rules: ContentRules, subject: Subject) -> Check:
    rule = rules.machine_translation_rule
    if subject.text.machine_translated:
        return blocked(Question.CONTENT, rule, Reason.CONTENT_MACHINE_TRANSLATED)
    return passed(Question.CONTENT, rule)
