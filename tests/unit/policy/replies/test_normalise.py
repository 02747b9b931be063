"""The one form in which replies and tables are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.replies.normalise import LONGEST, MOST_WORDS, normalise, split, visible


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("\uff33\uff34\uff2f\uff30", "stop"),
        ("Stop.", "stop"),
        ("stop!!!", "stop"),
        ("STOP\u200b", "stop"),
        ("\u202eSTOP\u202c", "stop"),
        ("ARRÊT", "arret"),
        ("arre\u0302t", "arret"),
        ("S.T.O.P", "s t o p"),
        ("opt-out", "opt out"),
        ("ŞİR", "sir"),
        ("straße", "strasse"),
        ("wyłącz", "wylacz"),
        ("don't", "dont"),
        ("don\u2019t", "dont"),
        ("j'arrête", "j arrete"),
        ("cancel·lar", "cancellar"),
        ("बंद करो।", "बंद करो"),
        ("हटाएँ", "हटाएं"),
        ("ग़लत", "गलत"),
        ("मैसेज", "मैसेज"),
        ("ΔΙΑΓΡΑΦΉ", "διαγραφη"),
        ("ΤΈΛΟΣ τέλος", "τελοσ τελοσ"),
        ("STOP ✌️🙏🏽", "stop"),
        ("s\0t\x07o\x1bp", "stop"),
        ("", ""),
    ],
)
def test_what_does_not_count_is_gone(text: str, form: str) -> None:
    assert normalise(text) == form


def test_clauses_are_told_apart() -> None:
    words = split("Don't. Stop, please")
    assert words.tokens == ("dont", "stop", "please")
    assert words.clauses == (0, 1, 2)


@given(st.text(max_size=300))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_only_the_beginning_of_a_long_reply_is_read() -> None:
    assert len(visible("a" * 1_000_000)) == LONGEST
    assert len(split("a " * 1_000_000).tokens) == MOST_WORDS
    assert visible("\u200b \n" * 1_000 + "STOP") == "STOP"
