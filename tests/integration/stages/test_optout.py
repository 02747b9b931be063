"""The opt-out stage over a real database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.sender import SenderState
from pipeline.policy.suppression import EVERY_BUSINESS
from pipeline.policy.vocabulary import Category, Channel, ConsentMethod, Tier
from pipeline.stages import optout
from pipeline.stages.optout import OptOutResult, Reply
from pipeline.store import campaigns, consents, contacts, messages, senders, suppressions
from pipeline.store.campaigns import Campaign
from pipeline.store.consents import ConsentEntry
from pipeline.store.messages import Incoming
from pipeline.store.senders import Sender
from workers.runtime import Runtime

NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
PHONE = "+5511987654321"

REPLY = Reply(
    source="acme",
    provider_id="wamid.1",
    channel=Channel.WHATSAPP,
    sender=PHONE,
    address="1000",
    body="Sair!",
    received_at=NOW - timedelta(seconds=2),
)


@pytest.fixture
def person(runtime: Runtime) -> int:
    """A person in Brazil with a consent, and with messages of two businesses waiting."""
    number = read_number(PHONE)
    assert isinstance(number, NumberFacts)
    with runtime.transaction() as connection:
        contact = contacts.identify(connection, [number], now=NOW)[PHONE]
        senders.save_senders(
            connection, [_sender("loja-azul", "1000"), _sender("loja-verde", "2000")], now=NOW
        )
        record = ConsentRecord(
            business="loja-azul",
            category=Category.MARKETING,
            channel=Channel.WHATSAPP,
            topics=frozenset({"ofertas"}),
            granted_at=NOW - timedelta(days=9),
            method=ConsentMethod.WEB,
        )
        consents.record(connection, [ConsentEntry(contact_id=contact, record=record)], now=NOW)
        for code, business, category in (
            ("azul", "loja-azul", Category.MARKETING),
            ("azul-aviso", "loja-azul", Category.PUBLIC_SERVICE),
            ("azul-pedido", "loja-azul", Category.TRANSACTIONAL),
            ("verde", "loja-verde", Category.MARKETING),
        ):
            campaign = campaigns.create(connection, _campaign(code, business, category), now=NOW)
            messages.take_in(connection, [_row(campaign.id, contact)], lease=NOW, now=NOW)
    return contact


def _sender(business: str, address: str) -> Sender:
    return Sender(
        code=business,
        business=business,
        country="BR",
        channel=Channel.WHATSAPP,
        address=address,
        provider="acme",
        rate_per_second=10,
        tier=Tier.STANDARD,
        state=SenderState.ACTIVE,
    )


def _campaign(code: str, business: str, category: Category) -> Campaign:
    return Campaign(
        code=code,
        name=code,
        business=business,
        brand=business,
        category=category,
        channel=Channel.WHATSAPP,
        language="pt-BR",
        body="Oi",
    )


def _row(campaign_id: int, contact: int) -> Incoming:
    return Incoming(
        campaign_id=campaign_id,
        key=PHONE,
        contact_id=contact,
        position=1,
        recipient=None,
        timezone=None,
        language=None,
        variables=None,
    )


def _take(runtime: Runtime, reply: Reply) -> OptOutResult:
    with runtime.transaction() as connection:
        result = optout.run(connection, reply, books=runtime.books, now=NOW)
    with runtime.transaction() as connection:
        optout.complete(connection, reply, now=NOW)
    return result


def _states(runtime: Runtime) -> dict[str, tuple[str, str | None]]:
    query = "SELECT code, m.state, reason FROM messages m JOIN campaigns c ON c.id = campaign_id"
    with runtime.transaction() as connection:
        return {row.code: (row.state, row.reason) for row in connection.execute(text(query))}


def _suppressed(runtime: Runtime, contact: int) -> set[str]:
    everybody = ("loja-azul", "loja-verde", EVERY_BUSINESS)
    with runtime.transaction() as connection:
        return {entry.business for entry in suppressions.of(connection, [contact], everybody)}


def test_an_opt_out_word_ends_what_waits_from_that_business(runtime: Runtime, person: int) -> None:
    result = _take(runtime, REPLY)

    assert result == OptOutResult(word="sair", businesses=("loja-azul",), stopped=2)
    assert _suppressed(runtime, person) == {"loja-azul"}
    assert _states(runtime) == {
        "azul": ("blocked", "suppressed"),
        "azul-aviso": ("blocked", "suppressed"),
        "azul-pedido": ("accepted", None),
        "verde": ("accepted", None),
    }


def test_each_stopped_message_has_a_decision_with_its_rule(runtime: Runtime, person: int) -> None:
    _take(runtime, REPLY)

    query = "SELECT outcome, reason, rule, policy FROM decisions WHERE stage = 'optout'"
    with runtime.transaction() as connection:
        rows = connection.execute(text(query)).all()
    assert len(rows) == 2
    assert {(row.outcome, row.reason, row.rule) for row in rows} == {
        ("block", "suppressed", "br_optout_keyword")
    }
    assert all(row.policy.startswith("BR-") for row in rows)
    assert person


def test_the_ledger_holds_the_revocation_of_the_consent(runtime: Runtime, person: int) -> None:
    _take(runtime, REPLY)

    with runtime.transaction() as connection:
        held = consents.held(
            connection, [person], business="loja-azul", category=Category.MARKETING
        )
    assert [consent.record.revoked_at for consent in held[person]] == [REPLY.received_at]
    assert held[person][0].record.granted_at is not None


def test_a_stop_is_in_force_while_an_import_holds_the_ledger(runtime: Runtime, person: int) -> None:
    with runtime.transaction() as importing:
        consents.record(importing, [], now=NOW)  # takes the ledger's lock, and keeps it

        with runtime.transaction() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            optout.run(connection, REPLY, books=runtime.books, now=NOW)

        assert _suppressed(runtime, person) == {"loja-azul"}


def test_what_a_killed_worker_left_undone_is_done_when_the_reply_comes_again(
    runtime: Runtime, person: int
) -> None:
    with runtime.transaction() as connection:
        optout.run(connection, REPLY, books=runtime.books, now=NOW)
    length = _ledger_length(runtime)

    assert _take(runtime, REPLY).repeated

    assert _ledger_length(runtime) == length + 1
    assert person


def test_the_same_reply_again_changes_nothing(runtime: Runtime, person: int) -> None:
    _take(runtime, REPLY)
    before = _states(runtime), _suppressed(runtime, person), _ledger_length(runtime)

    assert _take(runtime, REPLY) == OptOutResult(repeated=True)

    assert (_states(runtime), _suppressed(runtime, person), _ledger_length(runtime)) == before


def _ledger_length(runtime: Runtime) -> int:
    with runtime.transaction() as connection:
        return int(connection.execute(text("SELECT count(*) FROM consent_events")).scalar_one())


def test_another_reply_is_stored_and_ends_nothing(runtime: Runtime, person: int) -> None:
    result = _take(runtime, replace(REPLY, body="Obrigado!"))

    assert result == OptOutResult()
    assert _suppressed(runtime, person) == set()
    assert {state for state, _ in _states(runtime).values()} == {"accepted"}
    with runtime.transaction() as connection:
        row = connection.execute(text("SELECT business, intent FROM inbound_messages")).one()
    assert (row.business, row.intent) == ("loja-azul", None)


def test_a_reply_to_no_sender_of_ours_stops_every_business(runtime: Runtime, person: int) -> None:
    result = _take(runtime, replace(REPLY, address="9999"))

    assert result.businesses == (EVERY_BUSINESS,)
    assert _suppressed(runtime, person) == {EVERY_BUSINESS}
    assert _states(runtime)["verde"] == ("blocked", "suppressed")


def test_a_person_who_was_never_written_to_can_leave(runtime: Runtime, person: int) -> None:
    stranger = "+5511976543210"

    result = _take(runtime, replace(REPLY, sender=stranger))

    assert result.word == "sair"
    with runtime.transaction() as connection:
        contact = contacts.find(connection, [stranger])[stranger]
    assert contact != person
    assert _suppressed(runtime, contact) == {"loja-azul"}


def test_a_sender_that_is_no_number_is_stored_only(runtime: Runtime, person: int) -> None:
    assert _take(runtime, replace(REPLY, sender="ACME", body="STOP")) == OptOutResult()
    assert _suppressed(runtime, person) == set()


def test_a_row_that_a_stage_is_working_on_is_left_to_the_claim(
    runtime: Runtime, person: int
) -> None:
    hold = text("SELECT id FROM messages WHERE contact_id = :person FOR UPDATE")
    with runtime.transaction() as busy:
        busy.execute(hold, {"person": person})
        result = _take(runtime, REPLY)  # does not wait

    assert result.stopped == 0
    assert _suppressed(runtime, person) == {"loja-azul"}


def test_naive_instants_are_refused(runtime: Runtime) -> None:
    naive = replace(REPLY, received_at=NOW.replace(tzinfo=None))
    with runtime.transaction() as connection, pytest.raises(ValueError, match="no UTC offset"):
        optout.run(connection, naive, books=runtime.books, now=NOW)
