"""Reading what texts are judged with before the first text comes: models and dictionaries."""

from collections.abc import Iterable

from pipeline.policy.content.detection import identifier
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.content.spelling import dictionary
from pipeline.policy.content.text import Wordbook
from pipeline.policy.replies.lexicon import table_tag


def load_models(demands: Iterable[ContentRules], words: Wordbook) -> None:
    """Read what these demands need, and keep it; costs up to two seconds and 75 MB a process."""
    for rules in demands:
        if rules.language_rule is not None:
            identifier(tuple(words.lexicon.tables))
        if rules.error_rate_rule is not None:
            for tag in rules.languages:
                dictionary(table_tag(tag))
