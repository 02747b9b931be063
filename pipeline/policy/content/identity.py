"""Whether a text says at its start that it is advertising, and by whom it is sent."""

from collections.abc import Sequence

from pipeline.policy.checks import Check, blocked, passed
from pipeline.policy.content.passages import (
    Demand,
    Look,
    Subject,
    find,
    is_word,
    plain_passage,
    settle,
)
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.vocabulary import Question, Reason


def check_identification(rules: ContentRules, subject: Subject) -> Check | Demand:
    """One of the country's phrases, or the named wording that holds one, stands where it must.

    At the start means: nothing stands before it but the brand, punctuation, symbols and space.
    """
    rule, named = rules.identification_rule, subject.text.disclosure("identification")
    phrases = tuple(plain_passage(phrase) for phrase in rules.identifications)
    brand = plain_passage(subject.text.brand)

    def identifies(look: Look) -> bool:
        if named is not None and not look.holds(named):
            return False
        accepted = list(phrases)
        if named is not None:
            passage = plain_passage(look.passage(named))
            if any(find(passage, phrase) != -1 for phrase in phrases):
                accepted.append(passage)
        if rules.identification_first:
            return any(_begins(look.plain, phrase, brand) for phrase in accepted)
        return any(find(look.plain, phrase) != -1 for phrase in accepted)

    reason = Reason.CONTENT_IDENTIFICATION_MISSING
    return settle(
        subject,
        identifies,
        good=passed(Question.CONTENT, rule),
        bad=blocked(
            Question.CONTENT,
            rule,
            reason,
            named=named is not None,
            at_start=rules.identification_first,
        ),
    )


def _begins(text: str, phrase: str, brand: str) -> bool:
    start = find(text, phrase)
    return start != -1 and not _has_words(_without(text[:start], brand))


def _has_words(text: str) -> bool:
    return any(is_word(character) for character in text)


def _without(text: str, brand: str) -> str:
    place = find(text, brand)
    while place != -1:
        text = f"{text[:place]} {text[place + len(brand) :]}"
        place = find(text, brand)
    return text


def check_brand(rules: ContentRules, subject: Subject) -> Check | Demand:
    """The brand stands in the text; of a rule for first messages, only those are asked.

    A message of which nobody knows whether it is the first counts as the first.
    """
    rule, brand = rules.brand_rule, subject.text.brand
    good = passed(Question.CONTENT, rule)
    bad = blocked(Question.CONTENT, rule, Reason.CONTENT_BRAND_MISSING, brand=brand)
    if not rules.brand_first_only:
        return settle(subject, lambda look: look.holds(brand), good=good, bad=bad)
    if subject.gapped.holds(brand):
        return good
    later = passed(Question.CONTENT, rule, first=False)

    def judge(look: Look) -> Check:
        if look.first is False:
            return later
        return good if look.holds(brand) else bad

    return judge


def check_statements(rules: ContentRules, subject: Subject) -> Sequence[Check | Demand]:
    """The named terms of the offer, and its named end, stand in the text."""
    asked = (
        ("offer_terms", rules.offer_terms_rule, Reason.CONTENT_OFFER_TERMS_MISSING),
        ("offer_expiry", rules.offer_expiry_rule, Reason.CONTENT_OFFER_EXPIRY_MISSING),
    )
    return [
        _statement(subject, name, rule, reason) for name, rule, reason in asked if rule is not None
    ]


def _statement(subject: Subject, name: str, rule: str, reason: Reason) -> Check | Demand:
    named = subject.text.disclosure(name)
    if named is None:
        return blocked(Question.CONTENT, rule, reason, named=False)
    return settle(
        subject,
        lambda look: look.holds(named),
        good=passed(Question.CONTENT, rule),
        bad=blocked(Question.CONTENT, rule, reason, named=True, found=False),
    )
