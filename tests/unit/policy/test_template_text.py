import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.policy.rendering import render, variables_of
from pipeline.policy.template_text import TemplateText


def reads(template: str, text: str) -> bool:
    """Whether a text is an instance, whatever the campaign calls its variables."""
    return TemplateText(template, "{whole_text}").matches({"whole_text": text})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hi {name}, 15% off.", "Hi Ana, 15% off."),
        ("Hi {name}, 15% off.", "Hi Ana, my friend, 15% off."),
        ("Hi  {name},\n15% off. ", "Hi Ana, 15%   off."),
        ("{a}{b}", "xy"),
        ("{a} {b} end", "x y z end"),
        ("{greeting} {name}!", "Hello !!"),
        ("no variables", "no variables"),
        ("{n} and {n}", "Ana and Ana"),
        ("{a} {b} {a}", "1 2 3 1"),
        ("{a}{b}{a}", "abcab"),
        ("a{x}a", "aaa"),
    ],
)
def test_an_instance_is_recognised(template: str, text: str) -> None:
    assert reads(template, text)
    assert TemplateText(template, text).matches({})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hi {name}, 15% off.", "Hi Ana, 25% off."),
        ("Hi {name}, 15% off.", "Hi , 15% off."),
        ("Hi {name}, 15% off.", "Hi Ana, 15% off. More!"),
        ("Hi {name}, 15% off.", "Oh, Hi Ana, 15% off."),
        ("Hi {name}", "hi Ana"),
        ("{a}{b}", "x"),
        ("{n} and {n}", "Ana and Ann"),
        ("a{x}a", "aa"),
        ("no variables", "no variable"),
        ("no variables", ""),
        ("{n}", ""),
    ],
)
def test_what_is_no_instance_is_not(template: str, text: str) -> None:
    assert not reads(template, text)
    assert not TemplateText(template, text).matches({})


def test_the_campaigns_own_names_may_stand_in_the_places() -> None:
    renamed = TemplateText("Hi {a}, {b} off", "Hi {name}, {percent} off")
    assert renamed.matches({"name": "Ana", "percent": "15%"})
    assert not renamed.matches({"name": "Ana", "percent": " "})


def test_two_of_the_campaigns_variables_in_the_places_of_one_must_be_the_same() -> None:
    text = TemplateText("{a} or {a}", "{x} or {y}")
    assert text.matches({"x": "tea", "y": "tea"})
    assert not text.matches({"x": "tea", "y": "milk"})


def test_a_variable_may_hold_what_the_template_has_fixed() -> None:
    text = TemplateText("Hi {name}, {percent} off", "Hi {name}, 15% off")
    assert text.matches({"name": "Ana"})
    assert not text.matches({"name": ""})


def test_braces_in_a_value_mean_nothing() -> None:
    assert TemplateText("Hi {a}", "Hi {a}").matches({"a": "{b}"})
    assert not TemplateText("Hi {a}!", "Hi {b}").matches({"b": "{a}"})


NAMES = st.sampled_from(["a", "b", "c"])
FIXED = st.text("xyz ,", max_size=4)
TEMPLATES = st.lists(st.tuples(FIXED, NAMES), max_size=5).flatmap(
    lambda parts: FIXED.map(
        lambda last: "".join(f"{fixed}{{{name}}}" for fixed, name in parts) + last
    )
)
VALUES = st.fixed_dictionaries(dict.fromkeys("abc", st.text("0123", min_size=1, max_size=4)))


@given(template=TEMPLATES, values=VALUES)
def test_an_instance_always_matches(template: str, values: dict[str, str]) -> None:
    text = render(template, values)
    assert TemplateText(template, template).matches(values)
    assert TemplateText(template, text).matches({})
    assert reads(template, text)
    spread = text.replace(" ", " \n ")
    assert reads(template, spread)


@given(template=TEMPLATES, values=VALUES, data=st.data())
def test_a_fixed_character_that_is_changed_never_does(
    template: str, values: dict[str, str], data: st.DataObject
) -> None:
    # Fixed letters are no digits and values nothing else: a letter that is gone is missed.
    text = render(template, values)
    places = [place for place, character in enumerate(text) if character in "xyz,"]
    assume(places)
    place = data.draw(st.sampled_from(places))
    changed = text[:place] + data.draw(st.sampled_from("Q9")) + text[place + 1 :]
    assert not reads(template, changed)


@given(template=TEMPLATES, body=TEMPLATES, values=VALUES)
def test_the_shortcut_says_what_the_long_way_says(
    template: str, body: str, values: dict[str, str]
) -> None:
    short = TemplateText(template, body).matches(values)
    assert short == TemplateText(template, render(body, values)).matches({})
    assert set(variables_of(body)) <= values.keys()


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{a}{b}{a}{b}{a}{b}x", "0" * 4000 + "y" + "x"),
        ("{a}{b}{c}{d}{a}{d}{c}{b}", "01" * 2000),
        ("{a} " * 1000, "0 " * 1001),
        ("{a}0{b}0{c}0{d}0{e}0", "0" * 4000 + "1"),
    ],
)
def test_no_text_takes_long(template: str, text: str) -> None:
    begun = time.perf_counter()
    reads(template, text)
    assert time.perf_counter() - begun < 0.5
