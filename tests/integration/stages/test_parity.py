"""The same facts give the same decision in the pipeline and in a simulation."""

import csv
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from benchmarks.world import Person, consent_of, furnish, people
from pipeline.policy.consent import ConsentRecord
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.quota import bucket_of
from pipeline.policy.vocabulary import Channel, MessageState, Tier
from pipeline.stages import consent, throttle, window
from pipeline.store import consents, contacts, quotas, senders, suppressions
from pipeline.store.campaigns import Campaign
from pipeline.store.consents import ConsentEntry
from pipeline.store.tables import messages as message_table
from tests.integration.world import NOW, World
from workers.simulation.database_world import DatabaseWorld
from workers.simulation.run import rulings

BUSINESS = "bench"
DAY = timedelta(days=1)

Verdict = tuple[str, str | None, str | None]
"""(outcome, reason, rule)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One recipient, and what is known of them."""

    person: Person
    contact: int
    name: str
    timezone: str
    consent: ConsentRecord | None
    left_days_ago: int | None
    sent_days_ago: Sequence[int]
    hours: str | None


def varied(world: World, crowd: Sequence[Person]) -> list[Case]:
    """Everything that a rule looks at, in many combinations."""
    draw = random.Random(11)
    facts = [read_number(person.number) for person in crowd]
    known = [fact for fact in facts if isinstance(fact, NumberFacts)]
    with world.runtime.transaction() as connection:
        ids = contacts.identify(connection, known, now=NOW)
    return [
        Case(
            person=person,
            contact=ids[person.number],
            name=draw.choice(["Ana", "Bo", "Ana", ""]) if draw.random() < 0.3 else "Ana",
            timezone=draw.choice(["", "", "", "America/Noronha", "Pacific/Honolulu"]),
            consent=_consent(person, draw),
            left_days_ago=draw.choice([10, 200]) if draw.random() < 0.1 else None,
            sent_days_ago=draw.sample(range(1, 40), k=draw.choice([0, 0, 0, 1, 3, 5])),
            hours='{"0": [["20:00", "21:00"]]}' if draw.random() < 0.1 else None,
        )
        for person in crowd
    ]


def _consent(person: Person, draw: random.Random) -> ConsentRecord | None:
    record = consent_of(person, now=NOW, generator=draw)
    if record is None or draw.random() < 0.6:
        return record
    granted = record.granted_at or NOW
    changes: Sequence[Mapping[str, Any]] = (
        {"revoked_at": granted + DAY},
        {"topics": frozenset({"hats"})},
        {"channel": Channel.WHATSAPP},
        {"ip": None},
        {"text": "Sí."},
        {"confirmed_at": None},
        {"pre_ticked": True},
        {"cpf_valid": False},
        {"granted_at": NOW - 300 * DAY, "confirmed_at": NOW - 299 * DAY},
    )
    return replace(record, **draw.choice(changes))


def tell(world: World, cases: Sequence[Case]) -> None:
    """Put what is known into the database."""
    with world.runtime.transaction() as connection:
        consents.record(
            connection,
            [
                ConsentEntry(contact_id=case.contact, record=case.consent)
                for case in cases
                if case.consent is not None
            ],
            now=NOW,
        )
        left = [
            (case.contact, BUSINESS, "opt_out", NOW - case.left_days_ago * DAY)
            for case in cases
            if case.left_days_ago is not None
        ]
        suppressions.add(connection, left, source="test", now=NOW)
    for case in cases:
        _tell_more(world, case)


def _tell_more(world: World, case: Case) -> None:
    if case.sent_days_ago:
        world.execute(
            "INSERT INTO frequency_use SELECT :person, :business, counted,"
            " CAST(:sent AS timestamptz[]), ARRAY[9], ARRAY[CAST(:now AS timestamptz)]"
            " FROM unnest(ARRAY['marketing', 'marketing+public_service']) AS counted",
            person=case.contact,
            business=BUSINESS,
            sent=[NOW - days * DAY for days in case.sent_days_ago],
            now=NOW,
        )
    if case.hours is not None:
        world.execute(
            "INSERT INTO preferences (contact_id, business, hours, recorded_at)"
            " VALUES (:person, :business, CAST(:hours AS jsonb), :now)",
            person=case.contact,
            business=BUSINESS,
            hours=case.hours,
            now=NOW,
        )


def in_the_pipeline(world: World, campaign: Campaign, cases: Sequence[Case]) -> list[Verdict]:
    """What the stages make of the messages."""
    values = [
        {
            "campaign_id": campaign.id,
            "contact_id": case.contact,
            "key": str(case.contact),
            "timezone": case.timezone or None,
            "variables": {"name": case.name} if case.name else {},
            "state": MessageState.ACCEPTED,
            "created_at": NOW,
        }
        for case in cases
    ]
    books = world.runtime.books
    with world.runtime.transaction() as connection:
        ids = list(
            connection.execute(
                insert(message_table).returning(message_table.c.id, sort_by_parameter_order=True),
                values,
            ).scalars()
        )
        allowed = consent.run(connection, ids, books=books, now=NOW, lease=NOW)
        ready = set(window.run(connection, allowed, books=books, now=NOW))
        order = [id_ for id_ in ids if id_ in ready]
        passed = set(throttle.run(connection, order, books=books, now=NOW))
    return [_verdict(world, id_, id_ in passed) for id_ in ids]


def _verdict(world: World, message_id: int, passed: bool) -> Verdict:
    row = world.row(message_id)
    if passed:
        return "send", None, None
    outcome = "defer" if row.state == MessageState.DEFERRED else "block"
    return outcome, row.reason, row.rule


def on_paper(
    world: World, campaign: Campaign, cases: Sequence[Case], folder: Path
) -> list[Verdict]:
    """What the simulation says of them."""
    path = folder / f"{campaign.code}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["to", "name", "timezone"])
        writer.writerows([case.person.number, case.name, case.timezone] for case in cases)
    with world.runtime.transaction() as connection:
        drawn = DatabaseWorld(connection, campaign, books=world.runtime.books, at=NOW)
        refused: list[object] = []
        found = rulings(drawn, path, at=NOW, numbers={}, refuse=refused.append)
        verdicts: list[Verdict] = [(one.outcome.value, one.reason, one.rule) for one in found]
    assert not refused
    return verdicts


def test_a_simulation_decides_as_the_pipeline_does(world: World, tmp_path: Path) -> None:
    everywhere = {"US": 30, "BR": 25, "IN": 20, "ES": 20, "PE": 25}
    cases = varied(world, people(600, seed=3, countries=everywhere))
    tell(world, cases)
    with world.runtime.transaction() as connection:
        campaigns = furnish(connection, now=NOW)
        # Room for a few more in the US, and then for none.
        (sender,) = senders.select_senders(connection, codes=["bench-us"])
        senders.save_senders(connection, [replace(sender, tier=Tier.NEW)], now=NOW)
        quotas.add(connection, {(sender.id, bucket_of(NOW - timedelta(hours=1))): 495})
    met: Counter[str] = Counter()
    # Far off, or what two rules put off one after the other would be too late on paper already.
    ends = NOW + 90 * DAY
    world.execute("UPDATE campaigns SET expires_at = :ends", ends=ends)
    for country, stored in campaigns.items():
        campaign = replace(stored, expires_at=ends)
        own = [case for case in cases if case.person.country == country]
        expected = on_paper(world, campaign, own, tmp_path)
        assert in_the_pipeline(world, campaign, own) == expected, country
        met.update(reason or outcome for outcome, reason, _ in expected)
    assert {
        "send",
        "suppressed",
        "no_consent",
        "consent_revoked",
        "consent_unconfirmed",
        "consent_evidence_incomplete",
        "consent_expired",
        "consent_invalid",
        "topic_mismatch",
        "channel_not_allowed",
        "content_variable_missing",
        "window_closed",
        "frequency_cap",
        "daily_quota",
    } <= set(met)
