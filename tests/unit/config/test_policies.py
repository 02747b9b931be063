from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from shutil import copytree

import pytest

from config.languages_file import load_languages
from config.policies import COUNTRIES_FOLDER, Policies, load_policies
from pipeline.policy.country import CountryPolicy, Window
from pipeline.policy.sender_rules import HeaderRule, Review
from pipeline.policy.vocabulary import Category, Channel, Tier
from pipeline.stages.books import Books

ON = date(2026, 11, 23)
WEEK = range(7)
BUSINESS_DAYS = range(5)
MEMBERS = [
    *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
    *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    *("IS", "LI", "NO"),
]


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load_policies()


def policy_of(policies: Policies, country: str, on: date = ON) -> CountryPolicy:
    policy = policies.for_country(country, on)
    assert policy is not None
    return policy


EIGHT_TO_NINE = ((time(8), time(21)),)
NINE_TO_EIGHT = ((time(9), time(20)),)
NINE_TO_NINE = ((time(9), time(21)),)
TEN_TO_SIX = ((time(10), time(18)),)


@pytest.mark.parametrize(
    ("country", "category", "rule", "hours"),
    [
        ("US", Category.MARKETING, "us_window_promo", dict.fromkeys(WEEK, EIGHT_TO_NINE)),
        ("US", Category.PUBLIC_SERVICE, "us_window_promo", dict.fromkeys(WEEK, EIGHT_TO_NINE)),
        (
            "BR",
            Category.MARKETING,
            "br_window_marketing",
            dict.fromkeys(BUSINESS_DAYS, NINE_TO_EIGHT),
        ),
        (
            "BR",
            Category.PUBLIC_SERVICE,
            "br_window_public_service",
            dict.fromkeys(BUSINESS_DAYS, TEN_TO_SIX),
        ),
        ("IN", Category.MARKETING, "in_window_commercial", dict.fromkeys(WEEK, NINE_TO_NINE)),
        ("IN", Category.PUBLIC_SERVICE, "in_window_commercial", dict.fromkeys(WEEK, NINE_TO_NINE)),
    ],
)
def test_windows(
    policies: Policies,
    country: str,
    category: Category,
    rule: str,
    hours: Mapping[int, tuple[tuple[time, time], ...]],
) -> None:
    window = policy_of(policies, country).windows[category][0]
    assert window == Window(rule=rule, hours=hours, closed_on_holidays=country == "BR")


@pytest.mark.parametrize("country", ["PE", *MEMBERS])
def test_peru_and_europe_have_no_window_no_cap_and_no_registration(
    policies: Policies, country: str
) -> None:
    policy = policy_of(policies, country)
    assert not policy.windows
    assert not policy.caps
    assert not policy.quotas
    assert policy.registration is None
    assert policy.template is None


@pytest.mark.parametrize("country", ["US", "BR", "IN", "PE", "ES"])
def test_transactional_messages_need_no_consent_and_have_no_window_and_no_cap(
    policies: Policies, country: str
) -> None:
    policy = policy_of(policies, country)
    for rules in (policy.consents, policy.windows, policy.caps):
        assert Category.TRANSACTIONAL not in rules


@pytest.mark.parametrize(
    ("country", "category", "cap"),
    [
        ("US", Category.MARKETING, (3, timedelta(days=31), None)),
        ("BR", Category.MARKETING, (4, timedelta(days=31), None)),
        ("BR", Category.PUBLIC_SERVICE, (2, timedelta(days=31), None)),
        ("IN", Category.MARKETING, (3, timedelta(days=1), 1)),
    ],
)
def test_caps(
    policies: Policies,
    country: str,
    category: Category,
    cap: tuple[int, timedelta, int | None],
) -> None:
    found = policy_of(policies, country).caps[category][0]
    assert (found.limit, found.period, found.holiday_limit) == cap


def test_public_service_counts_with_marketing_unless_a_country_sets_it_apart(
    policies: Policies,
) -> None:
    brazil, india = policy_of(policies, "BR"), policy_of(policies, "IN")
    assert brazil.caps[Category.MARKETING][0].counts == {Category.MARKETING}
    assert brazil.caps[Category.PUBLIC_SERVICE][0].counts == {Category.PUBLIC_SERVICE}
    both = {Category.MARKETING, Category.PUBLIC_SERVICE}
    assert india.caps[Category.PUBLIC_SERVICE] == india.caps[Category.MARKETING]
    assert india.caps[Category.MARKETING][0].counts == both
    assert Category.PUBLIC_SERVICE not in brazil.consents
    assert india.consents[Category.PUBLIC_SERVICE] == india.consents[Category.MARKETING]


def test_quotas_go_by_tier(policies: Policies) -> None:
    limits = {
        country: {
            tier: quota[0].limit for tier, quota in policy_of(policies, country).quotas.items()
        }
        for country in ("US", "BR", "IN")
    }
    assert limits == {
        "US": {Tier.NEW: 500, Tier.STANDARD: 10_000, Tier.HIGH: 10_000},
        "BR": {Tier.NEW: 1_000, Tier.STANDARD: 100_000, Tier.HIGH: 100_000},
        "IN": {},
    }


def test_brazil_rests_on_optional_days_and_by_state(policies: Policies) -> None:
    holidays = policy_of(policies, "BR").holidays
    assert holidays.country == "BR"
    assert holidays.by_state
    assert holidays.optional_names == ("carnival", "corpus christi")


def test_registrations(policies: Policies) -> None:
    found = {c: policy_of(policies, c).registration for c in ("US", "BR", "IN")}
    asked = {c: (r.kind, set(r.fields), r.review) for c, r in found.items() if r is not None}
    assert asked == {
        "US": ("10dlc", {"tax_id", "industry", "template"}, Review(days=14, working=False)),
        "BR": ("operator", {"cnpj", "template"}, Review(days=15, working=True)),
        "IN": (
            "dlt",
            {"pan", "address_proof", "director_id", "header", "number_bound"},
            Review(days=18, working=True),
        ),
    }
    assert all(r is not None and r.channels == set(Channel) for r in found.values())
    renewals = {c: r and (r.renewal_rule, r.renewal_months) for c, r in found.items()}
    assert renewals == {"US": (None, None), "BR": (None, None), "IN": ("in_licence_renewal", 6)}


def test_what_india_asks_of_templates_and_headers(policies: Policies) -> None:
    india = policy_of(policies, "IN")
    template = india.template
    assert template is not None
    assert (template.rule, template.required) == ("in_template_preapproved", True)
    assert (template.max_variables, template.max_length) == (5, 1000)
    assert (template.advised, template.advised_rule) == (10, "in_template_one_per_content")
    assert template.review == Review(days=7, working=True)
    assert india.headers == dict.fromkeys(
        Category, HeaderRule(rule="in_header_6_chars", characters=6)
    )
    assert policy_of(policies, "US").template is None
    assert policy_of(policies, "US").headers == {}


def test_data_leave_europe_only_with_a_safeguard(policies: Policies) -> None:
    spain = policy_of(policies, "ES")
    assert spain.transfer_rule == "eu_cross_border_transfer"
    assert spain.safeguards == ("standard contractual clauses", "adequacy decision")
    assert spain.home == set(MEMBERS)
    assert policy_of(policies, "BR").transfer_rule is None


@pytest.mark.parametrize(
    ("country", "hours", "rule", "word"),
    [
        ("US", 1, "us_optout_sla", "stop"),
        ("BR", 2, "br_optout_sla", "sair"),
        ("IN", 1, "gl_optout_deadline", "बंद"),
        ("PE", 1, "gl_optout_deadline", "baja"),
        ("DE", 1, "gl_optout_deadline", "abmelden"),
    ],
)
def test_leaving(policies: Policies, country: str, hours: int, rule: str, word: str) -> None:
    leaving = policy_of(policies, country).opt_out
    assert (leaving.deadline, leaving.deadline_rule) == (timedelta(hours=hours), rule)
    assert word in leaving.words
    assert all(w == w.casefold() and len(w.split()) == 1 for w in leaving.words)
    assert leaving.default_language in leaving.confirmations


@pytest.mark.parametrize("country", MEMBERS)
def test_every_european_country_has_its_holidays_and_language(
    policies: Policies, country: str
) -> None:
    policy = policy_of(policies, country)
    assert policy.pack == "EU"
    assert policy.holidays.country == country
    assert "{brand}" in policy.opt_out.confirmations[policy.opt_out.default_language]


def test_an_unknown_country_and_a_day_before_the_rules_have_no_policy(policies: Policies) -> None:
    assert policies.for_country("CL", ON) is None
    assert policies.for_country("BR", date(2021, 12, 31)) is None
    assert policies.for_country("BR", date(2022, 1, 1)) is not None


def test_general_rules_come_with_the_packs_they_are_for(policies: Policies) -> None:
    ids = {c: {rule.id for rule in policy_of(policies, c).rules} for c in ("US", "PE", "FR")}
    assert all("gl_optout_in_every_marketing_msg" in of_country for of_country in ids.values())
    assert "gl_no_promo_in_transactional" in ids["US"]
    assert "gl_no_promo_in_transactional" not in ids["PE"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(copytree(COUNTRIES_FOLDER, tmp_path / "countries"))


def edit(folder: Path, pack: str, old: str, new: str) -> Policies:
    text = (folder / pack).read_text()
    assert old in text
    (folder / pack).write_text(text.replace(old, new))
    return load_policies(folder)


def test_the_rules_of_the_day_decide_and_the_version_says_which(folder: Path) -> None:
    cap = (folder / "br.toml").read_text()
    start = cap.index('[[rule]]\nid = "br_freq_marketing"')
    row = cap[start : cap.index("[[rule]]", start + 1)]
    since = "effective_from = 2022-01-01"
    ended = row.replace(since, f"{since}\neffective_to = 2027-01-31")
    tighter = row.replace("limit = 4", "limit = 1").replace(since, "effective_from = 2027-01-31")
    policies = edit(folder, "br.toml", row, ended + tighter)
    before = policy_of(policies, "BR", date(2027, 1, 30))
    after = policy_of(policies, "BR", date(2027, 1, 31))
    assert before.caps[Category.MARKETING][0].limit == 4
    assert after.caps[Category.MARKETING][0].limit == 1
    assert before.version != after.version
    assert before is policies.for_country("BR", date(2026, 5, 1))
    assert [r.id for r in after.rules].count("br_freq_marketing") == 1


def test_the_day_is_that_of_the_instant_in_utc_whatever_its_offset(folder: Path) -> None:
    books = Books(load_policies(folder), words=load_languages().words)
    written_in_kolkata = datetime(2022, 1, 1, 3, tzinfo=timezone(timedelta(hours=5.5)))
    assert books.policy("IN", written_in_kolkata) is None
    assert books.policy("IN", written_in_kolkata + timedelta(hours=3)) is not None


def test_the_version_follows_the_content_of_its_own_pack_and_not_its_comments(
    folder: Path, policies: Policies
) -> None:
    versions = {country: policy_of(policies, country).version for country in ("BR", "US")}
    commented = edit(folder, "br.toml", "# Consent\n", "# About consent\n")
    assert policy_of(commented, "BR").version == versions["BR"]
    changed = edit(folder, "br.toml", "limit = 4,", "limit = 3,")
    assert policy_of(changed, "BR").version != versions["BR"]
    assert policy_of(changed, "US").version == versions["US"]


def test_the_operators_closed_days_are_part_of_the_policy_and_of_its_version(
    policies: Policies,
) -> None:
    day = date(2026, 12, 24)
    closed = policy_of(load_policies(closed_days=[day]), "BR")
    assert closed.holidays.closed_days == (day,)
    assert closed.version != policy_of(policies, "BR").version


def test_packs_are_listed_with_what_they_hold(policies: Policies) -> None:
    listed = {pack.code: pack for pack in policies.packs()}
    assert list(listed) == ["GENERAL", "BR", "EU", "IN", "PE", "US"]
    assert sorted(listed["EU"].countries) == sorted(MEMBERS)
    assert listed["PE"].countries == {"PE": "Peru"}
    assert "us_window_promo" in {rule.id for rule in listed["US"].rules}
