"""The demo's recipients: invented, the same in every run, and as mixed as a real list is."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from pipeline.policy.numbers import NumberFacts, read_number
from workers.demo.plan import CountryPlan

SEED = 20261122

AREA_CODES = {
    # From coast to coast, so that the evening comes to them one after the other.
    "US": ("202", "212", "305", "312", "404", "512", "602", "713", "206", "213", "415", "503"),
    # São Paulo, Rio, Minas, Bahia, Pernambuco, Rio Grande do Sul; Manaus and Rio Branco are an
    # hour and two behind.
    "BR": ("11", "11", "21", "31", "71", "81", "51", "92", "68"),
}

NAMES = ("Alex", "Ana", "Arjun", "Bruno", "Carla", "Daniel", "Elena", "Jorge", "Luz", "Maria")


class Kind(StrEnum):
    """What is the matter with a row."""

    GOOD = "good"
    WITHOUT_CONSENT = "without consent"
    INCOMPLETE = "with incomplete evidence"
    SUPPRESSED = "suppressed"
    INVALID = "not a number"
    UNREACHABLE = "not reachable at the provider"


SHARES = {
    Kind.GOOD: 0.84,
    Kind.WITHOUT_CONSENT: 0.05,
    Kind.INCOMPLETE: 0.04,
    Kind.SUPPRESSED: 0.03,
    Kind.INVALID: 0.03,
    Kind.UNREACHABLE: 0.01,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One row of a campaign.

    Attributes:
        to: as it is enqueued.
        number: what the number tells; None: it is not one.
    """

    to: str
    number: NumberFacts | None
    name: str
    kind: Kind

    def row(self, position: int) -> dict[str, object]:
        """The row as a producer enqueues it."""
        return {"to": self.to, "position": position, "variables": {"name": self.name}}


def invent_people(plan: CountryPlan) -> list[Person]:
    """The recipients of one country's campaign, each number once."""
    chance = random.Random(f"{SEED}-{plan.country}")  # noqa: S311 - invented people, no secret
    fresh = _numbers(plan.country, chance)
    kinds = chance.choices(list(SHARES), list(SHARES.values()), k=plan.people)
    people = []
    for kind in kinds:
        number = next(fresh)
        invalid = kind is Kind.INVALID
        people.append(
            Person(
                to=f"{number.e164}000" if invalid else number.e164,  # three digits too many
                number=None if invalid else number,
                name=chance.choice(NAMES),
                kind=kind,
            )
        )
    return people


def _numbers(country: str, chance: random.Random) -> Iterator[NumberFacts]:
    seen: set[str] = set()
    while True:
        facts = read_number(_SHAPES[country](chance))
        if isinstance(facts, NumberFacts) and facts.country == country and facts.e164 not in seen:
            seen.add(facts.e164)
            yield facts


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choices("0123456789", k=count))


def _american(chance: random.Random) -> str:
    # 555-0100 to 555-0199 are kept free for fiction.
    return f"+1{chance.choice(AREA_CODES['US'])}55501{_digits(chance, 2)}"


_SHAPES: dict[str, Callable[[random.Random], str]] = {
    "US": _american,
    "BR": lambda chance: f"+55{chance.choice(AREA_CODES['BR'])}9{_digits(chance, 8)}",
    "IN": lambda chance: f"+919{_digits(chance, 9)}",
    "PE": lambda chance: f"+519{_digits(chance, 8)}",
    "ES": lambda chance: f"+346{_digits(chance, 8)}",
}
