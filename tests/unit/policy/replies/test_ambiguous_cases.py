"""Replies that can be read in two ways, and what is decided about each."""

import pytest

from pipeline.policy.replies.meaning import Intent, Match, Scope
from tests.unit.policy.replies.conftest import Reader

EVERYWHERE = (None, "US", "BR", "PE", "IN", "ES", "DE", "PL")


@pytest.mark.parametrize("country", EVERYWHERE)
@pytest.mark.parametrize("body", ["STOP please", "please stop", "Stop!!", "stop.", "STOP"])
def test_a_word_with_courtesy_leaves(read: Reader, body: str, country: str | None) -> None:
    assert read(body, country).intent is Intent.OPT_OUT


@pytest.mark.parametrize("country", EVERYWHERE)
@pytest.mark.parametrize("body", ["não quero mais", "no quiero más mensajes"])
def test_who_wants_no_more_leaves(read: Reader, body: str, country: str | None) -> None:
    assert read(body, country).intent is Intent.OPT_OUT


@pytest.mark.parametrize("country", EVERYWHERE)
@pytest.mark.parametrize("body", ["UNSTOP", "START", "voltar"])
def test_a_word_of_return_is_one_although_it_may_hold_stop(
    read: Reader, body: str, country: str | None
) -> None:
    assert read(body, country).intent is Intent.OPT_IN


@pytest.mark.parametrize("country", EVERYWHERE)
@pytest.mark.parametrize(
    "body", ["don't stop", "dont stop", "não pare", "no pares", "don\u2019t unsubscribe me"]
)
def test_a_word_turned_round_is_looked_at(read: Reader, body: str, country: str | None) -> None:
    assert read(body, country).intent is Intent.REVIEW


@pytest.mark.parametrize(
    "body",
    [
        "stop by the store?",
        "non-stop",
        "bus stop",
        "vou sair para almoçar",
        "pode parar na frente",
        "¿baja el precio?",
        "está alto",
    ],
)
def test_a_word_that_means_something_else_counts_in_the_us_only(read: Reader, body: str) -> None:
    assert read(body, "US").intent is Intent.REVIEW
    assert {read(body, country).intent for country in EVERYWHERE if country != "US"} == {
        Intent.NONE
    }


@pytest.mark.parametrize(
    "body",
    [
        "hi there, could you maybe cancel it for the two of us",
        "could anybody there unsubscribe somebody like myself from it",
    ],
)
def test_any_other_word_in_a_sentence_ends_it_in_the_us_and_is_looked_at_elsewhere(
    read: Reader, body: str
) -> None:
    us, elsewhere = read(body, "US"), read(body, "IN")
    assert (us.intent, us.match) == (Intent.OPT_OUT, Match.SENTENCE)
    assert (elsewhere.intent, elsewhere.match) == (Intent.REVIEW, Match.SENTENCE)


@pytest.mark.parametrize("country", EVERYWHERE)
def test_the_imperative_that_is_a_preposition_is_looked_at(
    read: Reader, country: str | None
) -> None:
    assert read("para", country).intent is Intent.REVIEW


@pytest.mark.parametrize("country", EVERYWHERE)
@pytest.mark.parametrize(
    "body",
    [
        "cancel my order",
        "cancelar pedido",
        "please cancel my appointment for tuesday",
        "quiero cancelar mi cita",
    ],
)
def test_who_cancels_something_else_does_not_leave(
    read: Reader, body: str, country: str | None
) -> None:
    assert read(body, country).intent is Intent.REVIEW


@pytest.mark.parametrize("country", EVERYWHERE)
def test_end_leaves_everywhere(read: Reader, country: str | None) -> None:
    assert read("end", country).intent is Intent.OPT_OUT


@pytest.mark.parametrize(
    ("body", "at_home", "harmless_in"),
    [
        ("fin", "ES", "SE"),
        ("fin", "FR", "DK"),
        ("fim", "BR", None),
        ("ende", "DE", "NO"),
        ("basta", "IT", None),
        ("peru", "FI", "PE"),
        ("band", "IN", "US"),
        ("baja", "PE", "HU"),
        ("pare", "BR", "RO"),
        ("roko", "IN", "SI"),
        ("stad", "IE", "NL"),
    ],
)
def test_a_word_that_collides_counts_where_its_language_is_spoken(
    read: Reader, body: str, at_home: str, harmless_in: str | None
) -> None:
    assert read(body, at_home).intent is Intent.OPT_OUT
    assert read(body).intent is Intent.REVIEW
    if harmless_in is not None:
        assert read(body, harmless_in).intent in (Intent.NONE, Intent.REVIEW)
        assert not read(body, harmless_in).leaves


def test_a_word_that_collides_counts_where_it_is_the_persons_language(read: Reader) -> None:
    assert read("peru", "US", language="fi-FI").leaves
    assert not read("peru", "US").leaves
    assert read("ende", language="de").leaves


@pytest.mark.parametrize("country", EVERYWHERE[:-1])
@pytest.mark.parametrize("body", ["no", "non", "nein", "ne", "N", "T", "No.", "não", "nej"])
@pytest.mark.parametrize("asked", [True, False])
def test_a_bare_no_is_not_guessed_at(
    read: Reader, body: str, country: str | None, asked: bool
) -> None:
    assert read(body, country, asked_to_opt_in=asked).intent is Intent.REVIEW


def test_no_is_well_yes_in_poland(read: Reader) -> None:
    assert read("no", "PL").intent is Intent.NONE
    assert read("nie", "PL").intent is Intent.REVIEW


def test_a_vendors_word_that_is_everything_in_brazil_is_looked_at_there(read: Reader) -> None:
    assert read("TD", "US").intent is Intent.OPT_OUT
    assert read("td", "BR").intent is Intent.REVIEW


@pytest.mark.parametrize("country", EVERYWHERE)
def test_yes_is_a_return_only_when_that_was_asked(read: Reader, country: str | None) -> None:
    assert read("YES", country).intent is Intent.REVIEW
    assert read("YES", country, asked_to_opt_in=True).intent is Intent.OPT_IN
    assert read("yes please", country, asked_to_opt_in=True).intent is not Intent.OPT_IN


@pytest.mark.parametrize(
    ("body", "country"), [("Sim", "BR"), ("¡Sí!", "PE"), ("ja", "DE"), ("हाँ", "IN"), ("oui", "FR")]
)
def test_a_yes_of_the_persons_language_too(read: Reader, body: str, country: str) -> None:
    assert read(body, country).intent is Intent.NONE
    assert read(body, country, asked_to_opt_in=True).intent is Intent.OPT_IN
    assert read(body, "IS" if country != "DE" else "HU", asked_to_opt_in=True).intent is Intent.NONE


@pytest.mark.parametrize("country", EVERYWHERE)
@pytest.mark.parametrize("body", ["STOP START", "START STOP", "Start. Stop!", "STOP HELP"])
def test_who_says_both_leaves(read: Reader, body: str, country: str | None) -> None:
    assert read(body, country).intent is Intent.OPT_OUT


@pytest.mark.parametrize("body", ["START 0", "start dnd", "Start 0."])
def test_indias_grammar_of_blocking(read: Reader, body: str) -> None:
    understood = read(body, "IN")
    assert (understood.intent, understood.match) == (Intent.OPT_OUT, Match.COMMAND)
    assert not any(read(body, country).leaves for country in EVERYWHERE if country != "IN")


@pytest.mark.parametrize("body", ["STOP 0", "STOP DND", "start 4"])
def test_nobody_is_taken_back_by_indias_grammar(read: Reader, body: str) -> None:
    assert read(body, "IN").intent is Intent.REVIEW


def test_elsewhere_that_grammar_is_a_stop(read: Reader) -> None:
    assert read("STOP DND", "US").leaves


@pytest.mark.parametrize("body", ["🛑", "⛔", "🚫", "✋", "✋🏽", "⛔️!", "🛑 please", "🛑 STOP"])
def test_signs_that_say_stop(read: Reader, body: str) -> None:
    assert read(body).intent is Intent.OPT_OUT


@pytest.mark.parametrize("body", ["👎", "😡", "?", "???", "👎🏿👎🏿", "✋😊", "🛑 START", "START?"])
def test_signs_that_may_say_so_are_looked_at(read: Reader, body: str) -> None:
    assert read(body).intent is Intent.REVIEW


@pytest.mark.parametrize("country", EVERYWHERE)
@pytest.mark.parametrize(
    "body", ["wrong number", "Número equivocado", "número errado!", "sorry, wrong number"]
)
def test_a_number_that_is_somebody_elses_gets_nothing_any_more(
    read: Reader, body: str, country: str | None
) -> None:
    understood = read(body, country)
    assert (understood.intent, understood.scope) == (Intent.OPT_OUT, Scope.NUMBER)


@pytest.mark.parametrize("country", EVERYWHERE)
@pytest.mark.parametrize(
    "body", ["report spam", "denunciar", "vou processar", "Vou processar vocês!", "this is spam"]
)
def test_a_complaint_leaves_too(read: Reader, body: str, country: str | None) -> None:
    understood = read(body, country)
    assert understood.intent is Intent.COMPLAINT
    assert understood.leaves
    assert understood.scope is Scope.ALL


@pytest.mark.parametrize("country", EVERYWHERE)
@pytest.mark.parametrize("body", ["", " ", "\n\t", "\u200b", "👍", "!!!", "I'm driving", "..."])
def test_nothing_is_nothing(read: Reader, body: str, country: str | None) -> None:
    assert read(body, country).intent is Intent.NONE


@pytest.mark.parametrize(
    ("body", "scope"),
    [
        ("STOP MARKETING", Scope.MARKETING),
        ("stop notification", Scope.NOTIFICATIONS),
        ("STOP NOTIFICATIONS please", Scope.NOTIFICATIONS),
        ("Detener marketing", Scope.MARKETING),
        ("PARAR MARKETING", Scope.MARKETING),
        ("parar notificações", Scope.NOTIFICATIONS),
        ("detener notificaciones", Scope.NOTIFICATIONS),
        ("STOPALL", Scope.ALL),
        ("STOP ALL", Scope.ALL),
        ("STOP", Scope.ALL),
        ("stop marketing and stop notifications", Scope.ALL),
        ("would you stop marketing to this household", Scope.ALL),
    ],
)
def test_what_is_to_end(read: Reader, body: str, scope: Scope) -> None:
    understood = read(body, "IN")
    assert (understood.intent, understood.scope) == (Intent.OPT_OUT, scope)


@pytest.mark.parametrize(
    "payload", ["STOP", "stop", "STOP:cmp_42", "OPT_OUT", "opt-out/42", "STOP_ALL", "Unsubscribe"]
)
def test_a_button_to_leave_leaves_whatever_stands_on_it(read: Reader, payload: str) -> None:
    understood = read("Mehr erfahren", "DE", payload=payload)
    assert (understood.intent, understood.match) == (Intent.OPT_OUT, Match.BUTTON)


def test_what_stands_on_a_button_is_understood_too(read: Reader) -> None:
    assert read("Parar promoções", "BR", payload="42").leaves
    assert read("Parar promoções", "BR", payload="42").match is not Match.BUTTON
    assert read("Ver ofertas", "BR", payload="offers").intent is Intent.NONE
    assert read("STOPWATCH", payload="stopwatch").intent is Intent.NONE
    assert read("report spam", payload="STOP").intent is Intent.COMPLAINT
