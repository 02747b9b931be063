"""In which language a notice is written, and how often a person gets an answer."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.policy.notice import choose_language, may_answer

NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("available", "wanted", "default", "chosen"),
    [
        ({"pt-BR", "pt-PT"}, ("pt-PT", "es"), "pt-BR", "pt-PT"),
        ({"en", "es"}, ("es-PE", "en"), "en", "es"),
        ({"pt-BR"}, ("pt", None), "pt-BR", "pt-BR"),
        ({"en", "es"}, ("pt_BR", "es"), "en", "es"),
        ({"en", "es"}, (None, None), "es", "es"),
        ({"en", "es"}, ("fr", "de"), "nl", "en"),
        ({"fr"}, (None,), "nl", "fr"),
        ({"EN"}, ("en-us",), "de", "EN"),
    ],
)
def test_the_nearest_language_is_chosen(
    available: set[str], wanted: tuple[str | None, ...], default: str, chosen: str
) -> None:
    assert choose_language(available, wanted, default) == chosen


def test_without_any_text_there_is_no_language() -> None:
    with pytest.raises(ValueError, match="no text"):
        choose_language((), ("en",), "en")


def test_two_answers_within_ten_minutes_are_one_too_many() -> None:
    assert may_answer([], now=NOW)
    assert not may_answer([NOW - 9 * MINUTE], now=NOW)
    assert may_answer([NOW - 10 * MINUTE], now=NOW)


def test_six_answers_within_a_day_are_one_too_many() -> None:
    five = [NOW - place * HOUR for place in (1, 2, 3, 4, 24)]
    assert may_answer(five, now=NOW)
    assert not may_answer([*five[:-1], NOW - 23 * HOUR], now=NOW)
