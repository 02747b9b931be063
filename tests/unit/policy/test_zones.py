from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from importlib import resources
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from phonenumbers.tzdata import TIMEZONE_DATA

from pipeline.policy.area_codes import (
    BRAZIL,
    BRAZIL_ANYWHERE,
    NANP_OVERLAYS,
    UNITED_STATES_ANYWHERE,
)
from pipeline.policy.zones import candidate_zones, check_zone, current_name, find_place


def zones(e164: str) -> set[str]:
    number = phonenumbers.parse(e164)
    region = phonenumbers.region_code_for_number(number)
    assert phonenumbers.is_valid_number(number)
    assert region is not None
    return set(candidate_zones(number, region))


def year_of_offsets(zone: str) -> tuple[timedelta | None, ...]:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    instants = (start + timedelta(hours=12 * half_day) for half_day in range(730))
    return tuple(instant.astimezone(ZoneInfo(zone)).utcoffset() for instant in instants)


def zones_of_country(country: str) -> list[str]:
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return [row[2] for row in rows if row[0] == country]


@pytest.mark.parametrize(
    ("e164", "expected"),
    [
        ("+12125550123", {"America/New_York"}),
        ("+13105550123", {"America/Los_Angeles"}),
        ("+16052345678", {"America/Chicago", "America/Denver", "America/North_Dakota/Center"}),
        ("+12082345678", {"America/Boise", "America/Denver", "America/Los_Angeles"}),
        # Overlays share their elder's territory, whatever the zone data say.
        ("+12702345678", {"America/Chicago", "America/New_York"}),
        ("+13642345678", {"America/Chicago", "America/New_York"}),
        ("+19302345678", {"America/Chicago", "America/New_York"}),
        ("+14482345678", {"America/Chicago", "America/New_York"}),
        ("+14582345678", {"America/Denver", "America/Los_Angeles"}),
        ("+19862345678", {"America/Boise", "America/Denver", "America/Los_Angeles"}),
        # Chattanooga is Eastern; an unlisted exchange would fall back to Central alone.
        ("+14232345678", {"America/Chicago", "America/New_York"}),
        ("+18002345678", set(UNITED_STATES_ANYWHERE)),
        ("+18332345678", set(UNITED_STATES_ANYWHERE)),
        ("+15002345678", set(UNITED_STATES_ANYWHERE)),
        ("+19002345678", set(UNITED_STATES_ANYWHERE)),
        ("+17872345678", {"America/Puerto_Rico"}),
        ("+16714567890", {"Pacific/Guam"}),
        ("+16846221234", {"Pacific/Pago_Pago"}),
        ("+14165551234", {"America/Toronto"}),
        ("+18765551234", {"America/Jamaica"}),
    ],
)
def test_north_american_numbers(e164: str, expected: set[str]) -> None:
    assert zones(e164) == expected


@pytest.mark.parametrize(
    ("e164", "expected"),
    [
        ("+5511987654321", {"America/Sao_Paulo"}),
        ("+5581987654321", {"America/Recife", "America/Noronha"}),
        ("+5597984654321", {"America/Manaus", "America/Eirunepe"}),
        ("+5591995123456", {"America/Belem"}),
        ("+5593995123456", {"America/Santarem"}),
        ("+5594961234567", {"America/Belem"}),
        ("+5568987654321", {"America/Rio_Branco"}),
        ("+558001234567", set(BRAZIL_ANYWHERE.zones)),
        ("+5540041234", set(BRAZIL_ANYWHERE.zones)),
    ],
)
def test_brazilian_numbers(e164: str, expected: set[str]) -> None:
    assert zones(e164) == expected


@pytest.mark.parametrize(
    ("e164", "expected"),
    [
        ("+34612345678", {"Europe/Madrid", "Atlantic/Canary"}),
        ("+351912345678", {"Europe/Lisbon", "Atlantic/Azores"}),
        ("+919876543210", {"Asia/Kolkata"}),
        ("+911123456789", {"Asia/Kolkata"}),
        ("+51987654321", {"America/Lima"}),
        ("+33612345678", {"Europe/Paris"}),
        ("+37060123456", {"Europe/Vilnius"}),
        ("+353850123456", {"Europe/Dublin"}),
        ("+390612345678", {"Europe/Rome"}),
        ("+590690001234", {"America/Guadeloupe"}),
        ("+262692123456", {"Indian/Reunion"}),
        ("+262639012345", {"Indian/Mayotte"}),
        ("+358181234567", {"Europe/Mariehamn"}),
        # The prefix data give Algeria the clock of Paris, wrong all summer.
        ("+213551234567", {"Africa/Algiers"}),
        ("+38343201234", {"Europe/Belgrade"}),
    ],
)
def test_numbers_of_the_rest_of_the_world(e164: str, expected: set[str]) -> None:
    assert zones(e164) == expected


@pytest.mark.parametrize("e164", ["+80012345678", "+883510012345", "+870301234567"])
def test_a_number_of_no_country_has_no_known_zone(e164: str) -> None:
    assert zones(e164) == set()


def test_brazil_has_67_area_codes_in_27_states_and_the_library_knows_them_all() -> None:
    assert len(BRAZIL) == 67
    assert len({place.state for place in BRAZIL.values()}) == 27
    for code, place in BRAZIL.items():
        number = phonenumbers.parse(f"+55{code}32345678")
        assert phonenumbers.is_valid_number(number), code
        assert find_place(number, "BR") == place


@pytest.mark.parametrize(
    ("country", "anywhere"),
    [("US", UNITED_STATES_ANYWHERE), ("BR", BRAZIL_ANYWHERE.zones)],
)
def test_anywhere_has_every_clock_of_the_country_once(
    country: str, anywhere: Iterable[str]
) -> None:
    clocks = [year_of_offsets(zone) for zone in anywhere]
    assert len(set(clocks)) == len(clocks)
    assert set(clocks) == {year_of_offsets(zone) for zone in zones_of_country(country)}


@pytest.mark.parametrize(("younger", "elder"), NANP_OVERLAYS.items())
def test_an_overlay_has_the_zones_of_its_elder(younger: str, elder: str) -> None:
    def place(code: str) -> set[str]:
        number = phonenumbers.PhoneNumber(country_code=1, national_number=int(f"{code}2345678"))
        return set(candidate_zones(number, "US"))

    assert place(younger) == place(elder)
    assert len(place(elder)) > 1


def test_every_zone_in_the_number_data_has_a_current_name() -> None:
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    in_use = {row.split("\t")[2] for row in table.splitlines() if not row.startswith("#")}
    listed = {zone for names in TIMEZONE_DATA.values() for zone in names}

    assert {current_name(zone) for zone in listed} <= in_use
    for zone in listed:
        assert year_of_offsets(zone) == year_of_offsets(current_name(zone)), zone


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("America/Sao_Paulo", True),
        ("Asia/Kolkata", True),
        ("Asia/Calcutta", True),
        ("UTC", True),
        ("America/Atlantis", False),
        ("america/sao_paulo", False),
        ("Etc/Unknown", False),
        ("Factory", False),
        ("", False),
        ("../../../etc/passwd", False),
        ("/etc/localtime", False),
        ("zone.tab", False),
    ],
)
def test_checks_a_persons_own_zone(name: str, known: bool) -> None:
    assert check_zone(name) is known


def test_a_zone_that_passes_the_check_can_be_used() -> None:
    assert all(ZoneInfo(zone).key == zone for zone in UNITED_STATES_ANYWHERE if check_zone(zone))
    assert all(check_zone(zone) for place in BRAZIL.values() for zone in place.zones)
