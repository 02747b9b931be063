"""Whether a text promotes something: an offer, a discount code, or a link to either.

Texts about orders, bills, codes to log in and deliveries speak of discounts, coupons and codes as
well. What tells them apart is the sentence: a price that falls and is not yet on a bill, or
something offered together with what makes people buy it. Each language's words stand in its file.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from pipeline.policy.checks import Check, blocked, passed
from pipeline.policy.content.passages import Demand, Look, Subject, composed
from pipeline.policy.content.promotion_terms import (
    Hit,
    Part,
    Vocabulary,
    letters,
    vocabulary_of,
)
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.content.text import Wordbook
from pipeline.policy.replies.lexicon import ENGLISH
from pipeline.policy.vocabulary import Question, Reason

LINK, CODE, OFFER = "link", "discount_code", "offer"

_LINK = re.compile(
    r"(?:https?://|www\.)[^\s/?#]+(?P<path>[/?#]\S*)?"
    r"|(?<![\w@.-])(?:[a-z0-9-]+\.)+[a-z]{2,12}(?P<bare>/\S+)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n|[!?;](?=\S)| \| ")

_NUMBER = r"\d{1,6}(?:[.,]\d{1,3})*"
_CURRENCY = r"(?:r\$|us\$|s/\.?|\$|€|£|₹|rs\.?|usd|eur|brl|inr|pen)"
_NAMED = r"(?:€|\$|eur|euros?|reais|soles|d[oó]lares|dollars?|usd|rupees|rs)(?!\w)"
_AMOUNT = re.compile(
    rf"(?<![\w.,-])(?:{_NUMBER}\s?(?:%|percent|por ?cento|por ciento)"
    rf"|{_CURRENCY}\s?{_NUMBER}|{_NUMBER}\s?{_NAMED})",
    re.IGNORECASE,
)
"""A share or a sum of money."""

_BETWEEN = re.compile(r"(?:\s[\w-]+){0,2}\s?")
"""Words between an amount and what it does to the price: ``20% de descuento``."""

_LINE_ITEM = re.compile(
    rf"[\s:()]*[-\N{{MINUS SIGN}}\N{{EN DASH}}]\s?{_CURRENCY}?\s?\d", re.IGNORECASE
)
"""What follows on a bill: ``10% discount: -5.00``."""

_CODE_TOKEN = re.compile(r"(?<![\w/.-])(?=[A-Z0-9-]*[A-Z])[A-Z0-9][A-Z0-9-]{3,19}(?![\w/@-])")
"""What a code looks like: capitals, perhaps with digits, at least four."""

_CODE_WITHIN = 24
"""Characters between what a code is called and the code."""

_SIGNS = frozenset("%$€£₹/.")
_SHOWN = 60


class Found(NamedTuple):
    """A promotion: its sort, and the words that give it away."""

    sort: str
    words: str


def check_promotion(
    rules: ContentRules, subject: Subject, words: Wordbook, country: str
) -> Check | Demand:
    """No promotion of the forbidden sorts stands in the text, whatever a recipient's row adds."""
    vocabulary = _vocabulary(words, subject.text.language, country)
    forbidden, rule = rules.promotion_forbids, rules.promotion_rule
    # Variables count as a number here, the commonest thing that an offer leaves open: {percent}%.
    own = subject.text.body
    for name in subject.text.variables:
        own = own.replace(f"{{{name}}}", "0")
    found = find_promotion(own, vocabulary, forbidden)
    if found is not None:
        return _blocked(rule, found.sort, found=found.words[:_SHOWN])
    clean = passed(Question.CONTENT, rule)
    if not subject.text.variables:
        return clean
    loose = _has_part(own, vocabulary)

    def judge(look: Look) -> Check:
        if not loose and not any(_may_promote(value, vocabulary) for value in look.filled):
            return clean
        found = find_promotion(look.raw, vocabulary, forbidden)
        return clean if found is None else _blocked(rule, found.sort, by="the recipient's values")

    return judge


def _blocked(rule: str | None, sort: str, **saw: object) -> Check:
    reason = Reason.CONTENT_PROMOTION_IN_TRANSACTIONAL
    return blocked(Question.CONTENT, rule, reason, sort=sort, **saw)


def find_promotion(text: str, vocabulary: Vocabulary, forbidden: frozenset[str]) -> Found | None:
    """The first promotion in a text; None: there is none.

    Args:
        vocabulary: of the languages that the text may be in.
        forbidden: the sorts that count: ``link``, ``discount_code``, ``offer``.
    """
    return next((found for found in _promotions(text, vocabulary) if found.sort in forbidden), None)


def _promotions(text: str, vocabulary: Vocabulary) -> Iterator[Found]:
    for link in _LINK.finditer(text):
        if not vocabulary.links.isdisjoint(letters(link["path"] or link["bare"] or "")):
            yield Found(LINK, link[0])
    for sentence in _SENTENCE_END.split(composed(_LINK.sub(" ", text))):
        hits = vocabulary.find(sentence)
        if hits:
            yield from _in_sentence(sentence, hits)


def _in_sentence(sentence: str, hits: list[Hit]) -> Iterator[Found]:
    """A phrase that promotes; and where it is no bill, a falling price, goods, or a code."""
    for hit in hits:
        if hit.part is Part.OFFER:
            yield Found(OFFER, sentence[hit.start : hit.end])
    # A bill may be in one of the languages and hold a word of another: "off" is everywhere.
    if any(hit.part is Part.SETTLED for hit in hits):
        return
    for hit in hits:
        if hit.part in (Part.REDUCTION, Part.SAVE):
            yield from _falling_price(sentence, hit)
        elif hit.part is Part.GOODS:
            yield from _urged(sentence, hit, hits)
        elif hit.part is Part.CODE:
            code = _CODE_TOKEN.search(sentence, hit.end, hit.end + _CODE_WITHIN)
            if code:
                yield Found(CODE, sentence[hit.start : code.end()])


def _falling_price(sentence: str, hit: Hit) -> Iterator[Found]:
    """An amount right before a word such as "off", or right after one such as "save"."""
    for amount in _AMOUNT.finditer(sentence):
        if hit.part is Part.SAVE:
            if amount.start() >= hit.end and not sentence[hit.end : amount.start()].strip():
                yield Found(OFFER, sentence[hit.start : amount.end()])
        elif (
            amount.end() <= hit.start
            and _BETWEEN.fullmatch(sentence, amount.end(), hit.start)
            and not _LINE_ITEM.match(sentence, hit.end)
        ):
            yield Found(OFFER, sentence[amount.start() : hit.end])


def _urged(sentence: str, goods: Hit, hits: list[Hit]) -> Iterator[Found]:
    for urge in hits:
        if urge.part is Part.URGE and urge.language == goods.language:
            both = sorted((sentence[one.start : one.end] for one in (urge, goods)), key=len)
            yield Found(OFFER, " … ".join(both))


def _has_part(own: str, vocabulary: Vocabulary) -> bool:
    """Whether the campaign's own words hold a part of a promotion, for values to complete."""
    return any(hit.part is not Part.SETTLED for hit in vocabulary.find(composed(own)))


def _may_promote(value: str, vocabulary: Vocabulary) -> bool:
    """Whether a value holds anything that promotions are made of; names and numbers do not."""
    if value.isdecimal():
        return False
    return not _SIGNS.isdisjoint(value) or not vocabulary.words.isdisjoint(letters(composed(value)))


@lru_cache(maxsize=256)
def _vocabulary(words: Wordbook, language: str, country: str) -> Vocabulary:
    """Of the text's language, of the country's, and English; what nobody wrote down is left out."""
    return words_of(words, (*words.lexicon.home(country, language), ENGLISH))


def words_of(words: Wordbook, languages: Iterable[str]) -> Vocabulary:
    """The words of promotion of these languages."""
    known = (words.texts.get(tag) for tag in dict.fromkeys(languages))
    return vocabulary_of(
        tuple(table.promotion for table in known if table is not None and table.promotion)
    )
