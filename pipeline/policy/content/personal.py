"""What a text's variables tell of its reader: too much, nothing, or only where they belong."""

import re
from collections.abc import Iterable
from functools import lru_cache

from pipeline.policy.checks import Check, passed, warned
from pipeline.policy.content.passages import Subject
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.content.text import Wordbook
from pipeline.policy.replies.normalise import normalise
from pipeline.policy.vocabulary import Question

DEMOGRAPHICS = ("age", "location", "postal_address", "demographics")
"""The lists of columns that place somebody in a group, rather than tell what they do or want."""

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NOT_LETTERS = re.compile(r"[^A-Za-z]+")


def check_personal_data(rules: ContentRules, subject: Subject, words: Wordbook) -> Check:
    """The text shows no personal datum of those that the country does not want asked for."""
    named = tuple(name.replace(" ", "_") for name in rules.personal_data)
    shown = [name for name in subject.text.variables if means(name, named, words)]
    if shown:
        return warned(Question.CONTENT, rules.personal_data_rule, None, variables=shown)
    return passed(Question.CONTENT, rules.personal_data_rule)


def check_personal(rules: ContentRules, subject: Subject) -> Check:
    """The text is written for its reader: it has a variable."""
    if subject.text.variables:
        return passed(Question.CONTENT, rules.personal_rule)
    return warned(Question.CONTENT, rules.personal_rule, None, variables=[])


def check_demographic(rules: ContentRules, subject: Subject, words: Wordbook) -> Check:
    """The text's variables are not all demographic: some tell what its reader does or wants."""
    variables = subject.text.variables
    if variables and all(means(name, DEMOGRAPHICS, words) for name in variables):
        rule = rules.demographic_rule
        return warned(Question.CONTENT, rule, None, variables=list(variables))
    return passed(Question.CONTENT, rules.demographic_rule)


@lru_cache(maxsize=4096)
def means(variable: str, data: tuple[str, ...], words: Wordbook) -> bool:
    """Whether a variable's name says that it holds one of these personal data, in any language.

    Args:
        variable: ``birthDate``, ``fecha_nacimiento``, ``cep2``.
        data: names of lists of columns in the language files, e.g. ``postal_address``; a datum
            that has no list is looked for by its own name.
    """
    said = f" {' '.join(_NOT_LETTERS.split(_HUMP.sub('_', variable))).lower().strip()} "
    return any(
        f" {normalise(column)} " in said for datum in data for column in _columns(datum, words)
    )


def _columns(datum: str, words: Wordbook) -> Iterable[str]:
    yield datum.replace("_", " ")
    for table in words.texts.values():
        yield from table.columns.get(datum, ())
