"""Whether a text names a place where help is: an e-mail address or a toll-free number."""

import re

import phonenumbers

from pipeline.policy.checks import Check, blocked, passed
from pipeline.policy.content.passages import Demand, Look, Subject, settle
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.vocabulary import Question, Reason

_EMAIL = re.compile(
    r"(?<![\w.+-])[a-z0-9](?:[\w.+%-]{0,62}[\w+%-])?"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,24}|xn--[a-z0-9-]{2,59})(?![\w@-])",
    re.IGNORECASE | re.ASCII,
)
_VANITY = re.compile(r"(?<![\w+])\+?(?:1[ .-]?)?\(?\d{3}\)?[ .-][A-Z\d][A-Z\d.-]{5,14}(?!\w)")
"""A number of letters, as they are printed in North America: ``1-800-FLOWERS``."""


def check_support(rules: ContentRules, subject: Subject, country: str) -> Check | Demand:
    """A contact stands in the named wording, or in the text where none is named."""
    rule, named = rules.support_rule, subject.text.disclosure("support")

    def names_contact(look: Look) -> bool:
        if named is not None and not look.holds(named):
            return False
        return has_contact(look.raw if named is None else look.passage(named), country)

    return settle(
        subject,
        names_contact,
        good=passed(Question.CONTENT, rule),
        bad=blocked(
            Question.CONTENT, rule, Reason.CONTENT_SUPPORT_MISSING, named=named is not None
        ),
    )


def has_contact(text: str, country: str) -> bool:
    """Whether an e-mail address or a toll-free number of the country stands in the text."""
    if "@" in text and _has_email(text):
        return True
    return any(_is_toll_free(match.number, country) for match in _numbers(text, country)) or any(
        _is_toll_free_vanity(match[0], country) for match in _VANITY.finditer(text)
    )


def _has_email(text: str) -> bool:
    return any(".." not in match[0] for match in _EMAIL.finditer(text))


def _numbers(text: str, country: str) -> phonenumbers.PhoneNumberMatcher:
    return phonenumbers.PhoneNumberMatcher(text, country)


def _is_toll_free_vanity(text: str, country: str) -> bool:
    try:
        return _is_toll_free(phonenumbers.parse(text, country), country)
    except phonenumbers.NumberParseException:
        return False


def _is_toll_free(number: phonenumbers.PhoneNumber, country: str) -> bool:
    """Of the country: one that can be called free of charge from there."""
    kind = phonenumbers.number_type(number)
    return (
        kind == phonenumbers.PhoneNumberType.TOLL_FREE
        and number.country_code == phonenumbers.country_code_for_region(country)
    )
