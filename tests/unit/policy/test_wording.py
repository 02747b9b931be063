import pytest

from pipeline.policy.wording import normalise_wording, states_wording

PHRASES = ("acepto recibir mensajes de marketing", "souhlasím se zasíláním marketingových zpráv")
NEGATIONS = ("no", "ne")


@pytest.mark.parametrize(
    "text",
    [
        "Acepto recibir mensajes de marketing de Tienda Azul.",
        "Sí, ACEPTO  recibir\n mensajes de marketing",
        "☑ Acepto recibir mensajes de marketing",
        "¿Sí o no? Acepto recibir mensajes de marketing",
        "No acepto llamadas. Acepto recibir mensajes de marketing",
        "No acepto recibir mensajes de marketing por voz; acepto recibir mensajes de marketing",
        "Souhlasi\u0301m se zasíláním marketingových zpráv",
    ],
)
def test_the_wording_is_found_whatever_its_case_and_spaces(text: str) -> None:
    assert states_wording(text, PHRASES, NEGATIONS)


@pytest.mark.parametrize(
    "text",
    [
        "Acepto los términos y condiciones",
        "No acepto recibir mensajes de marketing",
        "(no acepto recibir mensajes de marketing)",
        "Nesouhlasím se zasíláním marketingových zpráv",
        "Acepto recibir mensajes",
        "",
    ],
)
def test_vague_or_negated_wording_is_not(text: str) -> None:
    assert not states_wording(text, PHRASES, NEGATIONS)


def test_both_apostrophes_are_one() -> None:
    assert normalise_wording("J\N{RIGHT SINGLE QUOTATION MARK}accepte") == "j'accepte"
