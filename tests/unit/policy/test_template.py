from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from config.policies import load_policies
from pipeline.policy.checks import Check, CheckOutcome, first_stop
from pipeline.policy.country import CountryPolicy
from pipeline.policy.template import TemplateFacts, TemplateUse, check_template
from pipeline.policy.vocabulary import Category, Channel, Reason, RegistrationStatus

NOW = datetime(2026, 11, 23, 15, tzinfo=UTC)
DAY = timedelta(days=1)
POLICIES = load_policies()
USE = TemplateUse(
    business="loja-azul", channel=Channel.SMS, category=Category.MARKETING, language="en-IN"
)
GOOD = TemplateFacts(
    id="t",
    status=RegistrationStatus.APPROVED,
    header="Hi {name}",
    body="{a} {b} {c} {d} ABCORG",
    language="en",
    business="loja-azul",
    country="IN",
    channel=Channel.SMS,
    category=Category.MARKETING,
    approved_at=NOW - 90 * DAY,
    last_used_at=NOW - 5 * DAY,
)


def policy(country: str) -> CountryPolicy:
    found = POLICIES.for_country(country, date(2026, 11, 23))
    assert found is not None
    return found


def checks(
    country: str, template: TemplateFacts | None, approved: int | None = None
) -> tuple[Check, ...]:
    return check_template(policy(country), template, USE, approved=approved, now=NOW)


def stop(where: str, **changes: Any) -> Check | None:
    return first_stop(checks(where, replace(GOOD, **changes)))


def test_india_sends_only_through_a_template() -> None:
    refused = first_stop(checks("IN", None))
    assert refused is not None
    assert (refused.reason, refused.rule) == (
        Reason.TEMPLATE_UNAPPROVED,
        "in_template_preapproved",
    )
    assert first_stop(checks("US", None)) is None


def test_a_good_template_passes_every_rule_that_is_asked() -> None:
    found = checks("IN", GOOD, 10)
    assert [check.rule for check in found] == [
        "in_template_preapproved",
        "in_template_max_vars",
        "in_template_max_len",
        "in_template_unused_30d",
        "in_template_one_per_content",
    ]
    assert {check.outcome for check in found} == {CheckOutcome.PASS}


@pytest.mark.parametrize(
    ("changes", "saw"),
    [
        ({"status": RegistrationStatus.DRAFT}, {"status": "draft"}),
        ({"status": RegistrationStatus.DISABLED}, {"status": "disabled"}),
        ({"status": RegistrationStatus.REJECTED}, {"status": "rejected"}),
        ({"approved_at": NOW + DAY}, {"approved_at": "2026-11-24T15:00:00+00:00"}),
    ],
)
@pytest.mark.parametrize("country", ["IN", "US"])
def test_a_named_template_must_be_approved_everywhere(
    country: str, changes: dict[str, Any], saw: dict[str, object]
) -> None:
    refused = stop(country, **changes)
    assert refused is not None
    assert (refused.reason, refused.saw) == (Reason.TEMPLATE_UNAPPROVED, saw)


def test_of_one_that_waits_for_approval_the_day_is_told() -> None:
    waiting = {"status": RegistrationStatus.SUBMITTED, "submitted_at": NOW - DAY}
    refused = stop("IN", **waiting)
    assert refused is not None
    # Seven working days after Sunday the 22nd; the 24th is a holiday in India.
    assert refused.saw == {"status": "submitted", "expected_on": "2026-12-02"}


@pytest.mark.parametrize(
    ("changes", "saw"),
    [
        ({"business": "other"}, {"business": "other"}),
        ({"channel": Channel.WHATSAPP}, {"channel": "whatsapp"}),
        ({"category": Category.TRANSACTIONAL}, {"category": "transactional"}),
        ({"language": "hi"}, {"language": "hi"}),
    ],
)
@pytest.mark.parametrize("country", ["IN", "US"])
def test_a_template_for_something_else_does_not_fit(
    country: str, changes: dict[str, Any], saw: dict[str, object]
) -> None:
    refused = stop(country, **changes)
    assert refused is not None
    assert (refused.reason, refused.saw) == (Reason.TEMPLATE_UNAPPROVED, saw)


def test_where_templates_are_registered_with_the_country_it_must_be_that_one() -> None:
    refused = stop("IN", country="US")
    assert refused is not None
    assert refused.saw == {"country": "US"}
    assert stop("PE", country="US") is None


@pytest.mark.parametrize("language", ["en", "en_US", "EN-GB", ""])
def test_the_region_of_a_language_does_not_matter(language: str) -> None:
    assert stop("IN", language=language) is None


@pytest.mark.parametrize(
    ("changes", "rule", "saw"),
    [
        ({"body": "{a} {b} {c} {d} {e}"}, "in_template_max_vars", {"variables": 6}),
        ({"body": "x" * 992}, "in_template_max_len", {"characters": 1001}),
        (
            {"last_used_at": NOW - 30 * DAY},
            "in_template_unused_30d",
            {"unused_since": "2026-10-24T15:00:00+00:00"},
        ),
        (
            {"last_used_at": None, "approved_at": NOW - 31 * DAY},
            "in_template_unused_30d",
            {"unused_since": "2026-10-23T15:00:00+00:00"},
        ),
    ],
)
def test_india_limits_what_an_approved_template_may_be(
    changes: dict[str, Any], rule: str, saw: dict[str, object]
) -> None:
    refused = stop("IN", **changes)
    assert refused is not None
    assert (refused.reason, refused.rule) == (Reason.TEMPLATE_UNAPPROVED, rule)
    assert refused.saw == saw
    assert stop("US", **changes) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"header": "", "body": "{a} {b} {c} {d} {e}"},
        {"body": "x" * 991},
        {"last_used_at": NOW - 30 * DAY + timedelta(seconds=1)},
        {"last_used_at": NOW - 40 * DAY, "approved_at": NOW - DAY},  # approved anew since
        {"last_used_at": None, "approved_at": None},  # its status stands
    ],
)
def test_what_is_just_allowed_passes(changes: dict[str, Any]) -> None:
    assert stop("IN", **changes) is None


def test_fewer_templates_than_advised_are_warned_of() -> None:
    *_, few = checks("IN", GOOD, 9)
    assert (few.outcome, few.rule) == (CheckOutcome.WARN, "in_template_one_per_content")
    assert few.saw == {"approved": 9, "advised": 10}
    assert "in_template_one_per_content" not in {check.rule for check in checks("IN", GOOD)}
