"""What an area code says about a place, where the general-purpose data are wrong or silent.

Data only, in three tables: Brazil's area codes, overlays in the North American plan that share
their parent's territory, and the zones that stand for all of the United States.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a number's area code lies.

    Attributes:
        state: the ISO 3166-2 subdivision without its country, e.g. ``SP``; None: unknown.
        zones: every IANA zone in which the holder may live, sorted; empty: unknown.
    """

    state: str | None
    zones: tuple[str, ...]


def _brazil() -> dict[str, Place]:
    """Area code → place, from the national numbering plan: 67 codes, each inside one state.

    The ``phonenumbers`` data are not used here because they are wrong: all of 81 (Recife) is
    given the island time of Noronha, and parts of 91, 93 and 94 (Pará) that of Manaus, so that
    a message would leave an hour early or late.
    """
    rows = (
        ("SP", "11 12 13 14 15 16 17 18 19", "America/Sao_Paulo"),
        ("RJ", "21 22 24", "America/Sao_Paulo"),
        ("ES", "27 28", "America/Sao_Paulo"),
        ("MG", "31 32 33 34 35 37 38", "America/Sao_Paulo"),
        ("PR", "41 42 43 44 45 46", "America/Sao_Paulo"),
        ("SC", "47 48 49", "America/Sao_Paulo"),
        ("RS", "51 53 54 55", "America/Sao_Paulo"),
        ("DF", "61", "America/Sao_Paulo"),
        ("GO", "62 64", "America/Sao_Paulo"),
        ("TO", "63", "America/Araguaina"),
        ("MT", "65 66", "America/Cuiaba"),
        ("MS", "67", "America/Campo_Grande"),
        ("AC", "68", "America/Rio_Branco"),
        ("RO", "69", "America/Porto_Velho"),
        ("BA", "71 73 74 75 77", "America/Bahia"),
        ("SE", "79", "America/Maceio"),
        # The code of Recife is also that of the island of Fernando de Noronha, an hour ahead.
        ("PE", "81", "America/Noronha America/Recife"),
        ("PE", "87", "America/Recife"),
        ("AL", "82", "America/Maceio"),
        ("PB", "83", "America/Fortaleza"),
        ("RN", "84", "America/Fortaleza"),
        ("CE", "85 88", "America/Fortaleza"),
        ("PI", "86 89", "America/Fortaleza"),
        ("PA", "91 94", "America/Belem"),
        ("PA", "93", "America/Santarem"),
        ("AM", "92", "America/Manaus"),
        ("RR", "95", "America/Boa_Vista"),
        ("AP", "96", "America/Belem"),
        # The west of Amazonas is an hour behind the rest of the state.
        ("AM", "97", "America/Eirunepe America/Manaus"),
        ("MA", "98 99", "America/Fortaleza"),
    )
    return {
        code: Place(state=state, zones=tuple(zones.split()))
        for state, codes, zones in rows
        for code in codes.split()
    }


BRAZIL: Mapping[str, Place] = _brazil()

BRAZIL_ANYWHERE = Place(
    state=None,
    zones=("America/Manaus", "America/Noronha", "America/Rio_Branco", "America/Sao_Paulo"),
)
"""For numbers without an area code (0800, 4004): one zone for each of the country's offsets."""

NANP_OVERLAYS: Mapping[str, str] = {
    "364": "270",
    "448": "850",
    "458": "541",
    "729": "423",
    "930": "812",
    "986": "208",
}
"""Area code → the older one whose territory it shares, for those that span two zones.

The zone data list the older code's exchanges one by one and give the younger a single zone,
although a number of either may be on both sides of the line.
"""

UNITED_STATES_ANYWHERE: tuple[str, ...] = (
    "America/Adak",
    "America/Anchorage",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/New_York",
    "America/Phoenix",
    "Pacific/Honolulu",
)
"""For numbers without a place (toll-free, personal): each clock kept in the fifty states, once."""
