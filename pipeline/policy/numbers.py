"""What a phone number tells: its country, its zones, its state. Or that it is no number."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    format_number,
    is_valid_number_for_region,
    parse,
    region_code_for_number,
)
from phonenumbers.re_util import enable_pattern_cache

from pipeline.policy.area_codes import BRAZIL
from pipeline.policy.decision import Block
from pipeline.policy.us_states import US_STATES, states_of_area_code
from pipeline.policy.vocabulary import Reason
from pipeline.policy.zones import find_place

# A campaign over many countries needs more patterns than Python's own cache of 512 holds; each
# miss compiles anew, and a number then costs ten times as much.
enable_pattern_cache()

MAX_RAW_LENGTH: Final = 32
"""Characters of input that are looked at; fifteen digits with every usual separator fit."""

_AREA_CODE_DIGITS: Final = 3  # of a North American number

_WRITTEN_NUMBER = re.compile(r"\+?[0-9(][0-9 ().\-/]+")

COUNTRY_OF_REGION: Mapping[str, str] = {
    # US territories have region codes of their own, and the law of the United States.
    "AS": "US",
    "GU": "US",
    "MP": "US",
    "PR": "US",
    "VI": "US",
    # Outermost regions are part of the European Union through France.
    "GF": "FR",
    "GP": "FR",
    "MF": "FR",
    "MQ": "FR",
    "RE": "FR",
    "YT": "FR",
    # So is Åland, through Finland.
    "AX": "FI",
}
"""Region of a number → the country whose rules apply, where the two differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberFacts:
    """What is known of a recipient from the number alone.

    Attributes:
        e164: the number in its one canonical form, e.g. ``+5511987654321``.
        region: the region that issued it, e.g. ``PR``; ``001`` for no country's numbers.
        country: the country whose rules apply, e.g. ``US``.
        zones: every IANA zone in which the holder may be, sorted; empty: unknown.
        state: the state for its own holidays (Brazil: ``SP``); None: the number does not tell.
    """

    e164: str
    region: str
    country: str
    zones: tuple[str, ...]
    state: str | None


_INVALID: Final = Block(reason=Reason.INVALID_NUMBER)


def read_number(raw: str, country: str | None = None) -> NumberFacts | Block:
    """Read a number as people write it, or refuse it; nothing is guessed.

    Only digits and the usual separators are taken: letters and extensions, which the underlying
    library would turn into digits or drop, are refused. Costs 17 to 35 µs by country.

    Args:
        raw: E.164 (``+55 11 98765-4321``), or a national number together with `country`; at
            most `MAX_RAW_LENGTH` characters.
        country: ISO 3166 code, in any case; not looked at when `raw` starts with ``+``.

    Returns:
        The facts, or ``Block(invalid_number)`` when no valid number can be read.
    """
    number = _parse(raw, country)
    if number is None:
        return _INVALID
    region = region_code_for_number(number)
    # is_valid_number() would look for the region, the dearer half of the work, once more.
    if region is None or not is_valid_number_for_region(number, region):
        return _INVALID
    place = find_place(number, region)
    return NumberFacts(
        e164=format_number(number, PhoneNumberFormat.E164),
        region=region,
        country=COUNTRY_OF_REGION.get(region, region),
        zones=place.zones,
        state=place.state,
    )


def _parse(raw: str, country: str | None) -> PhoneNumber | None:
    if len(raw) > MAX_RAW_LENGTH:
        return None
    written = raw.strip()
    if _WRITTEN_NUMBER.fullmatch(written) is None:
        return None
    default_region = country.upper() if country and not written.startswith("+") else None
    try:
        return parse(written, default_region)
    except NumberParseException:
        return None


@lru_cache(maxsize=65_536)  # a person's messages come in every campaign
def states_of(e164: str) -> frozenset[str]:
    """The subdivisions in which the holder of a valid number may be, e.g. ``{"FL"}``.

    A Brazilian number tells its state, a US one by its area code, a territory's is the territory.
    People move and take their number along: it is the best guess that a sender is held to.

    Empty: the number does not tell, and whoever asks has to reckon with any of them.
    """
    number = parse(e164)
    region = region_code_for_number(number) or ""
    if COUNTRY_OF_REGION.get(region, region) == "US":
        if region != "US":
            return frozenset({region})
        return states_of_area_code(str(number.national_number)[:_AREA_CODE_DIGITS])
    state = find_place(number, region).state
    return frozenset() if state is None else frozenset({state})


def known_states(country: str) -> frozenset[str]:
    """Every subdivision that a number of the country can tell; none: its numbers tell none."""
    if country == "US":
        territories = {region for region, of in COUNTRY_OF_REGION.items() if of == "US"}
        return US_STATES | territories
    if country == "BR":
        return frozenset(place.state for place in BRAZIL.values() if place.state is not None)
    return frozenset()
