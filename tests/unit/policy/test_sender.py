from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from config.policies import load_policies
from pipeline.policy.checks import Check, CheckOutcome, first_stop
from pipeline.policy.country import CountryPolicy
from pipeline.policy.header import check_header
from pipeline.policy.registration import Registration
from pipeline.policy.sender import SenderFacts, SenderState, check_sender
from pipeline.policy.template import TemplateFacts
from pipeline.policy.vocabulary import Category, Channel, Reason, RegistrationStatus, Tier

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
POLICIES = load_policies()
UNREGISTERED = Reason.SENDER_UNREGISTERED


def policy(country: str) -> CountryPolicy:
    found = POLICIES.for_country(country, date(2026, 11, 23))
    assert found is not None
    return found


def registration(country: str, **changes: Any) -> Registration:
    approved = Registration(
        kind=KINDS[country],
        status=RegistrationStatus.APPROVED,
        approved_at=NOW - 90 * DAY,
        expires_at=NOW + 200 * DAY,
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
        address="+15550100001",
        registration=registration(country) if country in KINDS else None,
    )
    return replace(facts, **changes)


def stop(country: str, facts: SenderFacts | None) -> Check:
    found = first_stop(check_sender(policy(country), facts, now=NOW))
    assert found is not None
    return found


def of_rule(country: str, facts: SenderFacts, rule: str) -> Check:
    (found,) = [c for c in check_sender(policy(country), facts, now=NOW) if c.rule == rule]
    return found


@pytest.mark.parametrize("own", ["ES", "PR", "GB"])
def test_a_registration_does_not_help_a_sender_that_stands_for_another_country(own: str) -> None:
    check = stop("US", replace(sender("US"), country=own))
    assert (check.rule, check.reason) == ("us_reg_10dlc", UNREGISTERED)
    assert check.saw == {"sender_of": own}


def test_where_no_registration_is_asked_for_any_countrys_sender_may_send() -> None:
    assert first_stop(check_sender(policy("FR"), sender("ES"), now=NOW)) is None


@pytest.mark.parametrize(
    ("country", "rules"),
    [
        ("US", ["us_reg_10dlc"]),
        ("BR", ["br_reg_operator"]),
        (
            "IN",
            [
                "in_licence_renewal",
                "in_reg_entity_required",
                "in_reg_entity_docs",
                "in_reg_number_binding",
            ],
        ),
        ("PE", []),
        ("ES", ["eu_cross_border_transfer"]),
    ],
)
def test_every_rule_asked_is_a_check_and_a_good_sender_passes_all(
    country: str, rules: list[str]
) -> None:
    checks = check_sender(policy(country), sender(country, region="ES"), now=NOW)
    assert [check.rule for check in checks] == [*rules, "gl_official_api", None]
    assert {check.outcome for check in checks} == {CheckOutcome.PASS}


@pytest.mark.parametrize(
    ("country", "rule"), [("US", "us_reg_10dlc"), ("PE", None), ("IN", "in_reg_entity_required")]
)
def test_no_sender_at_all_is_a_block(country: str, rule: str | None) -> None:
    refused = stop(country, None)
    assert (refused.reason, refused.rule) == (UNREGISTERED, rule)


@pytest.mark.parametrize(
    ("changes", "saw"),
    [
        ({"status": RegistrationStatus.REJECTED}, {"status": "rejected"}),
        (
            {"status": RegistrationStatus.SUBMITTED, "submitted_at": NOW - DAY},
            {"status": "submitted", "expected_on": "2026-12-06"},
        ),
        ({"approved_at": NOW + DAY}, {"approved_at": "2026-11-24T15:00:00+00:00"}),
        ({"expires_at": NOW}, {"expires_at": "2026-11-23T15:00:00+00:00"}),
        ({"status": RegistrationStatus.EXPIRED, "expires_at": None}, {"expires_at": None}),
        ({"kind": "operator"}, {"needed": "10dlc", "registered_as": "operator"}),
    ],
)
def test_a_registration_that_does_not_hold_now_blocks_and_says_why(
    changes: dict[str, Any], saw: dict[str, object]
) -> None:
    refused = stop("US", sender("US", registration=registration("US", **changes)))
    assert (refused.reason, refused.rule, refused.saw) == (UNREGISTERED, "us_reg_10dlc", saw)


def test_no_registration_blocks() -> None:
    refused = stop("BR", sender("BR", registration=None))
    assert (refused.reason, refused.rule) == (UNREGISTERED, "br_reg_operator")
    assert refused.saw == {"needed": "operator", "registered_as": None}


@pytest.mark.parametrize(
    ("country", "field", "value", "rule", "fault"),
    [
        ("US", "tax_id", None, "us_reg_10dlc", "missing"),
        ("US", "industry", "", "us_reg_10dlc", "missing"),
        ("US", "template", " ", "us_reg_10dlc", "missing"),
        ("BR", "cnpj", " ", "br_reg_operator", "missing"),
        ("BR", "cnpj", "11.222.333/0001-82", "br_reg_operator", "wrong"),
        ("BR", "cnpj", "00.000.000/0000-00", "br_reg_operator", "wrong"),
        ("BR", "cnpj", 11222333000181, "br_reg_operator", "wrong"),
        ("BR", "template", None, "br_reg_operator", "missing"),
        ("IN", "header", "", "in_reg_entity_required", "missing"),
        ("IN", "pan", None, "in_reg_entity_docs", "missing"),
        ("IN", "pan", "ABCD1234F", "in_reg_entity_docs", "wrong"),
        ("IN", "pan", "abcde1234f", "in_reg_entity_docs", "wrong"),
        ("IN", "address_proof", "", "in_reg_entity_docs", "missing"),
        ("IN", "director_id", None, "in_reg_entity_docs", "missing"),
        ("IN", "number_bound", False, "in_reg_number_binding", "missing"),
        ("IN", "number_bound", "yes", "in_reg_number_binding", "wrong"),
    ],
)
def test_a_field_that_is_missing_or_wrong_blocks_by_its_own_rule(
    country: str, field: str, value: object, rule: str, fault: str
) -> None:
    incomplete = registration(country, fields=FIELDS[country] | {field: value})
    refused = stop(country, sender(country, registration=incomplete))
    assert (refused.reason, refused.rule) == (UNREGISTERED, rule)
    assert refused.saw == {fault: [field]}  # the name, and never what was written


@pytest.mark.parametrize("cnpj", ["11222333000181", " 11.222.333/0001-81", "12.ABC.345/01DE-35"])
def test_a_cnpj_may_have_letters_and_may_be_written_plainly(cnpj: str) -> None:
    right = registration("BR", fields=FIELDS["BR"] | {"cnpj": cnpj})
    checks = check_sender(policy("BR"), sender("BR", registration=right), now=NOW)
    assert first_stop(checks) is None


@pytest.mark.parametrize(
    "over", [{"expires_at": NOW}, {"status": RegistrationStatus.EXPIRED, "expires_at": None}]
)
def test_in_india_a_licence_that_is_over_breaks_the_rule_of_renewals(over: dict[str, Any]) -> None:
    refused = stop("IN", sender("IN", registration=registration("IN", **over)))
    assert (refused.reason, refused.rule) == (UNREGISTERED, "in_licence_renewal")


def test_a_licence_that_is_soon_over_passes_and_says_so() -> None:
    ends = datetime(2027, 5, 23, 14, tzinfo=UTC)  # an hour less than six months
    soon = of_rule(
        "IN", sender("IN", registration=registration("IN", expires_at=ends)), "in_licence_renewal"
    )
    assert soon.outcome is CheckOutcome.PASS
    assert soon.saw == {"renew_before": ends.isoformat()}
    assert of_rule("IN", sender("IN"), "in_licence_renewal").saw == {}


def test_a_suspended_sender_waits_for_a_person_and_says_why_it_is() -> None:
    waits = stop("US", sender("US", state=SenderState.SUSPENDED, reason="complaints"))
    assert (waits.outcome, waits.reason) == (CheckOutcome.DEFER, Reason.SENDER_SUSPENDED)
    assert waits.until is None
    assert waits.saw == {"because": "complaints"}


def test_what_is_wrong_for_good_comes_before_the_suspension() -> None:
    both = sender("US", state=SenderState.SUSPENDED, registration=None)
    assert stop("US", both).outcome is CheckOutcome.BLOCK


@pytest.mark.parametrize("country", ["US", "ES"])
def test_another_interface_than_the_official_one_is_warned_of(country: str) -> None:
    facts = sender(country, official=False)
    warning = of_rule(country, facts, "gl_official_api")
    assert warning.outcome is CheckOutcome.WARN
    assert first_stop(check_sender(policy(country), facts, now=NOW)) is None


@pytest.mark.parametrize(
    ("region", "safeguard", "outcome"),
    [
        ("ES", None, CheckOutcome.PASS),
        ("NO", None, CheckOutcome.PASS),
        ("RE", None, CheckOutcome.PASS),  # Réunion is part of France
        (None, None, CheckOutcome.SKIPPED),
        (None, "adequacy decision", CheckOutcome.SKIPPED),
        ("US", None, CheckOutcome.BLOCK),
        ("CH", "a letter", CheckOutcome.BLOCK),
        ("CH", "Adequacy  decision", CheckOutcome.PASS),
        ("US", "standard contractual clauses", CheckOutcome.PASS),
    ],
)
def test_data_stay_in_europe_or_have_a_safeguard(
    region: str | None, safeguard: str | None, outcome: CheckOutcome
) -> None:
    facts = sender("ES", region=region, safeguard=safeguard)
    found = of_rule("ES", facts, "eu_cross_border_transfer")
    assert found.outcome is outcome
    assert found.saw["region"] == region
    if outcome is CheckOutcome.BLOCK:
        assert found.reason is Reason.TRANSFER_NOT_ALLOWED


def test_where_data_are_is_not_asked_elsewhere() -> None:
    checks = check_sender(policy("US"), sender("US", region="CN"), now=NOW)
    assert {check.outcome for check in checks} == {CheckOutcome.PASS}


class TestHeader:
    """The six characters by which India's readers know a business."""

    REQUIRED = policy("IN").headers[Category.MARKETING]

    def check(self, facts: SenderFacts | None, header: str, body: str) -> list[Check]:
        template = TemplateFacts(id="t", status=RegistrationStatus.APPROVED, header=header)
        return list(check_header(self.REQUIRED, facts, template, body))

    @pytest.mark.parametrize(
        ("address", "header", "body", "shown_in"),
        [
            ("ABCORG", "", "Hi", "sender"),
            ("VM-abcorg", "", "Hi", "sender"),
            ("+91981", "ABCORG", "Hi", "template"),
            ("+91981", "", "{name}, ABCORG has news", "text"),
            ("+91981", "", "{ABCORG}, news", None),
            ("+91981", "ABCORGS", "ABCORGANIC food", None),
        ],
    )
    def test_whoever_reads_the_message_sees_it(
        self, address: str, header: str, body: str, shown_in: str | None
    ) -> None:
        (found,) = self.check(sender("IN", address=address), header, body)
        assert found.rule == "in_header_6_chars"
        assert found.saw == {"shown_in": shown_in}
        expected = None if shown_in else Reason.CONTENT_IDENTIFICATION_MISSING
        assert (found.reason, found.stops) == (expected, shown_in is None)

    @pytest.mark.parametrize("wrong", ["ABCOR", "ABCORGS", "ABC-RG", "ÀBCORG", "ABC RG"])
    def test_it_has_six_letters_or_digits(self, wrong: str) -> None:
        fields = FIELDS["IN"] | {"header": wrong}
        facts = sender("IN", address=wrong, registration=registration("IN", fields=fields))
        (found,) = self.check(facts, wrong, wrong)
        assert (found.reason, found.rule) == (UNREGISTERED, "in_header_6_chars")

    def test_without_a_registered_header_there_is_nothing_to_look_for(self) -> None:
        fields = FIELDS["IN"] | {"header": ""}
        facts = sender("IN", registration=registration("IN", fields=fields))
        assert self.check(facts, "", "Hi") == []
        assert self.check(None, "", "Hi") == []
        assert list(check_header(None, sender("IN"), None, "Hi")) == []
