"""No decision to send ever lies outside a window, over a cap or without a consent.

What is lawful is worked out here once more from the rules' own words, minute by minute in each
zone, with nothing of the code that decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
from hypothesis import given, settings
from hypothesis import strategies as st

from config.languages_file import load_languages
from config.policies import load_policies
from pipeline.policy.consent import ConsentRecord
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import (
    Category,
    Channel,
    ConsentMethod,
    Outcome,
    RegistrationStatus,
    Tier,
)
from pipeline.stages.books import Books
from pipeline.stages.facts import Facts, Recipient
from pipeline.store.campaigns import Campaign
from pipeline.store.consents import HeldConsent
from pipeline.store.senders import Sender, Template
from tests.rules.paper import BODIES, BUSINESS, DISCLOSURES, LANGUAGES, REGISTRATIONS
from workers.simulation.addressees import Addressee
from workers.simulation.judge import Judge
from workers.simulation.rulings import Ruling
from workers.simulation.world import Known

BOOKS = Books(load_policies(), words=load_languages().words)

PHONES = (
    *("+12125550123", "+14232625550", "+19075550123", "+18085550123", "+16055550123"),
    *("+18005550123", "+12085550123", "+17875550123", "+16715550123"),
    *("+5511987654321", "+5581987654321", "+5597981234567", "+5568999999999", "+5592981234567"),
    *("+919812345678", "+51912345678", "+34612345678", "+351912345678", "+33612345678"),
)
ZONES = (None, None, None, "America/Noronha", "Pacific/Kiritimati", "Asia/Kolkata", "Europe/Madrid")
HOURS = {"US": (8, 21), "BR": (9, 20), "IN": (9, 21)}
CAPS = {"US": (3, timedelta(days=31)), "BR": (4, timedelta(days=31)), "IN": (3, timedelta(days=1))}


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """One recipient, at one instant."""

    phone: str
    zone: str | None
    at: datetime
    granted_at: datetime | None
    revoked: bool
    sent: Sequence[datetime]

    @property
    def number(self) -> NumberFacts:
        found = read_number(self.phone)
        assert isinstance(found, NumberFacts), self.phone
        return found

    @property
    def zones(self) -> tuple[str, ...]:
        return self.number.zones if self.zone is None else (self.zone,)


instants = st.datetimes(datetime(2023, 1, 1), datetime(2030, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """People of every pack, at any instant; most of them with a good consent."""
    at = draw(instants)
    days = st.floats(0.01, 60)
    age = draw(st.one_of(days, days, days, days, st.floats(-5, 400), st.none()))
    minutes = st.one_of(st.floats(0, 33 * 24 * 60), st.floats(0, 26 * 60))
    ago = draw(st.lists(minutes, max_size=6))
    return Situation(
        phone=draw(st.sampled_from(PHONES)),
        zone=draw(st.sampled_from(ZONES)),
        at=at,
        granted_at=None if age is None else at - timedelta(days=age),
        revoked=draw(st.integers(0, 7)) == 7,
        sent=[at - timedelta(minutes=each) for each in ago],
    )


class Memory:
    """A world that holds one recipient."""

    def __init__(self, situation: Situation) -> None:
        self.situation = situation
        country = situation.number.country
        self.kind = country if country in BODIES else "ES"
        self.campaign = _campaign(self.kind, situation.at)
        self.books = BOOKS
        self.notes = ()

    def know(self, people: Sequence[Addressee]) -> Known:
        """The one recipient, and what is known of them."""
        situation = self.situation
        number = situation.number
        recipient = Recipient(
            contact_id=1, country=number.country, phone=number.e164, values={"name": "Ana"}
        )
        sender = _sender(self.kind, number.country)
        facts = Facts(
            campaign=self.campaign,
            books=BOOKS,
            now=situation.at,
            suppressions={},
            held=(),
            consents={} if situation.granted_at is None else {1: [_consent(situation)]},
            senders=[(sender, sender.facts())],
            templates=_templates(situation.at) if self.kind == "IN" else [],
            listed={},
            preferences={},
        )
        return Known(facts, [recipient for _ in people], lambda _contact, _counts: situation.sent)

    def quota_used(self, sender: Sender) -> Sequence[tuple[datetime, int]]:
        """Nothing was sent through it."""
        assert sender.id == 1
        return ()


def _campaign(kind: str, at: datetime) -> Campaign:
    return Campaign(
        code="c",
        name="c",
        business=BUSINESS,
        brand="Casa Azul",
        category=Category.MARKETING,
        channel=Channel.SMS,
        language=LANGUAGES[kind],
        topic="shoes",
        expires_at=at + timedelta(days=45),
        body=BODIES[kind],
        template_code="offer" if kind == "IN" else None,
        variables=("name",),
        disclosures=DISCLOSURES[kind],
    )


def _sender(kind: str, country: str) -> Sender:
    registration = REGISTRATIONS.get(kind)
    return Sender(
        id=1,
        code="s",
        business=BUSINESS,
        country=country,
        channel=Channel.SMS,
        address="CASAZL",
        provider="sandbox",
        rate_per_second=1.0,
        tier=Tier.NEW,
        state=SenderState.ACTIVE,
        registration=None
        if registration is None
        else {"status": "approved", "approved_at": "2020-01-01T00:00:00+00:00", **registration},
    )


def _templates(at: datetime) -> list[Template]:
    return [
        Template(
            code="offer",
            business=BUSINESS,
            country="IN",
            channel=Channel.SMS,
            category="marketing",
            language="en",
            header="CASAZL",
            body=BODIES["IN"],
            status=RegistrationStatus.APPROVED,
            approved_at=at - timedelta(days=10),
            last_used_at=at - timedelta(days=1),
        )
    ]


def _consent(situation: Situation) -> HeldConsent:
    granted_at = situation.granted_at
    record = ConsentRecord(
        business=BUSINESS,
        category=Category.MARKETING,
        granted_at=granted_at,
        confirmed_at=granted_at,
        method=ConsentMethod.WEB,
        text="Acepto recibir mensajes de marketing",
        ip="198.51.100.7",
        signature="Ana",
        cpf_valid=True,
        source="checkout",
        pre_ticked=False,
        initiated_by_consumer=True,
        revoked_at=situation.at - timedelta(minutes=1) if situation.revoked else None,
    )
    return HeldConsent(contact_id=1, event_id=1, record=record)


def judged(situation: Situation) -> Ruling:
    """What is decided."""
    person = Addressee(
        id="1",
        to=situation.phone,
        number=situation.number,
        zones=situation.zones,
        values={"name": "Ana"},
    )
    (ruling,) = Judge(Memory(situation), at=situation.at).judge([person])
    return ruling


def is_holiday(country: str, state: str | None, day: date) -> bool:
    """By the packages' data alone."""
    public = holidays.country_holidays(country, subdiv=state, years=day.year)
    if day in public:
        return True
    if country != "BR":
        return False
    optional = holidays.country_holidays(
        country, subdiv=state, years=day.year, categories=("optional",), language="en_US"
    )
    title = optional.get(day, "")
    return "Carnival" in title or "Corpus Christi" in title


def is_open(situation: Situation, at: datetime) -> bool:
    """Whether marketing may arrive at an instant, in every zone where the person may be."""
    country = situation.number.country
    if country not in HOURS:
        return True
    opens, closes = HOURS[country]
    for zone in situation.zones:
        there = at.astimezone(ZoneInfo(zone))
        if not opens <= there.hour < closes:
            return False
        state = situation.number.state
        if country == "BR" and (there.weekday() > 4 or is_holiday(country, state, there.date())):
            return False
    return bool(situation.zones)


def fits(situation: Situation, at: datetime) -> bool:
    """Whether one more message stays under the country's cap."""
    country = situation.number.country
    if country not in CAPS:
        return True
    limit, period = CAPS[country]
    if country == "IN" and any(
        is_holiday("IN", None, at.astimezone(ZoneInfo(zone)).date()) for zone in situation.zones
    ):
        limit = 1
    return sum(at - period < each <= at for each in situation.sent) < limit


def may_be_written_to(situation: Situation, at: datetime) -> bool:
    """Whether there is a consent, given before, not taken back, and young enough."""
    given = situation.granted_at
    if given is None or given > at or situation.revoked:
        return False
    return situation.number.country != "PE" or at - given <= timedelta(days=184)


@settings(max_examples=200, deadline=None)
@given(situations())
def test_whatever_is_sent_is_lawful(situation: Situation) -> None:
    ruling = judged(situation)
    if ruling.outcome is Outcome.SEND:
        lawful_at = situation.at
    elif ruling.not_before is not None:
        lawful_at = ruling.not_before
        assert lawful_at > situation.at
    else:
        return
    assert may_be_written_to(situation, lawful_at)
    assert is_open(situation, lawful_at)
    assert fits(situation, lawful_at)


@settings(max_examples=200, deadline=None)
@given(situations())
def test_nothing_lawful_is_held_back(situation: Situation) -> None:
    ruling = judged(situation)
    at = situation.at
    if may_be_written_to(situation, at) and is_open(situation, at) and fits(situation, at):
        assert ruling.outcome is Outcome.SEND, ruling
    elif ruling.outcome is Outcome.DEFER and ruling.not_before is not None:
        # Not a minute later than needed.
        before = ruling.not_before - timedelta(minutes=1)
        if before >= at:
            assert not (is_open(situation, before) and fits(situation, before))
