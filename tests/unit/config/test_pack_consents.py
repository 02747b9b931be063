"""What each pack asks of a consent, decided with the packs themselves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.policies import Policies, load_policies
from pipeline.policy.consent import ConsentRecord, decide_consent
from pipeline.policy.decision import Block, Decision, Proceed
from pipeline.policy.vocabulary import Category, Channel, ConsentMethod, Reason

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
INCOMPLETE = Reason.CONSENT_EVIDENCE_INCOMPLETE
PAPER, PHONE = ConsentMethod.PAPER, ConsentMethod.PHONE
COPY = {"document_ref": "archive/2026/17", "ip": None}
"""Of an offline consent: there is a copy, and there was no network."""


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load_policies()


def complete_record(**changes: Any) -> ConsentRecord:
    """A consent that has what every country asks for."""
    record = ConsentRecord(
        business="tienda",
        category=Category.MARKETING,
        granted_at=NOW - timedelta(days=30),
        method=ConsentMethod.WEB,
        text="Acepto recibir mensajes de marketing de Tienda.",
        ip="203.0.113.7",
        signature="A. Silva",
        cpf_valid=True,
        confirmed_at=NOW - timedelta(days=30),
        source="checkout",
    )
    return replace(record, **changes)


def decide(policies: Policies, country: str, record: ConsentRecord | None) -> Decision:
    policy = policies.for_country(country, NOW.date())
    assert policy is not None
    return decide_consent(
        policy.consents[Category.MARKETING],
        [] if record is None else [record],
        channel=Channel.SMS,
        topic="ofertas",
        opted_out_at=None,
        now=NOW,
    )


@pytest.mark.parametrize(
    ("country", "rule"),
    [
        ("US", "us_consent_express_written"),
        ("BR", "br_consent_marketing"),
        ("IN", "in_consent_evidence"),
        ("PE", "pe_consent_explicit_prior"),
        ("ES", "eu_consent_explicit_prior"),
    ],
)
def test_a_complete_consent_passes_and_none_does_not(
    policies: Policies, country: str, rule: str
) -> None:
    assert decide(policies, country, complete_record()) == Proceed(rule=rule)
    assert decide(policies, country, None) == Block(reason=Reason.NO_CONSENT, rule=rule)


@pytest.mark.parametrize(
    ("country", "changes", "reason", "rule"),
    [
        ("US", {"signature": ""}, INCOMPLETE, "us_consent_evidence"),
        ("US", {"granted_at": None}, INCOMPLETE, "us_consent_evidence"),
        ("US", {"ip": None}, INCOMPLETE, "us_consent_evidence"),
        ("US", {"ip": "unknown"}, INCOMPLETE, "us_consent_evidence"),
        # Who does not know how it was given is asked for what only the network gives.
        ("US", {"method": None, "ip": None}, INCOMPLETE, "us_consent_evidence"),
        ("US", {"method": PAPER}, INCOMPLETE, "us_offline_consent"),
        ("US", {"method": PHONE, "ip": None}, INCOMPLETE, "us_offline_consent"),
        ("US", {"method": PAPER, **COPY, "signature": None}, INCOMPLETE, "us_offline_consent"),
        ("US", {"pre_ticked": True}, Reason.CONSENT_INVALID, "us_number_user_provided"),
        ("BR", {"confirmed_at": None}, Reason.CONSENT_UNCONFIRMED, "br_double_opt_in"),
        (
            "BR",
            {"confirmed_at": NOW - timedelta(days=31)},
            Reason.CONSENT_UNCONFIRMED,
            "br_double_opt_in",
        ),
        ("BR", {"cpf_valid": None}, INCOMPLETE, "br_consent_evidence"),
        ("BR", {"ip": "n/a"}, INCOMPLETE, "br_consent_evidence"),
        ("BR", {"granted_at": None}, INCOMPLETE, "br_consent_evidence"),
        ("BR", {"cpf_valid": False}, Reason.CONSENT_INVALID, "br_consent_evidence"),
        (
            "BR",
            {"method": PHONE, "signature": None},
            Reason.CONSENT_INVALID,
            "br_consent_marketing",
        ),
        ("IN", {"source": None}, INCOMPLETE, "in_consent_evidence"),
        ("IN", {"source": "  "}, INCOMPLETE, "in_consent_evidence"),
        ("IN", {"ip": None}, INCOMPLETE, "in_consent_evidence"),
        ("IN", {"granted_at": None}, INCOMPLETE, "in_consent_evidence"),
        (
            "PE",
            {"granted_at": datetime(2026, 5, 23, 14, 59, tzinfo=UTC)},
            Reason.CONSENT_EXPIRED,
            "pe_consent_max_age",
        ),
        ("PE", {"topics": frozenset({"maestrías"})}, Reason.TOPIC_MISMATCH, "pe_interest_match"),
        ("ES", {"pre_ticked": True}, Reason.CONSENT_INVALID, "eu_no_preticked_box"),
        ("ES", {"text": "Acepto"}, Reason.CONSENT_INVALID, "eu_consent_wording_explicit"),
        ("ES", {"method": None}, INCOMPLETE, "eu_consent_evidence"),
        ("ES", {"granted_at": None}, INCOMPLETE, "eu_consent_evidence"),
        ("ES", {"text": " "}, INCOMPLETE, "eu_consent_evidence"),
    ],
)
def test_each_country_refuses_what_its_own_rule_forbids(
    policies: Policies, country: str, changes: dict[str, Any], reason: Reason, rule: str
) -> None:
    record = complete_record(**changes)
    assert decide(policies, country, record) == Block(reason=reason, rule=rule)


@pytest.mark.parametrize(
    ("country", "changes"),
    [
        ("US", {"method": PAPER, **COPY}),
        ("US", {"method": PHONE, **COPY}),
        ("US", {"pre_ticked": None, "text": None, "cpf_valid": None, "confirmed_at": None}),
        ("BR", {"pre_ticked": None, "text": None, "signature": None, "method": None}),
        ("BR", {"method": PHONE, "document_ref": "archive/2026/17", "signature": None}),
        ("IN", {"method": None, "text": None, "signature": None, "ip": "2001:db8::7"}),
        ("PE", {"granted_at": datetime(2026, 5, 23, 15, tzinfo=UTC), "topics": None}),
        (
            "PE",
            {
                "granted_at": NOW - timedelta(days=900),
                "renewed_at": NOW - timedelta(days=9),
                "topics": frozenset({"Ofertas"}),
            },
        ),
        ("ES", {"pre_ticked": False, "ip": None, "signature": None, "source": None}),
    ],
)
def test_each_country_accepts_what_no_rule_of_its_own_asks_for(
    policies: Policies, country: str, changes: dict[str, Any]
) -> None:
    assert isinstance(decide(policies, country, complete_record(**changes)), Proceed)


@pytest.mark.parametrize("country", ["US", "BR", "IN", "PE", "ES"])
def test_a_consent_of_tomorrow_is_none_today(policies: Policies, country: str) -> None:
    refused = decide(policies, country, complete_record(granted_at=NOW + timedelta(seconds=1)))
    assert isinstance(refused, Block)
    assert refused.reason is Reason.NO_CONSENT


@pytest.mark.parametrize(
    "text",
    [
        "J\N{RIGHT SINGLE QUOTATION MARK}accepte de recevoir des messages marketing",
        "Ich stimme zu, Marketing-Nachrichten zu erhalten.",
        "ACCETTO DI RICEVERE MESSAGGI DI MARKETING",
        "Wyrażam zgodę na otrzymywanie wiadomości marketingowych",
        "I agree to receive marketing messages",
        "Αποδέχομαι να λαμβάνω μηνύματα μάρκετινγκ",  # noqa: RUF001 - it is Greek
    ],
)
def test_the_wording_counts_in_every_language_of_the_pack(policies: Policies, text: str) -> None:
    assert isinstance(decide(policies, "DE", complete_record(text=text)), Proceed)


@pytest.mark.parametrize(
    "text",
    [
        "Non accetto di ricevere messaggi di marketing",
        "Nie zgadzam się na otrzymywanie wiadomości marketingowych",
        "Nepiekrītu saņemt mārketinga ziņojumus",
        "I do not agree to receive marketing messages",
        "Ich stimme dem Erhalt von Marketingnachrichten nicht zu",
        "Не приемам да получавам маркетингови съобщения",  # noqa: RUF001 - it is Bulgarian
    ],
)
def test_a_refusal_is_no_consent(policies: Policies, text: str) -> None:
    refused = decide(policies, "DE", complete_record(text=text))
    assert isinstance(refused, Block)
    assert refused.rule == "eu_consent_wording_explicit"
