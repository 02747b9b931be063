"""In which time zones may the holder of a number be?

A number narrows the place down, it never settles it: area codes span zones, mobiles say little,
toll-free numbers nothing. So the answer is a set, and a window must be open in all of it.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

from phonenumbers import PhoneNumber
from phonenumbers.timezone import UNKNOWN_TIMEZONE, time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

from pipeline.policy.area_codes import (
    BRAZIL,
    BRAZIL_ANYWHERE,
    NANP_OVERLAYS,
    UNITED_STATES_ANYWHERE,
    Place,
)

_NANP: Final = 1
_AREA_CODE_DIGITS: Final = 3
_BRAZIL_FULL_LENGTHS: Final = (10, 11)  # area code and subscriber; 8 digits are services

_CURRENT_NAMES: Mapping[str, str] = {
    "Africa/Asmera": "Africa/Asmara",
    "America/Buenos_Aires": "America/Argentina/Buenos_Aires",
    "America/Godthab": "America/Nuuk",
    "Asia/Calcutta": "Asia/Kolkata",
    "Asia/Choibalsan": "Asia/Ulaanbaatar",
    "Asia/Katmandu": "Asia/Kathmandu",
    "Asia/Rangoon": "Asia/Yangon",
    "Atlantic/Faeroe": "Atlantic/Faroe",
    "Pacific/Enderbury": "Pacific/Kanton",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
}
"""The old names that the ``phonenumbers`` data still use.

They are links kept for compatibility, which some Linux distributions put in a separate package.
"""


def check_zone(name: str) -> bool:
    """Whether this is an IANA zone that a person's own record may name.

    Old names such as ``Asia/Calcutta`` pass; see `current_name`. ``Factory``, the placeholder of
    a machine that was never set up, does not.
    """
    return name in _known_zones()


def current_name(zone: str) -> str:
    """The name in use today for a zone that goes by an old one; any other as it is."""
    return _CURRENT_NAMES.get(zone, zone)


def candidate_zones(number: PhoneNumber, region: str) -> tuple[str, ...]:
    """Every zone in which the holder of a valid number may be.

    Args:
        number: a valid number.
        region: what ``region_code_for_number`` says of it, e.g. ``US``, ``PR``, ``BR``.

    Returns:
        IANA names, sorted, under their current names; empty when nothing is known, and then
        nothing that depends on local time may be sent.
    """
    return find_place(number, region).zones


def find_place(number: PhoneNumber, region: str) -> Place:
    """The candidate zones of a valid number, and its state where the number tells it.

    Only Brazil's area codes tell the state.

    Args:
        number: a valid number.
        region: what ``region_code_for_number`` says of it.
    """
    if number.country_code == _NANP:
        return _north_american_place(str(number.national_number)[:_AREA_CODE_DIGITS], region)
    if region == "BR":
        return _brazilian_place(str(number.national_number))
    place = _only_place(region)
    # A country with one zone has it under every prefix; there the prefix data are no better,
    # and for some (Algeria, Morocco) they name a neighbour whose clock differs in summer.
    return place if place.zones else _listed_place(time_zones_for_number(number))


def _brazilian_place(national: str) -> Place:
    if len(national) not in _BRAZIL_FULL_LENGTHS:
        return BRAZIL_ANYWHERE
    return BRAZIL.get(national[:2], BRAZIL_ANYWHERE)


@cache  # at most one entry for each of some 800 area codes and its region
def _north_american_place(area_code: str, region: str) -> Place:
    listed = _north_american_zones()
    codes = (area_code, NANP_OVERLAYS.get(area_code, area_code))
    zones = {zone for code in codes for zone in listed.get(code, ())}
    if zones:
        return Place(state=None, zones=tuple(sorted(zones)))
    if region == "US":
        return Place(state=None, zones=UNITED_STATES_ANYWHERE)
    return _only_place(region)


@cache
def _north_american_zones() -> Mapping[str, frozenset[str]]:
    """Area code → the union of the zones of all exchanges listed under it.

    The union, because an exchange that is not listed falls back to the code's single entry, and
    that is one side of the line: most of 423 is Eastern, its fallback is Central.
    """
    zones: defaultdict[str, set[str]] = defaultdict(set)
    for prefix, names in TIMEZONE_DATA.items():
        if prefix.startswith("1") and len(prefix) > _AREA_CODE_DIGITS:
            zones[prefix[1 : 1 + _AREA_CODE_DIGITS]].update(map(current_name, names))
    return {code: frozenset(names) for code, names in zones.items()}


@cache  # one entry a region
def _only_place(region: str) -> Place:
    zones = _zones_by_country().get(region, ())
    return Place(state=None, zones=zones if len(zones) == 1 else ())


@cache  # few distinct tuples occur in the data
def _listed_place(zones: tuple[str, ...]) -> Place:
    known = {current_name(zone) for zone in zones if zone != UNKNOWN_TIMEZONE}
    return Place(state=None, zones=tuple(sorted(known)))


@cache
def _zones_by_country() -> Mapping[str, tuple[str, ...]]:
    """ISO 3166 code → its zones, from the table that comes with the zone data."""
    text = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    zones: defaultdict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            zones[country].append(zone)
    return {country: tuple(names) for country, names in zones.items()}


@cache
def _known_zones() -> frozenset[str]:
    text = resources.files("tzdata").joinpath("zones").read_text("utf-8")
    return frozenset(text.split()) - {"Factory"}
