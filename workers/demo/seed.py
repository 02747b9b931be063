"""Loads the demo's world: senders, templates, campaigns, consents, opt-outs of the past."""

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy.engine import Connection

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.numbers import NumberFacts
from pipeline.policy.rendering import variables_of
from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import Category, ConsentMethod, RegistrationStatus, Tier
from pipeline.store import campaigns, consents, contacts, senders, suppressions
from pipeline.store.campaigns import Campaign
from pipeline.store.consents import ConsentEntry
from pipeline.store.senders import Sender, Template
from workers.demo.people import SEED, Kind, Person
from workers.demo.plan import BRAND, BUSINESS, EXPIRES, PLANS, PROVIDER, START, TOPIC, CountryPlan

People = Mapping[str, Sequence[Person]]
"""Country → the rows of its campaign."""

_WRITTEN_TO_WITHOUT_CONSENT = frozenset({Kind.WITHOUT_CONSENT, Kind.INVALID})


def seed(connection: Connection, people: People) -> None:
    """Store everything that the campaigns need but their messages."""
    senders.save_senders(connection, [_sender(plan) for plan in PLANS], now=START)
    templates = [_template(plan) for plan in PLANS if plan.template]
    senders.save_templates(connection, templates, now=START)
    for plan in PLANS:
        campaigns.create(connection, _campaign(plan), now=START)
        _store_people(connection, plan, people[plan.country])


def _sender(plan: CountryPlan) -> Sender:
    return Sender(
        code=plan.sender,
        business=BUSINESS,
        country=plan.country,
        channel=plan.channel,
        address=plan.address,
        provider=PROVIDER,
        rate_per_second=plan.rate,
        tier=Tier.STANDARD,
        state=SenderState.ACTIVE,
        registration=plan.registration,
    )


def _template(plan: CountryPlan) -> Template:
    return Template(
        code=plan.template or "",
        business=BUSINESS,
        country=plan.country,
        channel=plan.channel,
        category=Category.MARKETING,
        language=plan.language,
        header=plan.template_header,
        body=plan.body,
        status=RegistrationStatus.APPROVED,
        approved_at=START - timedelta(days=60),
        # A template that is not used for a month is disabled in India.
        last_used_at=START - timedelta(days=7),
    )


def _campaign(plan: CountryPlan) -> Campaign:
    return Campaign(
        code=plan.campaign,
        name=f"{BRAND}, {plan.name}",
        business=BUSINESS,
        brand=BRAND,
        category=Category.MARKETING,
        channel=plan.channel,
        language=plan.language,
        topic=TOPIC,
        expires_at=EXPIRES,
        body=plan.body,
        template_code=plan.template,
        variables=variables_of(plan.body),
        disclosures=plan.disclosures,
    )


def _store_people(connection: Connection, plan: CountryPlan, people: Sequence[Person]) -> None:
    known = [(person, person.number) for person in people if person.number is not None]
    ids = contacts.identify(connection, [number for _, number in known], now=START)
    chance = random.Random(f"{SEED}-consents-{plan.country}")  # noqa: S311 - no secret
    entries = [
        ConsentEntry(contact_id=ids[number.e164], record=_consent(plan, person, number, chance))
        for person, number in known
        if person.kind not in _WRITTEN_TO_WITHOUT_CONSENT
    ]
    consents.record(connection, entries, now=START)
    left = START - timedelta(days=3)
    suppressions.add(
        connection,
        [
            (ids[number.e164], BUSINESS, "opt_out", left)
            for person, number in known
            if person.kind is Kind.SUPPRESSED
        ],
        source="demo",
        now=START,
    )


def _consent(
    plan: CountryPlan, person: Person, number: NumberFacts, chance: random.Random
) -> ConsentRecord:
    """A consent with all that its country asks for, or, for `INCOMPLETE`, all but one thing."""
    complete = person.kind is not Kind.INCOMPLETE
    # Peru asks for no evidence; there it is the age that makes a consent worthless.
    oldest = 60 if complete or plan.country != "PE" else 400
    granted_at = START - timedelta(
        days=oldest - chance.randrange(40), seconds=chance.randrange(9999)
    )
    lacking = {"US": "signature", "BR": "ip", "IN": "ip", "ES": "method"}.get(plan.country)
    evidence: dict[str, object] = {
        "method": ConsentMethod.WEB,
        "ip": f"192.0.2.{chance.randrange(1, 255)}",  # kept free for documentation
        "signature": f"typed by {person.name}",
    }
    if not complete and lacking is not None:
        del evidence[lacking]
    return ConsentRecord(
        business=BUSINESS,
        category=Category.MARKETING,
        channel=plan.channel,
        topics=frozenset({TOPIC}),
        granted_at=granted_at,
        confirmed_at=granted_at + timedelta(minutes=2),
        text=f"{plan.consent_text} ({number.country})",
        source="demo sign-up form",
        cpf_valid=True if plan.country == "BR" else None,
        pre_ticked=False,
        initiated_by_consumer=True,
        policy_version="2026-01",
        **evidence,  # type: ignore[arg-type]
    )
