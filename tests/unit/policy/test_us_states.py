"""The states of US numbers: known codes, and the whole table against the package it comes from."""

import re
from collections import defaultdict

import pytest
from phonenumbers.geodata import GEOCODE_DATA

from pipeline.policy.numbers import known_states, read_number, states_of
from pipeline.policy.us_states import US_STATES, states_of_area_code

NAMED = """
Alabama AL, Alaska AK, Arizona AZ, Arkansas AR, California CA, Colorado CO, Connecticut CT,
Delaware DE, Florida FL, Georgia GA, Hawaii HI, Idaho ID, Illinois IL, Indiana IN, Iowa IA,
Kansas KS, Kentucky KY, Louisiana LA, Maine ME, Maryland MD, Massachusetts MA, Michigan MI,
Minnesota MN, Mississippi MS, Missouri MO, Montana MT, Nebraska NE, Nevada NV, New Jersey NJ,
New Hampshire NH, New Mexico NM, New York NY, North Carolina NC, North Dakota ND, Ohio OH,
Oklahoma OK, Oregon OR, Utah UT, Pennsylvania PA, Rhode Island RI, South Carolina SC, Tennessee TN,
South Dakota SD, Texas TX, Vermont VT, Virginia VA, Wyoming WY, Washington State WA,
Washington D.C. DC, West Virginia WV, Wisconsin WI
"""
NAMES = dict(re.findall(r"(\S[^,]*?) ([A-Z]{2})(?=,|\n)", NAMED))


@pytest.mark.parametrize(
    ("number", "states"),
    [
        ("+13055550123", {"FL"}),
        ("+12125550123", {"NY"}),
        ("+14055550123", {"OK"}),
        ("+13605550123", {"WA"}),
        ("+15125550123", {"TX"}),
        ("+15415550123", {"OR"}),
        ("+12025550123", {"DC"}),
        ("+16895550123", {"FL"}),  # shares the place of 407
        ("+12015550123", {"NJ", "NY"}),  # one of its exchanges lies over the river
        ("+17875550123", {"PR"}),
        ("+18005550123", set()),  # toll-free
        ("+15005550123", set()),  # personal
        ("+5511987654321", {"SP"}),
        ("+558001234567", set()),  # toll-free
        ("+34612345678", set()),
    ],
)
def test_the_states_of_a_number(number: str, states: set[str]) -> None:
    assert states_of(number) == states


def test_the_table_says_what_the_package_says() -> None:
    described: defaultdict[str, set[str]] = defaultdict(set)
    for prefix, names in GEOCODE_DATA.items():
        if prefix.startswith("1") and len(prefix) >= len("1201") and "en" in names:
            place = names["en"].rsplit(", ", 1)[-1]
            state = NAMES.get(place, place)
            if state in US_STATES:
                described[prefix[1:4]].add(state)
    assert set(NAMES.values()) == US_STATES
    assert {code: states_of_area_code(code) for code in described} == described


def test_every_area_code_of_the_fifty_states_has_a_state() -> None:
    without = set()
    for code in range(200, 1000):
        found = read_number(f"+1{code}2345678")
        if getattr(found, "region", None) == "US" and not states_of_area_code(str(code)):
            without.add(code)
    nowhere = {800, 833, 844, 855, 866, 877, 888, 900, *range(500, 600)}
    assert without <= nowhere


def test_the_states_that_a_rule_may_name() -> None:
    assert {"FL", "DC", "PR"} <= known_states("US")
    assert len(known_states("BR")) == 27
    assert known_states("ES") == set()
