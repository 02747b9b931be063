"""A small world for the tests of the core: senders, campaigns, people, consents, messages."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.engine import Row

from benchmarks.world import people
from pipeline.policy.consent import ConsentRecord
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import Category, Channel, ConsentMethod, MessageState, Tier
from pipeline.stages import delivery
from pipeline.stages.delivery import Directory
from pipeline.store import campaigns, claims, consents, contacts, senders
from pipeline.store.campaigns import Campaign
from pipeline.store.claims import Parcel
from pipeline.store.consents import ConsentEntry
from pipeline.store.senders import Sender
from pipeline.store.tables import messages as message_table
from workers.runtime import Runtime

NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)
"""A Monday: 11:30 in New York, 13:30 in São Paulo, 22:00 in India."""

BUSINESS = "acme"

SENDER = Sender(
    code="us",
    business=BUSINESS,
    country="US",
    channel=Channel.SMS,
    address="us",
    provider="sandbox",
    rate_per_second=100.0,
    tier=Tier.HIGH,
    state=SenderState.ACTIVE,
    registration={
        "kind": "10dlc",
        "status": "approved",
        "approved_at": "2026-08-01T00:00:00+00:00",
        "tax_id": "12-3456789",
        "industry": "retail",
        "template": "offer",
    },
)

CAMPAIGN = Campaign(
    code="us",
    name="Offers",
    business=BUSINESS,
    brand="Acme",
    category=Category.MARKETING,
    channel=Channel.SMS,
    language="en-US",
    topic="offers",
    expires_at=NOW + timedelta(days=20),
    body=(
        "Promotional message from Acme: 15% off until Dec 12. Reply STOP to opt out. "
        "Help: help@acme.example"
    ),
    disclosures={"offer_terms": "15% off", "offer_expiry": "until Dec 12"},
)
"""What it says is what the United States ask for."""

OFFERS: Mapping[str, Mapping[str, Any]] = {
    "US": {},
    "BR": {
        "language": "pt-BR",
        "body": "Acme: 15% de desconto em toda a loja. Responda SAIR para cancelar.",
    },
    "IN": {"language": "en-IN", "body": "Acme: 15% off everything. Reply STOP to opt out."},
    "ES": {"language": "es-ES", "body": "Acme: 15% de descuento. Responda BAJA para salir."},
    "PE": {"language": "es-PE", "body": "Acme: 15% de descuento. Responda BAJA para salir."},
}
"""Marketing as each country asks for it."""

ORDERS: Mapping[str, Mapping[str, Any]] = {
    "en": {"body": "Acme: your order is on its way."},
    "pt": {"language": "pt-BR", "body": "Acme: seu pedido está a caminho."},
    "es": {"language": "es-ES", "body": "Acme: su pedido está en camino."},
}
"""Transactional messages, which promote nothing."""

CONSENT = ConsentRecord(
    business=BUSINESS,
    category=Category.MARKETING,
    granted_at=NOW - timedelta(days=30),
    confirmed_at=NOW - timedelta(days=30),
    method=ConsentMethod.WEB,
    text="Acepto recibir mensajes de marketing de Acme.",
    ip="198.51.100.7",
    signature="Ana",
    cpf_valid=True,
    source="checkout",
    pre_ticked=False,
    initiated_by_consumer=True,
    policy_version="2026-01",
)


def numbers(count: int, country: str = "US", *, seed: int = 7) -> list[str]:
    """Different valid numbers of one country."""
    return [person.number for person in people(count, seed=seed, countries={country: 1})]


@dataclass(frozen=True, slots=True)
class World:
    """Puts things into the database of a test, and looks at what is there."""

    runtime: Runtime

    def sender(self, code: str = "us", **changes: Any) -> Sender:
        sender = replace(SENDER, code=code, **({"address": code} | changes))
        with self.runtime.transaction() as connection:
            senders.save_senders(connection, [sender], now=NOW)
            (stored,) = senders.select_senders(connection, codes=[code])
            state = SenderState(sender.state)
            senders.set_sender_state(connection, [stored.id], state, reason=None, now=NOW)
            return replace(stored, state=state)

    def campaign(self, code: str = "us", *, country: str = "US", **changes: Any) -> Campaign:
        """A campaign that says what its category and the country's rules ask for."""
        says = OFFERS[country]
        if changes.get("category") is Category.TRANSACTIONAL:
            says = ORDERS[says.get("language", "en")[:2]]
        campaign = replace(CAMPAIGN, code=code, **{**says, **changes})
        with self.runtime.transaction() as connection:
            return campaigns.create(connection, campaign, now=NOW)

    def contacts(self, phones: Iterable[str]) -> list[int]:
        """The contacts of these numbers, in their order."""
        wanted = list(phones)
        facts = [read_number(phone) for phone in wanted]
        known = [fact for fact in facts if isinstance(fact, NumberFacts)]
        assert len(known) == len(wanted), "a number of the test is not valid"
        with self.runtime.transaction() as connection:
            ids = contacts.identify(connection, known, now=NOW)
        return [ids[phone] for phone in wanted]

    def consent(self, people: Iterable[int], **changes: Any) -> None:
        record = replace(CONSENT, **changes)
        entries = [ConsentEntry(contact_id=person, record=record) for person in people]
        with self.runtime.transaction() as connection:
            consents.record(connection, entries, now=NOW)

    def messages(
        self, campaign: Campaign, people: Iterable[int], state: MessageState, **columns: Any
    ) -> list[int]:
        """Messages as some stage has left them; `columns` are the same for all."""
        values = [
            {
                "campaign_id": campaign.id,
                "contact_id": person,
                "key": str(person),
                "state": state,
                "created_at": NOW,
            }
            | columns
            for person in people
        ]
        with self.runtime.transaction() as connection:
            added = connection.execute(
                insert(message_table).returning(message_table.c.id, sort_by_parameter_order=True),
                values,
            )
            return list(added.scalars())

    def query(self, statement: str, **values: object) -> Sequence[Row[Any]]:
        with self.runtime.transaction() as connection:
            return connection.execute(text(statement), values).all()

    def execute(self, statement: str, **values: object) -> None:
        with self.runtime.transaction() as connection:
            connection.execute(text(statement), values)

    def row(self, message_id: int) -> Row[Any]:
        return self.query("SELECT * FROM messages WHERE id = :id", id=message_id)[0]

    def states(self, ids: Sequence[int] | None = None) -> dict[int, str]:
        rows = self.query("SELECT id, state FROM messages ORDER BY id")
        return {row.id: row.state for row in rows if ids is None or row.id in ids}

    def decisions(self, message_id: int) -> list[tuple[str, str, str | None]]:
        """(stage, outcome, reason) of a message, in the order in which they were made."""
        rows = self.query(
            "SELECT stage, outcome, reason FROM decisions WHERE message_id = :id ORDER BY ctid",
            id=message_id,
        )
        return [(row.stage, row.outcome, row.reason) for row in rows]

    def everything(self) -> tuple[object, ...]:
        """All messages and decisions: two of these are equal when nothing has changed."""
        return (
            *self.query("SELECT * FROM messages ORDER BY id"),
            *self.query("SELECT * FROM decisions ORDER BY ctid"),
        )

    def parcels(self, ids: Sequence[int]) -> list[Parcel]:
        with self.runtime.transaction() as connection:
            return claims.load(connection, ids)

    def claim(self, ids: Sequence[int], *, now: datetime = NOW) -> list[int]:
        """Claim these messages for sending; those that were had, in order."""
        with self.runtime.transaction() as connection:
            parcels = claims.load(connection, ids)
            claimed = delivery.claim(
                connection,
                parcels,
                directory=directory_of(connection, parcels),
                books=self.runtime.books,
                now=now,
                safe_until=now + timedelta(seconds=0.2),
                lease=now + timedelta(seconds=90),
            )
            return sorted(one.parcel.id for one in claimed)

    def directory(self, parcels: Sequence[Parcel]) -> Directory:
        with self.runtime.transaction() as connection:
            return directory_of(connection, parcels)


def directory_of(connection: Any, parcels: Sequence[Parcel]) -> Directory:
    found = senders.select_senders(connection, ids={parcel.sender_id for parcel in parcels})
    return Directory(
        campaigns.by_ids(connection, {parcel.campaign_id for parcel in parcels}),
        {sender.id: sender for sender in found},
    )
