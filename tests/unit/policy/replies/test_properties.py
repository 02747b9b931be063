"""What holds for every reply, and for replies that mean harm."""

import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.policy.replies import understand
from pipeline.policy.replies.meaning import Intent, Understanding
from pipeline.policy.replies.normalise import normalise
from tests.unit.policy.replies.conftest import project_languages

LEXICON = project_languages().lexicon
WORDS = sorted({word for table in LEXICON.tables.values() for word in table.words})
RETURNING = {
    normalise(word)
    for table in LEXICON.tables.values()
    for word in (*table.return_words, *table.home_return_words, *table.yes)
}
SAID = sorted(
    {
        text
        for table in LEXICON.tables.values()
        for texts in (
            table.words,
            table.phrases,
            table.fillers,
            table.negations,
            table.harmless,
            table.return_words,
            table.automatic,
        )
        for text in texts
    }
)
COUNTRIES = st.sampled_from([None, *sorted(LEXICON.countries)])
AROUND = st.text(alphabet=" \t\n.!,;:-_~*()[]¡¿'\u200b\u200d\ufe0f\u2060\u202e🙏😊✌", max_size=8)
ANYTHING = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(), max_size=60),  # lone surrogates too
    st.lists(st.sampled_from([*SAID, "“", "”", '"', ">", "?", "🛑", "👎", "\n"]), max_size=30).map(
        " ".join
    ),
)


def read(body: str, country: str | None = None, *, asked: bool = False) -> Understanding:
    return understand(body, lexicon=LEXICON, country=country, language=None, asked_to_opt_in=asked)


@given(ANYTHING, COUNTRIES, st.booleans())
@settings(max_examples=150)
def test_every_reply_is_understood_somehow(body: str, country: str | None, asked: bool) -> None:
    understood = read(body, country, asked=asked)
    assert understood.leaves == (understood.scope is not None)


@given(ANYTHING, COUNTRIES, st.booleans())
@settings(max_examples=150)
def test_nobody_opts_in_but_by_one_listed_word(body: str, country: str | None, asked: bool) -> None:
    if read(body, country, asked=asked).intent is Intent.OPT_IN:
        assert normalise(body) in RETURNING


@given(st.sampled_from(WORDS), AROUND, AROUND, COUNTRIES)
@settings(max_examples=150)
def test_what_surrounds_a_word_does_not_change_what_it_means(
    word: str, before: str, after: str, country: str | None
) -> None:
    assert read(f"{before} {word} {after}", country).intent is Intent.OPT_OUT


def _wide(text: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


@given(
    st.sampled_from(WORDS),
    st.sampled_from(
        [
            str.upper,
            str.title,
            str.swapcase,
            _wide,
            "\u200b".join,
            lambda text: "".join(one + "\u0301" if one.isascii() else one for one in text),
            lambda text: unicodedata.normalize("NFD", text),
            lambda text: unicodedata.normalize("NFKC", text),
            lambda text: f"{text} {text}!!",
        ]
    ),
    COUNTRIES,
)
@settings(max_examples=150)
def test_how_a_word_is_written_does_not_change_what_it_means(
    word: str, written: object, country: str | None
) -> None:
    assert callable(written)
    assert read(written(word), country).intent is Intent.OPT_OUT


@pytest.mark.parametrize("word", ["stop", "sair", "cancel", "unsubscribe", "stopall", "parar"])
def test_letters_of_other_scripts_do_not_hide_a_word(word: str) -> None:
    cyrillic = "\u0410\u0421\u0415\u041e\u0420\u0405\u0422\u0425\u0423"
    hidden = word.upper().translate(str.maketrans("ACEOPSTXY", cyrillic))
    assert hidden != word.upper()
    assert read(hidden).leaves


def test_letters_of_other_scripts_make_no_word_of_another() -> None:
    assert not read("добре").leaves
    assert not read("καλά").leaves


HOSTILE = {
    "one letter": "a" * 1_000_000,
    "one word": "stop " * 200_000,
    "negations": "no don't not nunca " * 50_000,
    "phrases": "do not want to receive " * 50_000,
    "quotation marks": '"“„«' * 250_000,
    "half reactions": "Liked “a" * 100_000,
    "marks": ("s" + "\u0301\u0316\u0489" * 300) * 3_000,
    "marks out of order": "a" + "\u0345\u0301\u0316\u0334" * 250_000,
    "ligatures": "\ufdfa" * 1_000_000,
    "quoted lines": "> a\n" * 250_000,
    "elisions": "a'" * 500_000,
    "spelling": "s t o " * 150_000,
    "repeated": "ssstttooopppp " * 70_000,
    "glued": "stop1 " * 150_000,
    "surrogates": "\ud800\udfff" * 500_000,
    "nulls": "\0" * 1_000_000,
    "scripts": "СТОРавеё " * 100_000,
    "Hindi": "बंद करो मत " * 100_000,
    "orders": "order stop " * 100_000,
    "emoji": "👍" * 500_000 + ' to "x"',
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_no_text_takes_long(body: str) -> None:
    read(body, "US")
    began = time.process_time()
    read(body, "US")
    # A few milliseconds where nothing else runs; quadratic work would take seconds.
    assert time.process_time() - began < 0.1


def test_a_word_behind_a_megabyte_of_nothing_is_found() -> None:
    assert read(" \n" * 500_000 + "STOP").leaves
