"""START: when it brings messages back, and when it must not."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from pipeline.policy.vocabulary import Category, Channel, ConsentMethod, MessageState
from pipeline.stages import consent
from pipeline.store import consents, suppressions
from pipeline.store.consents import HeldConsent
from tests.integration.repliers import SECOND, Repliers
from tests.integration.world import BUSINESS, CONSENT, NOW, SENDER, World, numbers

PHONE = numbers(1)[0]
SPANISH = numbers(1, "ES")[0]
BRAZILIAN = numbers(1, "BR")[0]
PERUVIAN = numbers(1, "PE")[0]
MINUTE = timedelta(minutes=1)
LATER = NOW + 10 * MINUTE


@pytest.fixture
def repliers(world: World) -> Repliers:
    world.sender("us")
    world.sender("es", country="ES", registration=None)
    world.sender("pe", country="PE", registration=None)
    registration = SENDER.registration or {}
    operator = {**registration, "kind": "operator", "cnpj": "11.222.333/0001-81"}
    world.sender("br", country="BR", registration=operator)
    return Repliers(world)


COUNTRIES = {"+1": "US", "+55": "BR", "+34": "ES", "+51": "PE"}


def _decide(world: World, phone: str, *, now: datetime) -> tuple[str, str | None]:
    """What the consent stage makes of a new message to this person."""
    (country,) = (code for prefix, code in COUNTRIES.items() if phone.startswith(prefix))
    campaign = world.campaign(country, country=country, expires_at=NOW + timedelta(days=400))
    ids = world.messages(
        campaign, world.contacts([phone]), MessageState.ACCEPTED, key=f"{phone}-{now}"
    )
    with world.runtime.transaction() as connection:
        consent.run(connection, ids, books=world.runtime.books, now=now, lease=now)
    row = world.row(ids[0])
    return row.state, row.reason


def _held(world: World, phone: str) -> list[HeldConsent]:
    (person,) = world.contacts([phone])
    with world.runtime.transaction() as connection:
        return consents.held(
            connection, [person], business=BUSINESS, category=Category.MARKETING
        ).get(person, [])


def _leave_and_return(repliers: Repliers, phone: str, *, to: str = "us") -> list[int]:
    repliers.work(repliers.say(phone, at=NOW, to=to))
    return repliers.work(repliers.say(phone, "START", at=LATER, to=to), now=LATER)


def test_a_start_brings_the_persons_messages_back(world: World, repliers: Repliers) -> None:
    world.consent(world.contacts([PHONE]))
    assert _decide(world, PHONE, now=NOW)[0] == "consented"
    repliers.work(repliers.say(PHONE, at=NOW))
    assert _decide(world, PHONE, now=NOW + MINUTE) == ("blocked", "suppressed")

    start = repliers.say(PHONE, "START", at=LATER)
    repliers.work(start, now=LATER)

    assert _decide(world, PHONE, now=LATER + SECOND)[0] == "consented"
    assert repliers.reply(start).handled_at == LATER


def test_the_new_consent_is_the_old_one_given_again(world: World, repliers: Repliers) -> None:
    old = replace(CONSENT, topics=frozenset({"offers"}), channel=Channel.SMS)
    world.consent(
        world.contacts([PHONE]), topics=old.topics, channel=old.channel, renewed_at=NOW - MINUTE
    )

    _leave_and_return(repliers, PHONE)

    (held,) = _held(world, PHONE)
    start = world.query("SELECT provider_id FROM inbound_messages WHERE intent = 'opt_in'")[0]
    assert held.record == replace(
        old,
        granted_at=LATER,
        confirmed_at=LATER,
        method=ConsentMethod.SMS,
        source=f"reply:sandbox:{start.provider_id}",
    )
    kinds = [row.kind for row in world.query("SELECT kind FROM consent_events ORDER BY id")]
    assert kinds[-2:] == ["granted", "confirmed"]
    assert "revoked" in kinds


def test_the_double_opt_in_of_a_brazilian_consent_still_stands(
    world: World, repliers: Repliers
) -> None:
    world.consent(world.contacts([BRAZILIAN]))
    _leave_and_return(repliers, BRAZILIAN, to="br")
    assert _decide(world, BRAZILIAN, now=LATER + SECOND)[0] == "consented"


def test_an_unconfirmed_consent_is_not_better_for_it(world: World, repliers: Repliers) -> None:
    world.consent(world.contacts([BRAZILIAN]), confirmed_at=None)
    _leave_and_return(repliers, BRAZILIAN, to="br")
    assert _decide(world, BRAZILIAN, now=LATER + SECOND) == ("blocked", "consent_unconfirmed")


def test_a_consent_on_paper_stays_one_on_paper(world: World, repliers: Repliers) -> None:
    world.consent(
        world.contacts([SPANISH]),
        method=ConsentMethod.PAPER,
        ip=None,
        document_ref="archive/1",
    )
    before = _decide(world, SPANISH, now=NOW)

    _leave_and_return(repliers, SPANISH, to="es")

    assert _decide(world, SPANISH, now=LATER + SECOND) == before
    assert [held.record.method for held in _held(world, SPANISH)] == [ConsentMethod.PAPER]


def test_perus_six_months_count_from_the_start(world: World, repliers: Repliers) -> None:
    world.consent(
        world.contacts([PERUVIAN]),
        granted_at=NOW - timedelta(days=170),
        confirmed_at=NOW - timedelta(days=170),
        topics=frozenset({"offers"}),
    )
    _leave_and_return(repliers, PERUVIAN, to="pe")
    assert _decide(world, PERUVIAN, now=NOW + timedelta(days=60))[0] == "consented"
    assert _decide(world, PERUVIAN, now=NOW + timedelta(days=190)) == ("blocked", "consent_expired")


def test_without_an_earlier_consent_it_proves_what_the_reply_proves(
    world: World, repliers: Repliers
) -> None:
    _leave_and_return(repliers, PHONE)

    granted = [held.record for held in _held(world, PHONE) if held.record.granted_at]
    assert [(one.channel, one.method, one.text, one.topics) for one in granted] == [
        (Channel.SMS, ConsentMethod.SMS, "START", None)
    ]
    assert (granted[0].granted_at, granted[0].ip, granted[0].confirmed_at) == (LATER, None, None)
    rows = world.query("SELECT lifted_at FROM suppressions")
    assert [row.lifted_at for row in rows] == [LATER]


def test_a_consent_that_the_operator_took_back_is_not_carried_over(
    world: World, repliers: Repliers
) -> None:
    people = world.contacts([SPANISH])
    world.consent(people)
    world.consent(people, revoked_at=NOW - MINUTE)

    repliers.work(repliers.say(SPANISH, "START", at=LATER, to="es"), now=LATER)

    granted = [one.record for one in _held(world, SPANISH) if one.record.granted_at == LATER]
    assert [(one.text, one.signature) for one in granted] == [("START", None)]
    assert _decide(world, SPANISH, now=LATER + SECOND)[0] == "blocked"


def test_a_start_over_an_opt_out_from_everybody_brings_nothing_back(
    world: World, repliers: Repliers
) -> None:
    world.consent(world.contacts([PHONE]))
    repliers.work(repliers.say(PHONE, to="gone"))

    assert repliers.work(repliers.say(PHONE, "START", at=LATER), now=LATER) == []

    assert _decide(world, PHONE, now=LATER + SECOND) == ("blocked", "suppressed")


def test_a_start_from_a_wrong_number_takes_over_nobodys_consent(
    world: World, repliers: Repliers
) -> None:
    world.consent(world.contacts([PHONE]))
    repliers.work(repliers.say(PHONE, "wrong number"))
    start = repliers.say(PHONE, "START", at=LATER)

    assert repliers.work(start, now=LATER) == []

    assert _decide(world, PHONE, now=LATER + SECOND) == ("blocked", "suppressed")
    assert [held.record.granted_at for held in _held(world, PHONE)] == [CONSENT.granted_at]
    assert repliers.reply(start).handled_at == LATER
    # Not even once an operator has lifted it.
    world.execute("UPDATE suppressions SET lifted_at = :now, everything = false", now=LATER)
    repliers.work(repliers.say(PHONE, "START", at=LATER + MINUTE), now=LATER + MINUTE)
    signed = [held.record.granted_at for held in _held(world, PHONE) if held.record.signature]
    assert signed == [CONSENT.granted_at]


def test_a_start_that_was_said_before_the_stop_does_not_undo_it(
    world: World, repliers: Repliers
) -> None:
    world.consent(world.contacts([PHONE]))
    repliers.work(repliers.say(PHONE, at=LATER), now=LATER)

    late = repliers.say(PHONE, "START", at=LATER, occurred_at=NOW)
    assert repliers.work(late, now=LATER) == []

    assert _decide(world, PHONE, now=LATER + SECOND) == ("blocked", "suppressed")
    assert [held.record.revoked_at for held in _held(world, PHONE)] == [LATER]


def test_a_start_whose_stop_is_not_in_the_ledger_yet_is_not_undone_by_it(
    world: World, repliers: Repliers
) -> None:
    world.consent(world.contacts([PHONE]))
    stop = repliers.say(PHONE, at=NOW)
    start = repliers.say(PHONE, "START", at=LATER)
    repliers.complete(start, now=LATER)

    repliers.work(stop, now=LATER + SECOND)  # the worker of the STOP had been killed

    assert _decide(world, PHONE, now=LATER + MINUTE)[0] == "consented"


def test_stop_and_start_taken_up_together_are_settled_in_their_own_order(
    world: World, repliers: Repliers
) -> None:
    world.consent(world.contacts([PHONE]))
    ids = [repliers.say(PHONE, at=NOW), repliers.say(PHONE, "START", at=LATER)]

    repliers.work(*ids, now=LATER)

    assert _decide(world, PHONE, now=LATER + SECOND)[0] == "consented"
    assert [notice.kind for notice in repliers.notices()] == ["confirmation", "welcome"]


def test_a_start_is_welcomed_only_when_something_is_taken_up_again(
    world: World, repliers: Repliers
) -> None:
    world.consent(world.contacts([PHONE]))
    assert repliers.work(repliers.say(PHONE, "START", at=NOW - MINUTE)) == []

    _leave_and_return(repliers, PHONE)
    again = repliers.say(PHONE, "START", at=LATER + MINUTE)
    assert repliers.work(again, now=LATER + MINUTE) == []

    assert [notice.kind for notice in repliers.notices()] == ["confirmation", "welcome"]


def test_a_start_to_a_person_whose_consent_lives_records_nothing_new(
    world: World, repliers: Repliers
) -> None:
    world.consent(world.contacts([PHONE]))
    before = world.query("SELECT id FROM consent_events")
    repliers.work(repliers.say(PHONE, "START"))
    assert world.query("SELECT id FROM consent_events") == before


def test_after_an_imported_opt_out_the_consent_is_given_again(
    world: World, repliers: Repliers
) -> None:
    (person,) = world.contacts([PHONE])
    world.consent([person])
    with world.runtime.transaction() as connection:
        entries = [(person, BUSINESS, "opt_out", NOW)]
        suppressions.add(connection, entries, source="import", now=NOW)

    repliers.work(repliers.say(PHONE, "START", at=LATER), now=LATER)

    assert _decide(world, PHONE, now=LATER + SECOND)[0] == "consented"
    assert [held.record.signature for held in _held(world, PHONE)] == ["Ana"]
