from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.policy.consent import ConsentRecord, decide_consent, expiry_of, find_consent
from pipeline.policy.consent_seen import explain_consent
from pipeline.policy.country import ConsentRule
from pipeline.policy.decision import Block, Decision, Proceed
from pipeline.policy.vocabulary import Category, Channel, ConsentMethod, Reason

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
DAY = timedelta(days=1)
WORDING = "acepto recibir mensajes de marketing"

ANY = ConsentRule(rule="consent")
STRICT = ConsentRule(
    rule="consent",
    evidence=("granted_at", "cpf", "ip"),
    evidence_rule="evidence",
    double_opt_in_rule="double",
    max_age_months=6,
    max_age_rule="age",
    pre_ticked_rule="box",
    wording=(WORDING,),
    wording_negations=("no",),
    wording_rule="wording",
    cpf_rule="cpf",
    topic_required_rule="topic",
)
OFFLINE = ConsentRule(
    rule="consent",
    evidence=("signature", "granted_at", "ip"),
    evidence_rule="evidence",
    offline_evidence=("signature", "granted_at", "document_ref"),
    offline_rule="offline",
)
COMPLETE = ConsentRecord(
    business="loja-azul",
    category=Category.MARKETING,
    channel=Channel.WHATSAPP,
    topics=frozenset({"ofertas", "Novedades"}),
    granted_at=NOW - 30 * DAY,
    method=ConsentMethod.WEB,
    text=f"Sí, {WORDING}.",
    ip="203.0.113.7",
    signature="A. Silva",
    cpf_valid=True,
    confirmed_at=NOW - 30 * DAY + timedelta(minutes=2),
    pre_ticked=False,
)


def decide(rule: ConsentRule | None, *records: ConsentRecord, **facts: Any) -> Decision:
    asked: dict[str, Any] = {"channel": Channel.WHATSAPP, "topic": "ofertas", "opted_out_at": None}
    return decide_consent(rule, records, **(asked | facts), now=NOW)


def changed(**changes: Any) -> ConsentRecord:
    return replace(COMPLETE, **changes)


def test_no_rule_asks_for_nothing() -> None:
    assert decide(None) == Proceed()


def test_no_record_is_no_consent() -> None:
    assert decide(ANY) == Block(reason=Reason.NO_CONSENT, rule="consent")


def test_a_complete_record_passes_every_check() -> None:
    assert decide(STRICT, COMPLETE) == Proceed(rule="consent")


@pytest.mark.parametrize(
    ("changes", "reason", "rule"),
    [
        ({"revoked_at": NOW - DAY}, Reason.CONSENT_REVOKED, "consent"),
        ({"revoked_at": NOW}, Reason.CONSENT_REVOKED, "consent"),
        ({"channel": Channel.SMS}, Reason.CHANNEL_NOT_ALLOWED, "consent"),
        ({"topics": frozenset({"maestrías"})}, Reason.TOPIC_MISMATCH, "topic"),
        ({"topics": frozenset()}, Reason.TOPIC_MISMATCH, "topic"),
        ({"confirmed_at": None}, Reason.CONSENT_UNCONFIRMED, "double"),
        ({"confirmed_at": NOW + DAY}, Reason.CONSENT_UNCONFIRMED, "double"),
        ({"confirmed_at": NOW - 31 * DAY}, Reason.CONSENT_UNCONFIRMED, "double"),
        ({"ip": None}, Reason.CONSENT_EVIDENCE_INCOMPLETE, "evidence"),
        ({"ip": "  "}, Reason.CONSENT_EVIDENCE_INCOMPLETE, "evidence"),
        ({"ip": "n/a"}, Reason.CONSENT_EVIDENCE_INCOMPLETE, "evidence"),
        ({"ip": "203.0.113"}, Reason.CONSENT_EVIDENCE_INCOMPLETE, "evidence"),
        ({"cpf_valid": None}, Reason.CONSENT_EVIDENCE_INCOMPLETE, "evidence"),
        ({"granted_at": None}, Reason.CONSENT_EVIDENCE_INCOMPLETE, "evidence"),
        ({"pre_ticked": True}, Reason.CONSENT_INVALID, "box"),
        ({"text": "Acepto los términos"}, Reason.CONSENT_INVALID, "wording"),
        ({"text": f"No {WORDING}"}, Reason.CONSENT_INVALID, "wording"),
        ({"text": None}, Reason.CONSENT_INVALID, "wording"),
        ({"cpf_valid": False}, Reason.CONSENT_INVALID, "cpf"),
        ({"granted_at": datetime(2026, 5, 23, 14, 59, tzinfo=UTC)}, Reason.CONSENT_EXPIRED, "age"),
        ({"granted_at": NOW + timedelta(seconds=1)}, Reason.NO_CONSENT, "consent"),
    ],
)
def test_a_record_that_lacks_one_thing_is_refused_for_it(
    changes: dict[str, Any], reason: Reason, rule: str
) -> None:
    assert decide(STRICT, changed(**changes)) == Block(reason=reason, rule=rule)


@pytest.mark.parametrize(
    "changes",
    [
        {"revoked_at": NOW + DAY},
        {"channel": None},
        {"ip": "2001:db8::7"},
        {"method": None},
        {"topics": None},
        {"topics": frozenset({" OFERTAS "})},
        {"pre_ticked": None},
        {"granted_at": NOW},
        {"granted_at": datetime(2026, 5, 23, 15, tzinfo=UTC)},
        {"granted_at": NOW - 400 * DAY, "renewed_at": NOW - 10 * DAY},
    ],
)
def test_what_the_rules_do_not_forbid_passes(changes: dict[str, Any]) -> None:
    record = changed(**changes)
    confirmed = replace(record, confirmed_at=record.granted_at)
    assert decide(STRICT, confirmed) == Proceed(rule="consent")


def test_a_renewal_in_the_future_does_not_make_an_old_consent_young() -> None:
    record = changed(granted_at=NOW - 400 * DAY, renewed_at=NOW + DAY)
    assert decide(STRICT, record) == Block(reason=Reason.CONSENT_EXPIRED, rule="age")


def test_a_campaign_without_a_topic_passes_only_where_none_is_asked_for() -> None:
    assert decide(ANY, COMPLETE, topic=None) == Proceed(rule="consent")
    refused = decide(STRICT, COMPLETE, topic=None)
    assert refused == Block(reason=Reason.TOPIC_MISMATCH, rule="topic")


def test_a_topic_must_be_named_in_every_country() -> None:
    refused = decide(ANY, COMPLETE, topic="zapatos")
    assert refused == Block(reason=Reason.TOPIC_MISMATCH, rule="consent")


@pytest.mark.parametrize("granted_at", [NOW - 30 * DAY, NOW - DAY, None])
def test_a_consent_not_given_after_the_opt_out_does_not_count(granted_at: datetime | None) -> None:
    record = changed(granted_at=granted_at, renewed_at=NOW)
    refused = decide(ANY, record, opted_out_at=NOW - DAY)
    assert refused == Block(reason=Reason.NO_CONSENT, rule="consent")


def test_a_consent_given_after_the_opt_out_counts() -> None:
    record = changed(granted_at=NOW - timedelta(hours=1))
    assert decide(ANY, record, opted_out_at=NOW - DAY) == Proceed(rule="consent")


@pytest.mark.parametrize("method", [ConsentMethod.PAPER, ConsentMethod.PHONE])
def test_an_offline_consent_needs_its_copy_and_no_address(method: ConsentMethod) -> None:
    record = changed(method=method, ip=None, document_ref="form 17")
    assert decide(OFFLINE, record) == Proceed(rule="consent")
    refused = decide(OFFLINE, replace(record, document_ref=""))
    assert refused == Block(reason=Reason.CONSENT_EVIDENCE_INCOMPLETE, rule="offline")


def test_a_copy_does_not_replace_the_address_of_an_online_consent() -> None:
    refused = decide(OFFLINE, changed(ip=None, document_ref="form 17"))
    assert refused == Block(reason=Reason.CONSENT_EVIDENCE_INCOMPLETE, rule="evidence")


def test_one_good_record_among_bad_ones_is_enough() -> None:
    assert decide(STRICT, changed(revoked_at=NOW), COMPLETE) == Proceed(rule="consent")


def test_the_record_that_got_furthest_gives_the_reason() -> None:
    revoked, invalid = changed(revoked_at=NOW), changed(pre_ticked=True)
    other_channel = changed(channel=Channel.SMS)
    for records in ((revoked, invalid, other_channel), (other_channel, revoked, invalid)):
        assert decide(STRICT, *records) == Block(reason=Reason.CONSENT_INVALID, rule="box")


def test_a_naive_instant_raises() -> None:
    with pytest.raises(ValueError, match="no UTC offset"):
        decide(ANY, changed(granted_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - the case


WRITTEN = ConsentRule(rule="consent", written_rule="consent")


@pytest.mark.parametrize(
    ("changes", "decision"),
    [
        ({"method": ConsentMethod.PAPER}, Proceed(rule="consent")),
        ({"method": ConsentMethod.PHONE, "document_ref": "archive/1"}, Proceed(rule="consent")),
        (
            {"method": ConsentMethod.PHONE},
            Block(reason=Reason.CONSENT_INVALID, rule="consent"),
        ),
        (
            {"method": ConsentMethod.PHONE, "document_ref": " "},
            Block(reason=Reason.CONSENT_INVALID, rule="consent"),
        ),
    ],
)
def test_a_word_on_the_phone_is_nothing_written(
    changes: dict[str, Any], decision: Decision
) -> None:
    record = changed(signature=None, **changes)
    assert decide(WRITTEN, record) == decision
    assert decide(ANY, record) == Proceed(rule="consent")


def test_the_expiry_counts_from_the_last_time_it_was_given() -> None:
    at = datetime(2026, 8, 31, 9, tzinfo=UTC)
    last_of_february = datetime(2027, 2, 28, 9, tzinfo=UTC)
    assert expiry_of(changed(granted_at=at), 6, now=NOW) == last_of_february
    renewed = changed(granted_at=at - 300 * DAY, renewed_at=at)
    assert expiry_of(renewed, 6, now=NOW) == last_of_february
    assert expiry_of(changed(granted_at=None), 6, now=NOW) is None
    assert expiry_of(changed(granted_at=NOW + DAY), 6, now=NOW) is None


def seen(rule: ConsentRule, *records: ConsentRecord, **facts: Any) -> dict[str, object]:
    asked: dict[str, Any] = {"channel": Channel.WHATSAPP, "topic": "ofertas", "opted_out_at": None}
    finding = find_consent(rule, records, **(asked | facts), now=NOW)
    return dict(explain_consent(rule, finding, records))


def test_what_was_seen_is_told_and_nothing_that_identifies_the_person() -> None:
    assert seen(STRICT) == {"consents": 0}
    assert seen(STRICT, COMPLETE) == {"granted_at": (NOW - 30 * DAY).isoformat()}
    short = changed(ip="unknown", cpf_valid=None, source="checkout")
    found = seen(STRICT, short, changed(revoked_at=NOW))
    assert found == {
        "consents": 2,
        "granted_at": (NOW - 30 * DAY).isoformat(),
        "confirmed_at": (NOW - 30 * DAY + timedelta(minutes=2)).isoformat(),
        "method": "web",
        "source": "checkout",
        "missing": ["cpf", "ip"],
    }
    assert seen(ANY, COMPLETE, topic="zapatos")["topics"] == ["Novedades", "ofertas"]
    assert seen(ANY, COMPLETE, channel=Channel.SMS)["channel"] == "whatsapp"
    assert seen(ANY, changed(revoked_at=NOW))["revoked_at"] == NOW.isoformat()
