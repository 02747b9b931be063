"""How long a text is once its variables are filled in."""

from collections import Counter

from pipeline.policy.checks import Check, blocked, passed, warned
from pipeline.policy.content.passages import Demand, Look, Subject
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.rendering import VARIABLE
from pipeline.policy.vocabulary import Question, Reason


def check_length(rules: ContentRules, subject: Subject) -> Check | Demand:
    """The text has at most so many characters (Unicode code points), variables filled in."""
    body = subject.text.body
    uses = tuple(Counter(VARIABLE.findall(body)).items())
    fixed = len(VARIABLE.sub("", body))
    if not uses:
        return _judge(rules, fixed)
    known: dict[int, Check] = {}

    def judge(look: Look) -> Check:
        length = fixed + sum(count * len(look.value(name)) for name, count in uses)
        check = known.get(length)
        if check is None:
            check = known[length] = _judge(rules, length)
        return check

    return judge


def _judge(rules: ContentRules, length: int) -> Check:
    saw = {"characters": length, "most": rules.longest}
    if length <= rules.longest:
        return passed(Question.CONTENT, rules.length_rule, **saw)
    if rules.length_blocks:
        return blocked(Question.CONTENT, rules.length_rule, Reason.CONTENT_TOO_LONG, **saw)
    return warned(Question.CONTENT, rules.length_rule, Reason.CONTENT_TOO_LONG, **saw)
