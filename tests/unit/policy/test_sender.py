from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from config.policies import load_policies
from pipeline.policy.country import CountryPolicy
from pipeline.policy.decision import Block, Decision, Defer, Proceed
from pipeline.policy.sender import (
    Registration,
    SenderFacts,
    SenderState,
    TemplateFacts,
    decide_sender,
    decide_template,
)
from pipeline.policy.vocabulary import Channel, Reason, RegistrationStatus, Tier

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
DAY = timedelta(days=1)

FIELDS: dict[str, dict[str, object]] = {
    "US": {"tax_id": "12-3456789", "industry": "retail", "template": "sale"},
    "BR": {"cnpj": "11.222.333/0001-81", "template": "sale"},
    "IN": {
        "pan": "ABCDE1234F",
        "address_proof": "bill",
        "director_id": "P1",
        "header": "ABCORG",
        "number_bound": True,
    },
}
KINDS = {"US": "10dlc", "BR": "operator", "IN": "dlt"}


def policy(country: str) -> CountryPolicy:
    found = load_policies().for_country(country, date(2026, 11, 23))
    assert found is not None
    return found


def registration(country: str, **changes: Any) -> Registration:
    approved = Registration(
        kind=KINDS[country],
        status=RegistrationStatus.APPROVED,
        approved_at=NOW - 90 * DAY,
        expires_at=NOW + 90 * DAY,
        fields=FIELDS[country],
    )
    return replace(approved, **changes)


def sender(country: str, **changes: Any) -> SenderFacts:
    facts = SenderFacts(
        id="s",
        business="loja-azul",
        country=country,
        channel=Channel.SMS,
        tier=Tier.NEW,
        state=SenderState.ACTIVE,
        registration=registration(country) if country in KINDS else None,
    )
    return replace(facts, **changes)


def decide(country: str, facts: SenderFacts | None) -> Decision:
    return decide_sender(policy(country), facts, now=NOW)


@pytest.mark.parametrize(
    ("country", "rule"),
    [
        ("US", "us_reg_10dlc"),
        ("BR", "br_reg_operator"),
        ("IN", "in_reg_entity_required"),
        ("PE", None),
        ("ES", None),
    ],
)
def test_an_approved_sender_proceeds_and_none_is_blocked(country: str, rule: str | None) -> None:
    assert decide(country, sender(country)) == Proceed(rule=rule)
    assert decide(country, None) == Block(reason=Reason.SENDER_UNREGISTERED, rule=rule)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": RegistrationStatus.SUBMITTED},
        {"status": RegistrationStatus.REJECTED},
        {"status": RegistrationStatus.EXPIRED},
        {"approved_at": NOW + DAY},
        {"expires_at": NOW},
        {"kind": "operator"},
    ],
)
def test_a_registration_that_does_not_hold_now_blocks(changes: dict[str, Any]) -> None:
    facts = sender("US", registration=registration("US", **changes))
    assert decide("US", facts) == Block(reason=Reason.SENDER_UNREGISTERED, rule="us_reg_10dlc")


def test_no_registration_blocks() -> None:
    refused = decide("BR", sender("BR", registration=None))
    assert refused == Block(reason=Reason.SENDER_UNREGISTERED, rule="br_reg_operator")


@pytest.mark.parametrize(
    ("country", "field", "value", "rule"),
    [
        ("US", "tax_id", None, "us_reg_10dlc"),
        ("BR", "cnpj", " ", "br_reg_operator"),
        ("IN", "header", "", "in_reg_entity_required"),
        ("IN", "pan", None, "in_reg_entity_docs"),
        ("IN", "number_bound", False, "in_reg_number_binding"),
    ],
)
def test_a_field_that_is_missing_blocks_by_its_own_rule(
    country: str, field: str, value: object, rule: str
) -> None:
    incomplete = registration(country, fields=FIELDS[country] | {field: value})
    refused = decide(country, sender(country, registration=incomplete))
    assert refused == Block(reason=Reason.SENDER_UNREGISTERED, rule=rule)


def test_a_suspended_sender_waits_for_a_person() -> None:
    waits = decide("US", sender("US", state=SenderState.SUSPENDED))
    assert waits == Defer(until=None, reason=Reason.SENDER_SUSPENDED)


def template(**changes: Any) -> TemplateFacts:
    facts = TemplateFacts(
        id="t",
        status=RegistrationStatus.APPROVED,
        header="Hi {name}",
        body="{a} {b} {c} {d} ABCORG",
        approved_at=NOW - 90 * DAY,
        last_used_at=NOW - 5 * DAY,
    )
    return replace(facts, **changes)


def test_india_sends_only_through_a_template() -> None:
    india = policy("IN")
    refused = Block(reason=Reason.TEMPLATE_UNAPPROVED, rule="in_template_preapproved")
    assert decide_template(india, None, now=NOW) == refused
    assert decide_template(india, template(), now=NOW) == Proceed(rule="in_template_preapproved")
    assert decide_template(policy("US"), None, now=NOW) == Proceed()


@pytest.mark.parametrize(
    "changes",
    [
        {"status": RegistrationStatus.DRAFT},
        {"status": RegistrationStatus.DISABLED},
        {"approved_at": NOW + DAY},
    ],
)
@pytest.mark.parametrize("country", ["IN", "US"])
def test_a_named_template_must_be_approved_everywhere(
    country: str, changes: dict[str, Any]
) -> None:
    refused = decide_template(policy(country), template(**changes), now=NOW)
    assert isinstance(refused, Block)
    assert refused.reason is Reason.TEMPLATE_UNAPPROVED


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"body": "{a} {b} {c} {d} {e}"}, "in_template_max_vars"),
        ({"last_used_at": NOW - 30 * DAY}, "in_template_unused_30d"),
        ({"last_used_at": None}, "in_template_unused_30d"),
    ],
)
def test_india_limits_what_an_approved_template_may_be(changes: dict[str, Any], rule: str) -> None:
    refused = decide_template(policy("IN"), template(**changes), now=NOW)
    assert refused == Block(reason=Reason.TEMPLATE_UNAPPROVED, rule=rule)
    assert decide_template(policy("US"), template(**changes), now=NOW) == Proceed()


def test_a_template_used_just_under_thirty_days_ago_holds() -> None:
    used = template(last_used_at=NOW - 30 * DAY + timedelta(seconds=1))
    assert isinstance(decide_template(policy("IN"), used, now=NOW), Proceed)
