"""Which values a campaign's body gives its template's variables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.template_text import TemplateParameters


@pytest.mark.parametrize(
    ("template", "body", "recipient", "expected"),
    [
        # The same words, the same names.
        ("Oi {name}, {offer}!", "Oi {name}, {offer}!", {"name": "Ana", "offer": "10%"}, "Ana|10%"),
        # The same words, names of its own, in another order of meaning.
        ("Oi {a}, {b}!", "Oi {b}, {a}!", {"a": "1", "b": "2"}, "2|1"),
        # The body fills in some of the template's variables itself.
        ("Oi {name}, {offer}!", "Oi {name}, 15% off!", {"name": "Ana"}, "Ana|15% off"),
        ("Oi {name}, {offer}!", "Oi amiga, 15% off!", {}, "amiga|15% off"),
        # One place takes words and variables together.
        ("Oi {name}!", "Oi {first} {last}!", {"first": "Ana", "last": "Lima"}, "Ana Lima"),
        # The template repeats a variable: it is given once.
        ("{brand}: {offer}. {brand}", "Acme: 15%. Acme", {}, "Acme|15%"),
        ("{brand}: {offer}. {brand}", "{b}: {o}. {b}", {"b": "Acme", "o": "15%"}, "Acme|15%"),
        # Nothing to fill in.
        ("Oi!", "Oi!", {}, ""),
        # Runs of white space count as one space, as WhatsApp wants its parameters.
        ("Oi {name}!", "Oi  {name}!", {"name": "Ana\n Lima"}, "Ana Lima"),
    ],
)
def test_values_in_the_templates_order(
    template: str, body: str, recipient: dict[str, str], expected: str
) -> None:
    values = TemplateParameters(template, body).values(recipient)
    assert "|".join(values) == expected


def test_names_are_the_templates() -> None:
    assert TemplateParameters("{a} and {b}, {a}", "{x} and 2, {x}").names == ("a", "b")


def test_what_only_the_filled_in_text_shows_is_read_there() -> None:
    # In the body itself the template's full stop stands nowhere: the recipient's value brings it.
    parameters = TemplateParameters("{greeting}. {offer}", "{opening} 15%")
    assert parameters.values({"opening": "Hello."}) == ("Hello", "15%")


def test_what_is_no_instance_is_refused() -> None:
    with pytest.raises(ValueError, match="no instance"):
        TemplateParameters("Oi {name}!", "Bom dia {name}!").values({"name": "Ana"})


WORDS = st.text("ab {}.", min_size=1, max_size=6).filter(lambda text: text.strip() == text)


@given(first=WORDS, second=WORDS)
def test_the_template_filled_in_says_what_the_body_says(first: str, second: str) -> None:
    parameters = TemplateParameters("Hi {one}; {two}!", "Hi {x}; {y}!")
    squeezed = [" ".join(value.split()) for value in (first, second)]
    assert list(parameters.values({"x": first, "y": second})) == squeezed
