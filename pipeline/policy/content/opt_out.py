"""Whether a text says how to leave, with a word that the opt-out lane would understand."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pipeline.policy.checks import Check, blocked, passed
from pipeline.policy.content.passages import Demand, Look, Subject
from pipeline.policy.content.rules import ContentRules
from pipeline.policy.content.text import Wordbook
from pipeline.policy.replies.meaning import Intent, Match
from pipeline.policy.replies.normalise import normalise
from pipeline.policy.replies.understanding import understand
from pipeline.policy.vocabulary import Question, Reason

_TOKEN = re.compile(r"(?:[^\W_]|[\u0900-\u0DFF])+(?:[-'\u2019](?:[^\W_]|[\u0900-\u0DFF])+)*")
_OPENING = '"\u201c\u201d\u201e\u00ab\u2039\u2018'
_CLOSING = '"\u201c\u201d\u00bb\u203a\u2019'
_QUOTED = re.compile(
    rf"[{_OPENING}]([^{_OPENING}{_CLOSING}]{{1,40}})[{_CLOSING}]"
    r"|(?<!\w)\*([^*\n]{1,40})\*(?!\w)"
    r"|(?<!\w)'([^'\n]{1,40})'(?!\w)"
)
"""In quotation marks, or in asterisks, which WhatsApp shows as bold."""

_LONE_DIGIT = re.compile(r"(?<![\w.,:/+-])(?<!\d )\d(?![\w%:/-])(?![.,]\d)(?! ?[\d%])")
"""``Reply 2 to leave``: what is named is a digit."""

_CHANNELS = frozenset({"sms", "mms", "whatsapp", "txt", "msg", "rcs"})
"""Written in capitals, and no answer."""

_MOST_WORDS = 4
"""Words of an answer: ``STOP ALL``, ``OPT OUT``, ``START DND``."""

_LEAST_MARKED = 2
"""Letters of a word whose capitals mean something."""

_SHORT = 4
"""Words of an instruction that may consist of little but the answers."""

_SURE = frozenset({Match.KEYWORD, Match.COURTESY, Match.COMMAND, Match.PHRASE})


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """For whom a text is read.

    Attributes:
        country: the recipient's.
        language: the text's tag.
        leaving: the country's own words by which people leave.
    """

    words: Wordbook
    country: str
    language: str
    leaving: tuple[str, ...] = ()


def check_opt_out(rules: ContentRules, subject: Subject, reader: Reader) -> Check | Demand:
    """The named instruction stands in the text and names a word that is understood.

    Where none is named, one counts that the text itself writes in capitals or in quotation marks.
    """
    rule, named = rules.opt_out_rule, subject.text.disclosure("opt_out")
    wanted, brand = rules.opt_out_words, subject.text.brand

    def answer(instruction: str, *, marked_only: bool) -> str | None:
        return _understood(instruction, reader, wanted, brand, marked_only)

    if named is None:
        word = answer(subject.own, marked_only=True)
        return _found(rule, word) if word else _missing(rule, named=False)

    def judge(look: Look) -> Check:
        if not look.holds(named):
            return _missing(rule, named=True, found=False)
        instruction = look.passage(named)
        word = answer(instruction, marked_only=False)
        if word:
            return _found(rule, word)
        marks = sorted(set(_marked_words(instruction, brand)))
        asked: dict[str, object] = {"asked_for": list(wanted)} if wanted else {}
        return _missing(rule, named=True, found=True, not_accepted=marks, **asked)

    settled = judge(subject.gapped)
    return judge if settled.stops and subject.text.variables else settled


def _found(rule: str | None, word: str) -> Check:
    return passed(Question.CONTENT, rule, word=word)


def _missing(rule: str | None, **saw: object) -> Check:
    return blocked(Question.CONTENT, rule, Reason.CONTENT_OPT_OUT_MISSING, **saw)


@lru_cache(maxsize=4096)
def _understood(
    instruction: str, reader: Reader, wanted: tuple[str, ...], brand: str, marked_only: bool
) -> str | None:
    """The answer that the instruction names and that would be understood; None: there is none.

    An instruction names what it writes in capitals or in quotation marks; one that marks nothing
    may name any of its words.
    """
    allowed = {normalise(word) for word in wanted}
    marked = list(_marked(instruction, brand))
    runs = marked if marked or marked_only else [_TOKEN.findall(instruction)]
    for candidate in _answers(runs):
        if allowed and normalise(candidate) not in allowed:
            continue
        understanding = understand(
            candidate,
            lexicon=reader.words.lexicon,
            country=reader.country,
            language=reader.language,
            words=reader.leaving,
        )
        if understanding.intent is Intent.OPT_OUT and understanding.match in _SURE:
            return candidate
    return None


def _answers(runs: Sequence[Sequence[str]]) -> Iterator[str]:
    """Every answer that these rows of words may name, the shortest first."""
    for count in range(1, _MOST_WORDS + 1):
        for run in runs:
            for start in range(len(run) - count + 1):
                yield " ".join(run[start : start + count])


def _marked(instruction: str, brand: str) -> Iterator[Sequence[str]]:
    """Rows of words that are written in capitals, or quoted; a lone digit is one as well."""
    instruction = _brand(brand).sub(" | ", instruction)
    for quoted in _QUOTED.finditer(instruction):
        yield _TOKEN.findall(quoted[quoted.lastindex or 0])
    for digit in _LONE_DIGIT.finditer(instruction):
        yield [digit[0]]
    if _is_shouted(instruction):
        return
    run: list[str] = []
    end = 0
    for token in _TOKEN.finditer(instruction):
        marked = _is_marked(token[0])
        if run and (not marked or instruction[end : token.start()].strip()):
            yield run
            run = []
        if marked:
            run.append(token[0])
        end = token.end()
    if run:
        yield run


def _marked_words(instruction: str, brand: str) -> Iterator[str]:
    return (word for run in _marked(instruction, brand) for word in run)


def _is_marked(token: str) -> bool:
    return token.isupper() and len(token) >= _LEAST_MARKED and token.casefold() not in _CHANNELS


@lru_cache(maxsize=512)
def _brand(brand: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(brand)}(?!\w)" if brand else "(?!)", re.IGNORECASE)


def _is_shouted(text: str) -> bool:
    """Whether nearly everything is in capitals: they mark nothing then."""
    words: list[str] = [word for word in _TOKEN.findall(text) if len(word) >= _LEAST_MARKED]
    capitals = sum(word.isupper() for word in words)
    if len(words) <= _SHORT:
        return capitals == len(words)
    return 2 * capitals > len(words)
