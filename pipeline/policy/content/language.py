"""Whether a text is in a language that the country asks for: as declared, and as it reads."""

from collections.abc import Iterable, Mapping, Sequence

from pipeline.policy.checks import Check, blocked, passed, warned
from pipeline.policy.content.detection import likelihoods, own_words
from pipeline.policy.content.passages import Demand, Look, Subject, find, plain, plain_passage
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.content.text import Wordbook
from pipeline.policy.replies.lexicon import table_tag
from pipeline.policy.vocabulary import Question, Reason

_SURE = 0.75
"""From here on the model is believed against the tag that the producer gave …"""

_UNLIKELY = 0.1
"""… if it also finds every language that is asked for this unlikely."""

_REGION = 2
_OF_UNITED_NATIONS = 3
"""Letters of a region in a tag, or its digits: ``pt-BR``, ``es-419``."""


def check_language(rules: ContentRules, subject: Subject, words: Wordbook) -> Check | Demand:
    """The declared tags are allowed, and the text is in no other language.

    A text that is too short to tell passes on its tags. One that consists of nothing but
    variables is read anew for each recipient.
    """
    text = subject.text
    tags = [tag for tag in (text.language, text.template_language) if tag]
    refused = [tag for tag in tags if not _is_one_of(tag, _allowed(rules))]
    if refused:
        return _blocked(rules, declared=refused[0])
    own = own_words(subject.own, text.brand)
    if not own and text.variables:
        return lambda look: _judge_read(rules, subject, words, look)
    return _judge(rules, subject, words, own, subject.own)


def _judge_read(rules: ContentRules, subject: Subject, words: Wordbook, look: Look) -> Check:
    return _judge(rules, subject, words, own_words(look.raw, subject.text.brand), look.raw)


def _judge(
    rules: ContentRules, subject: Subject, words: Wordbook, own: tuple[str, ...], body: str
) -> Check:
    wanted = {_language(tag) for tag in _allowed(rules)}
    found = likelihoods(own, tuple(words.lexicon.tables))
    likeliest = next(iter(found), None)
    if (
        likeliest is not None
        and likeliest not in wanted
        and found[likeliest] >= _SURE
        and sum(found.get(language, 0.0) for language in wanted) < _UNLIKELY
    ):
        return _blocked(rules, declared=subject.text.language, reads_as=likeliest)
    declared = [tag for tag in (subject.text.language, subject.text.template_language) if tag]
    tolerated = [tag for tag in declared if not _is_one_of(tag, rules.languages)]
    saw: dict[str, object] = {"declared": subject.text.language}
    if likeliest is not None:
        saw["reads_as"] = likeliest
    if tolerated:
        reason = Reason.CONTENT_LANGUAGE
        return warned(Question.CONTENT, rules.language_rule, reason, **saw)
    elsewhere = _other_region(rules, words, body)
    if elsewhere:
        saw |= {"reads_as": elsewhere[0], "words": elsewhere[1]}
        return warned(Question.CONTENT, rules.language_rule, Reason.CONTENT_LANGUAGE, **saw)
    return passed(Question.CONTENT, rules.language_rule, **saw)


def _blocked(rules: ContentRules, **saw: object) -> Check:
    return blocked(
        Question.CONTENT,
        rules.language_rule,
        Reason.CONTENT_LANGUAGE,
        **saw,
        languages=list(rules.languages),
    )


def _allowed(rules: ContentRules) -> tuple[str, ...]:
    return (*rules.languages, *rules.languages_tolerated)


def _other_region(
    rules: ContentRules, words: Wordbook, body: str
) -> tuple[str, Sequence[str]] | None:
    """A tolerated tag whose region's words stand in the text and outnumber the wanted one's."""
    said = plain(body)
    best = {_language(tag): 0 for tag in rules.languages}
    for tag in rules.languages:
        count = len(_markers(words, tag, said))
        best[_language(tag)] = max(best[_language(tag)], count)
    for tag in rules.languages_tolerated:
        markers = _markers(words, tag, said)
        if len(markers) > best.get(_language(tag), 0):
            return tag, markers
    return None


def _markers(words: Wordbook, tag: str, said: str) -> Sequence[str]:
    table = words.texts.get(_language(tag))
    known: Mapping[str, Iterable[str]] = {} if table is None else table.regions
    return [
        word for word in known.get(_region(tag) or "", ()) if find(said, plain_passage(word)) != -1
    ]


def _is_one_of(tag: str, allowed: Iterable[str]) -> bool:
    """A tag without a region, declared or allowed, stands for every region."""
    return any(
        _language(tag) == _language(one)
        and (_region(tag) is None or _region(one) is None or _region(tag) == _region(one))
        for one in allowed
    )


def _language(tag: str) -> str:
    return table_tag(tag)


def _region(tag: str) -> str | None:
    for part in tag.replace("_", "-").split("-")[1:]:
        if (len(part) == _REGION and part.isalpha()) or (
            len(part) == _OF_UNITED_NATIONS and part.isdigit()
        ):
            return part.upper()
    return None
