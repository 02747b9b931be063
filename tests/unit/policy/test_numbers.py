from dataclasses import replace

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.policy.decision import Block
from pipeline.policy.numbers import MAX_RAW_LENGTH, NumberFacts, read_number
from pipeline.policy.vocabulary import Reason

INVALID = Block(reason=Reason.INVALID_NUMBER)


def facts(raw: str, country: str | None = None) -> NumberFacts:
    found = read_number(raw, country)
    assert isinstance(found, NumberFacts), f"{raw} was refused"
    return found


def test_tells_everything_about_a_brazilian_mobile() -> None:
    assert facts("+5511987654321") == NumberFacts(
        e164="+5511987654321",
        region="BR",
        country="BR",
        zones=("America/Sao_Paulo",),
        state="SP",
    )


@pytest.mark.parametrize(
    ("raw", "country", "e164"),
    [
        ("(11) 98765-4321", "BR", "+5511987654321"),
        ("011 98765 4321", "BR", "+5511987654321"),
        ("11987654321", "br", "+5511987654321"),
        ("5511987654321", "BR", "+5511987654321"),
        ("212-555-0123", "US", "+12125550123"),
        ("612 34 56 78", "ES", "+34612345678"),
        (" +34 612.34.56.78 ", None, "+34612345678"),
        ("+34612345678", "", "+34612345678"),
        ("06 698 1", "IT", "+39066981"),
    ],
)
def test_brings_what_people_write_into_one_form(raw: str, country: str | None, e164: str) -> None:
    assert facts(raw, country).e164 == e164


def test_the_number_wins_over_the_country_beside_it() -> None:
    assert facts("+34612345678", "BR").country == "ES"


@pytest.mark.parametrize(
    ("raw", "country"),
    [
        ("", None),
        ("   ", "BR"),
        ("+", None),
        ("11987654321", None),
        ("11987654321", "ZZ"),
        ("5511987654321", "US"),
        ("+551187654321", None),  # a mobile with the ninth digit left out
        ("+12125550123 ext. 7", None),
        ("+1800FLOWERS", None),
        ("tel:+12125550123", None),
        ("+34612345678;phone-context=+1", None),
        ("+1212555012345678", None),
        ("+999123456789", None),
        ("+1212555", None),
        ("+٥٥١١٩٨٧٦٥٤٣٢١", None),
        ("+5511987654321\n+5511987654322", None),
        ("+55 11 98765-4321" + " " * MAX_RAW_LENGTH, None),
        ("1" * 100_000, "US"),
    ],
)
def test_refuses_what_is_no_number(raw: str, country: str | None) -> None:
    assert read_number(raw, country) == INVALID


@pytest.mark.parametrize(
    ("raw", "region", "country"),
    [
        ("+17872345678", "PR", "US"),
        ("+19392345678", "PR", "US"),
        ("+16714567890", "GU", "US"),
        ("+13406421234", "VI", "US"),
        ("+16846221234", "AS", "US"),
        ("+16702345678", "MP", "US"),
        ("+590690001234", "GP", "FR"),
        ("+596696201234", "MQ", "FR"),
        ("+594694201234", "GF", "FR"),
        ("+262692123456", "RE", "FR"),
        ("+262639012345", "YT", "FR"),
        ("+358181234567", "AX", "FI"),
        ("+14165551234", "CA", "CA"),
        ("+18765551234", "JM", "JM"),
        ("+34612345678", "ES", "ES"),
        ("+447400123456", "GB", "GB"),
        ("+77012345678", "KZ", "KZ"),
    ],
)
def test_the_rules_are_those_of_the_country_behind_the_region(
    raw: str, region: str, country: str
) -> None:
    found = facts(raw)
    assert (found.region, found.country) == (region, country)


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("+5511987654321", "SP"),
        ("+5521987654321", "RJ"),
        ("+5561987654321", "DF"),
        ("+5581987654321", "PE"),
        ("+5568987654321", "AC"),
        ("+558001234567", None),
        ("+12125550123", None),
        ("+34612345678", None),
    ],
)
def test_the_state_is_told_by_brazilian_area_codes_only(raw: str, state: str | None) -> None:
    assert facts(raw).state == state


@settings(deadline=None)
@given(st.text(max_size=40), st.none() | st.sampled_from(["BR", "US", "ES", "xx", ""]))
def test_answers_whatever_it_is_given(raw: str, country: str | None) -> None:
    assert isinstance(read_number(raw, country), NumberFacts | Block)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_agrees_with_the_library_on_every_country(region: str) -> None:
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    example = example or phonenumbers.example_number(region)
    assert example is not None
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)

    found = facts(e164)

    assert found.e164 == e164
    assert found.region == phonenumbers.region_code_for_number(example)
    assert found.zones, "some zone is known for every country's mobiles"
    assert facts(e164.removeprefix(f"+{example.country_code}"), region) == replace(found)
