"""Text that the person quotes or reacts to is not theirs."""

import pytest

from pipeline.policy.replies.meaning import Intent
from tests.unit.policy.replies.conftest import Reader

OURS = "Loja Azul: 15% off until Friday. Reply STOP to opt out"


@pytest.mark.parametrize(
    "body",
    [
        f"Liked “{OURS}”",
        f"Loved “{OURS}”",
        f'Laughed at "{OURS}"',
        f"Emphasized “{OURS}”",
        f"Questioned “{OURS}”",
        f"Reacted 😂 to “{OURS}”",
        f"Removed a like from “{OURS}”",
        f"\u200a\u200b👍\u200b to “ {OURS} ” ",
        f"❤️ to “{OURS}”",
        f"👍 a “{OURS}”",
        f"Gostou de “{OURS}”",
        f"Le encantó “{OURS}”",
        f"A aimé « {OURS} »",
        f"Hat reagiert mit 👍 auf „{OURS}“",
    ],
)
def test_a_reaction_is_nothing(read: Reader, body: str) -> None:
    for country in (None, "US", "BR", "DE"):
        assert read(body, country).intent is Intent.NONE


@pytest.mark.parametrize("body", [f"Disliked “{OURS}”", f"👎 to “{OURS}”", f"🛑 to “{OURS}”"])
def test_a_bad_reaction_is_looked_at(read: Reader, body: str) -> None:
    assert read(body, "US").intent is Intent.REVIEW


@pytest.mark.parametrize(
    "body",
    [
        f"Liked “{OURS}” STOP",
        f"> {OURS}\nSTOP",
        f'You write "{OURS}" so: stop texting me',
        f"please stop\n-----Original Message-----\n{OURS}",
    ],
)
def test_what_follows_a_quotation_counts(read: Reader, body: str) -> None:
    assert read(body, "US").leaves


@pytest.mark.parametrize("body", [f"> {OURS}\n> again\nthank you!", f"ok!\n> {OURS}"])
def test_quoted_lines_are_nothing(read: Reader, body: str) -> None:
    assert read(body, "US").intent is Intent.NONE


@pytest.mark.parametrize(
    "body", ['"STOP"', "«STOP»", "> STOP", ">>> STOP <<<", '🛑 stop "your offers"', 'I said "STOP"']
)
def test_quotation_marks_around_the_persons_own_words_change_nothing(
    read: Reader, body: str
) -> None:
    assert read(body, "US").leaves


def test_a_wish_to_leave_that_only_a_quotation_holds_is_looked_at(read: Reader) -> None:
    body = 'yesterday I told you "do not ever text me again" already'
    assert read(body, "US").intent is Intent.REVIEW
