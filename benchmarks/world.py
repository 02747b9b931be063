"""A world to measure in: five countries, senders, campaigns, people with realistic consents.

Everything is drawn from a seed, so that two runs measure the same work.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.engine import Connection

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.decision import Block
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.rendering import variables_of
from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import (
    Category,
    Channel,
    ConsentMethod,
    RegistrationStatus,
    Tier,
)
from pipeline.store import campaigns, consents, contacts, senders
from pipeline.store.campaigns import Campaign
from pipeline.store.consents import ConsentEntry
from pipeline.store.senders import Sender, Template

BUSINESS = "bench"

STARTS_AT = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
"""A Monday on which the windows of the eastern US and Brazil are open and India's is closed."""

SHARES: Mapping[str, int] = {"US": 30, "BR": 25, "IN": 20, "ES": 15, "PE": 10}
"""Of a hundred recipients, how many live where."""

WITH_CONSENT = 0.92
FOR_EVERY_TOPIC = 0.5
"""Of the consents, how many name no topic."""

BODIES: Mapping[str, tuple[str, str]] = {
    "US": (
        "en-US",
        (
            "Msg & Data rates may apply. Bench: 15% off until 11/27, {name}. "
            "Reply STOP to end. Help: help@bench.example"
        ),
    ),
    "BR": ("pt-BR", "Bench: 15% de desconto até 27/11, {name}. Responda SAIR para cancelar."),
    "IN": ("en-IN", "BENCHI: 15% off until 27/11, {name}. Reply STOP to opt out."),
    "ES": ("es-ES", "Bench: 15% de descuento hasta el 27/11, {name}. Responde BAJA para salir."),
    "PE": ("es-PE", "Bench: 15% de descuento hasta el 27/11, {name}. Responde BAJA para salir."),
}

DISCLOSURES: Mapping[str, Mapping[str, str]] = {
    "US": {
        "identification": "Msg & Data rates may apply",
        "offer_terms": "15% off",
        "offer_expiry": "until 11/27",
        "opt_out": "Reply STOP to end",
        "support": "help@bench.example",
    },
    "BR": {"opt_out": "Responda SAIR para cancelar"},
    "IN": {"opt_out": "Reply STOP to opt out"},
    "ES": {"opt_out": "Responde BAJA para salir"},
    "PE": {"opt_out": "Responde BAJA para salir"},
}

_REGISTRATIONS: Mapping[str, dict[str, Any]] = {
    "US": {"kind": "10dlc", "tax_id": "12-3456789", "industry": "retail", "template": "offer"},
    "BR": {"kind": "operator", "cnpj": "11222333000181", "template": "offer"},
    "IN": {
        "kind": "dlt",
        "pan": "ABCDE1234F",
        "address_proof": "doc-1",
        "director_id": "doc-2",
        "header": "BENCHI",
        "number_bound": True,
    },
}

_AREA_CODES = ("212", "305", "312", "404", "617", "702", "713", "206", "415", "602")
_DDD = ("11", "21", "31", "41", "51", "61", "71", "81", "85", "92")


@dataclass(frozen=True, slots=True)
class Person:
    """A recipient: where, and under which number."""

    country: str
    number: str


def people(count: int, *, seed: int = 7, countries: Mapping[str, int] = SHARES) -> list[Person]:
    """Distinct recipients in the countries' shares, in mixed order."""
    generator = random.Random(seed)
    chosen: dict[str, Person] = {}
    places = list(countries)
    weights = list(countries.values())
    while len(chosen) < count:
        for country in generator.choices(places, weights, k=count - len(chosen)):
            number = _number(country, generator)
            chosen.setdefault(number, Person(country, number))
    return list(chosen.values())


def _number(country: str, generator: random.Random) -> str:
    digits = generator.randrange
    match country:
        case "US":
            area = generator.choice(_AREA_CODES)
            return f"+1{area}{digits(2, 9)}{digits(20, 99)}{digits(10_000):04d}"
        case "BR":
            return f"+55{generator.choice(_DDD)}9{digits(80_000_000, 99_999_999)}"
        case "IN":
            return f"+919{digits(800_000_000, 899_999_999)}"
        case "ES":
            return f"+346{digits(10_000_000, 69_999_999)}"
        case _:
            return f"+519{digits(10_000_000, 99_999_999)}"


def rows(crowd: Sequence[Person], country: str) -> Iterator[dict[str, Any]]:
    """The crowd's rows for one country's campaign, as the stream takes them."""
    for position, person in enumerate(crowd):
        if person.country == country:
            yield {"to": person.number, "position": position, "variables": {"name": "Ana"}}


def furnish(
    connection: Connection,
    *,
    now: datetime,
    channel: Channel = Channel.SMS,
    rate_per_second: float = 5000.0,
    countries: Sequence[str] = tuple(SHARES),
) -> dict[str, Campaign]:
    """Senders, templates and one campaign a country: country → campaign."""
    senders.save_senders(
        connection,
        [_sender(country, channel, rate_per_second, now) for country in countries],
        now=now,
    )
    senders.save_templates(connection, [_template(c, channel, now) for c in countries], now=now)
    return {
        country: campaigns.create(connection, _campaign(country, channel, now), now=now)
        for country in countries
    }


def _sender(country: str, channel: Channel, rate: float, now: datetime) -> Sender:
    registration = _REGISTRATIONS.get(country)
    # Long ago: a young sender has a new one's quota, and the quota would be measured.
    approved = {"status": "approved", "approved_at": (now - timedelta(days=400)).isoformat()}
    return Sender(
        code=f"bench-{country.lower()}",
        business=BUSINESS,
        country=country,
        channel=channel,
        address=f"bench-{country.lower()}",
        provider="sandbox",
        rate_per_second=rate,
        tier=Tier.HIGH,
        state=SenderState.ACTIVE,
        registration=None if registration is None else registration | approved,
    )


def _template(country: str, channel: Channel, now: datetime) -> Template:
    language, body = BODIES[country]
    return Template(
        code=f"offer-{country.lower()}",
        business=BUSINESS,
        country=country,
        channel=channel,
        category=Category.MARKETING,
        language=language,
        body=body,
        status=RegistrationStatus.APPROVED,
        approved_at=now - timedelta(days=20),
        last_used_at=now - timedelta(days=2),
    )


def _campaign(country: str, channel: Channel, now: datetime) -> Campaign:
    language, body = BODIES[country]
    return Campaign(
        code=f"bench-{country.lower()}",
        name="Bench",
        business=BUSINESS,
        brand="Bench",
        category=Category.MARKETING,
        channel=channel,
        language=language,
        topic="offers",
        expires_at=now + timedelta(days=20),
        body=body,
        template_code=f"offer-{country.lower()}",
        variables=variables_of(body),
        disclosures=DISCLOSURES[country],
    )


def consent_of(person: Person, *, now: datetime, generator: random.Random) -> ConsentRecord | None:
    """A consent that is complete for the person's country; None for the few without one."""
    if generator.random() > WITH_CONSENT:
        return None
    granted = now - timedelta(days=generator.randrange(5, 150), minutes=generator.randrange(1440))
    return ConsentRecord(
        business=BUSINESS,
        category=Category.MARKETING,
        topics=None if generator.random() < FOR_EVERY_TOPIC else frozenset({"offers"}),
        granted_at=granted,
        confirmed_at=granted + timedelta(minutes=3),
        method=ConsentMethod.WEB,
        text="Acepto recibir mensajes de marketing de Bench.",
        ip=f"198.51.100.{generator.randrange(256)}",
        signature="Ana",
        cpf_valid=True if person.country == "BR" else None,
        source="checkout",
        pre_ticked=False,
        initiated_by_consumer=True,
        policy_version="2026-01",
    )


def record_consents(
    connection: Connection, crowd: Sequence[Person], *, now: datetime, seed: int = 7
) -> int:
    """Put the crowd's consents into the ledger; say how many."""
    generator = random.Random(seed)
    facts = [read_number(person.number) for person in crowd]
    known = [fact for fact in facts if isinstance(fact, NumberFacts)]
    ids = contacts.identify(connection, known, now=now)
    entries = []
    for person, fact in zip(crowd, facts, strict=True):
        record = consent_of(person, now=now, generator=generator)
        if record is not None and not isinstance(fact, Block):
            entries.append(ConsentEntry(contact_id=ids[fact.e164], record=record))
    return sum(consents.record(connection, entries, now=now))
