"""Which replies are, as a whole, a word by which people leave."""

import pytest

from pipeline.policy.replies.words import opt_out_word

WORDS = ("stop", "sair", "baja", "arrêt", "बंद", "kündigen")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("STOP", "stop"),
        (" Stop. ", "stop"),
        ('"SAIR"', "sair"),
        ("sair!!", "sair"),
        ("Sair 🙏", "sair"),
        ("¡BAJA!", "baja"),
        ("STOP ✌️", "stop"),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER S}top", "stop"),
        ("arre\N{COMBINING CIRCUMFLEX ACCENT}t", "arrêt"),
        ("बंद।", "बंद"),
        ("KÜNDIGEN", "kündigen"),
    ],
)
def test_a_word_is_known_however_it_is_written(body: str, word: str) -> None:
    assert opt_out_word(body, WORDS) == word


@pytest.mark.parametrize(
    "body", ["don't stop", "stop it please", "non-stop", "", "🙏", "  ", "stopp", "sa ir"]
)
def test_anything_else_is_no_wish_to_leave(body: str) -> None:
    assert opt_out_word(body, WORDS) is None


def test_without_a_pack_stop_is_understood_all_the_same() -> None:
    assert opt_out_word("Stop!", ()) == "stop"
    assert opt_out_word("sair", ()) is None
