"""What the overlays of the project say, and how they join a pack: the strictest of all binds."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.policies import (
    ENFORCED_KINDS,
    Policies,
    PolicyError,
    check_policies,
    load_policies,
)
from pipeline.policy.consent import ConsentRecord, decide_consent
from pipeline.policy.country import Cap, CountryPolicy
from pipeline.policy.decision import Block, Defer, Proceed
from pipeline.policy.frequency import binding_caps
from pipeline.policy.numbers import NumberFacts, read_number, states_of
from pipeline.policy.vocabulary import Category, Channel, Reason, Tier
from pipeline.policy.window_table import WindowTable

ON = date(2026, 11, 23)
NAMES = {
    *("france", "india-10h", "peru-drafts", "procon-sp", "spain", "us-states", "us-whatsapp"),
    "whatsapp-limits",
}
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load_policies()


@pytest.fixture(scope="module")
def everything(policies: Policies) -> Policies:
    return policies.with_overlays(NAMES)


def policy_of(policies: Policies, country: str, on: date = ON) -> CountryPolicy:
    policy = policies.for_country(country, on)
    assert policy is not None
    return policy


def open_at(policy: CountryPolicy, number: str, now: datetime) -> bool:
    facts = read_number(number)
    assert isinstance(facts, NumberFacts)
    found = WindowTable().decide(
        policy,
        Category.MARKETING,
        zones=facts.zones,
        state=facts.state,
        now=now,
        channel=Channel.SMS,
        states=states_of(number),
    )
    return isinstance(found.decision, Proceed)


def test_every_overlay_is_off_until_it_is_switched_on(policies: Policies) -> None:
    assert {overlay.name for overlay in policies.overlays()} == NAMES
    assert not any(overlay.on for overlay in policies.overlays())
    france = policies.with_overlays(["france"])
    assert {overlay.name for overlay in france.overlays() if overlay.on} == {"france"}
    both = france.with_overlays(["spain"])
    assert {overlay.name for overlay in both.overlays() if overlay.on} == {"france", "spain"}
    assert not policy_of(policies, "FR").windows


def test_every_overlay_can_be_joined_alone_and_with_all_others() -> None:
    checked, errors = check_policies(None)
    assert checked is not None
    assert errors == []


def test_an_unknown_overlay_is_refused_with_the_near_one() -> None:
    with pytest.raises(PolicyError, match="no overlay 'us-state'; did you mean 'us-states'"):
        load_policies(overlays=["us-state"])


def test_the_version_changes_only_where_an_overlay_takes_part(policies: Policies) -> None:
    states = policies.with_overlays(["us-states"])
    assert policy_of(states, "US").version != policy_of(policies, "US").version
    assert policy_of(states, "US").overlays == ("us-states",)
    assert policy_of(states, "BR").version == policy_of(policies, "BR").version
    assert policy_of(states, "BR").overlays == ()
    limits = states.with_overlays(["whatsapp-limits"])
    assert policy_of(limits, "US").overlays == ("us-states", "whatsapp-limits")
    assert len({policy_of(p, "US").version for p in (policies, states, limits)}) == 3


@pytest.mark.parametrize(
    ("number", "local", "is_open"),
    [
        # Florida closes at eight, New York at nine.
        ("+13055550123", time(19, 59), True),
        ("+13055550123", time(20), False),
        ("+12125550123", time(20, 59), True),
        ("+12125550123", time(21), False),
        # Connecticut opens at nine.
        ("+12035550123", time(8, 59), False),
        ("+12035550123", time(9), True),
        # Pennsylvania and Rhode Island on a plain Monday.
        ("+12155550123", time(20, 59), True),
        ("+14015550123", time(18), False),
    ],
)
def test_hours_of_states(everything: Policies, number: str, local: time, is_open: bool) -> None:
    now = datetime.combine(ON, local, NEW_YORK).astimezone(UTC)
    assert open_at(policy_of(everything, "US"), number, now) is is_open


@pytest.mark.parametrize(
    ("number", "day", "local", "is_open"),
    [
        ("+15125550123", date(2026, 11, 22), time(11, 59), False),  # Texas, a Sunday
        ("+15125550123", date(2026, 11, 22), time(12), True),
        ("+15125550123", date(2026, 11, 23), time(9), True),
        ("+12055550123", date(2026, 11, 22), time(12), False),  # Alabama, a Sunday
        ("+12055550123", date(2026, 11, 26), time(12), False),  # on Thanksgiving
        ("+16015550123", date(2026, 11, 26), time(12), True),  # in Mississippi it is no matter
    ],
)
def test_days_of_states(
    everything: Policies, number: str, day: date, local: time, is_open: bool
) -> None:
    now = datetime.combine(day, local, ZoneInfo("America/Chicago")).astimezone(UTC)
    assert open_at(policy_of(everything, "US", day), number, now) is is_open


@pytest.mark.parametrize(
    ("state", "number", "since"),
    [
        ("TX", "+15125550123", date(2025, 9, 1)),
        ("OR", "+15035550123", date(2026, 1, 1)),
        ("CT", "+12035550123", date(2023, 10, 1)),
        ("MD", "+14105550123", date(2024, 1, 1)),
    ],
)
def test_a_state_law_binds_from_its_day(
    everything: Policies, state: str, number: str, since: date
) -> None:
    def windows(on: date) -> set[str]:
        found = policy_of(everything, "US", on).windows[Category.MARKETING]
        return {window.rule for window in found if state in window.states}

    assert windows(since - timedelta(days=1)) == set()
    assert windows(since) == {f"us_states_{state.lower()}_window"}
    assert states_of(number) == {state}


def test_a_number_without_a_state_is_held_to_the_rules_of_all(everything: Policies) -> None:
    policy = policy_of(everything, "US")
    # Every clock of the fifty states: 10 in Kentucky's and 18 in Rhode Island's hours.
    at_noon = datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert not open_at(policy, "+18005550123", at_noon)
    assert open_at(policy, "+18005550123", datetime(2026, 11, 23, 21, tzinfo=UTC))
    caps = policy.caps[Category.MARKETING]
    bound = binding_caps(caps, Channel.SMS, lambda: states_of("+18005550123"))
    assert list(bound) == list(caps)


def test_caps_of_states_stand_beside_the_packs_own(everything: Policies) -> None:
    caps = policy_of(everything, "US").caps[Category.MARKETING]

    def rules(number: str) -> list[str]:
        return [cap.rule for cap in binding_caps(caps, Channel.SMS, lambda: states_of(number))]

    assert rules("+13055550123") == ["us_freq_promo", "us_states_fl_cap"]
    assert rules("+12125550123") == ["us_freq_promo"]
    both = {Category.MARKETING, Category.PUBLIC_SERVICE}
    assert {cap.counts for cap in caps} == {frozenset(both)}
    florida = next(cap for cap in caps if cap.rule == "us_states_fl_cap")
    assert florida == Cap(
        rule="us_states_fl_cap",
        limit=3,
        period=timedelta(days=1),
        counts=frozenset(both),
        states=frozenset({"FL"}),
    )


def test_no_marketing_to_the_us_on_whatsapp_since_april_2025(everything: Policies) -> None:
    rule = "us_whatsapp_no_marketing"
    assert policy_of(everything, "US", date(2025, 3, 31)).channel_bans == {}
    bans = policy_of(everything, "US", date(2025, 4, 1)).channel_bans
    assert bans == {
        (Category.MARKETING, Channel.WHATSAPP): rule,
        (Category.PUBLIC_SERVICE, Channel.WHATSAPP): rule,
    }


@pytest.mark.parametrize(
    ("number", "zone", "day", "local", "is_open"),
    [
        ("+919812345678", "Asia/Kolkata", date(2026, 11, 23), time(9, 59), False),
        ("+919812345678", "Asia/Kolkata", date(2026, 11, 23), time(10), True),
        ("+919812345678", "Asia/Kolkata", date(2026, 11, 23), time(21), False),
        ("+33612345678", "Europe/Paris", date(2026, 11, 21), time(20, 29), True),
        ("+33612345678", "Europe/Paris", date(2026, 11, 21), time(20, 30), False),
        ("+33612345678", "Europe/Paris", date(2026, 11, 22), time(12), False),
        ("+33612345678", "Europe/Paris", date(2026, 11, 11), time(12), False),  # Armistice
        ("+34612345678", "Europe/Madrid", date(2026, 11, 23), time(9), False),  # 8 in the Canaries
        ("+34612345678", "Europe/Madrid", date(2026, 11, 23), time(10), True),
        ("+34612345678", "Europe/Madrid", date(2026, 11, 21), time(12), False),
        ("+51912345678", "America/Lima", date(2026, 11, 23), time(7, 59), False),
        ("+51912345678", "America/Lima", date(2026, 11, 23), time(8), True),
        ("+51912345678", "America/Lima", date(2026, 12, 8), time(12), False),  # a holiday
    ],
)
def test_hours_of_countries(
    everything: Policies, number: str, zone: str, day: date, local: time, is_open: bool
) -> None:
    facts = read_number(number)
    assert isinstance(facts, NumberFacts)
    now = datetime.combine(day, local, ZoneInfo(zone)).astimezone(UTC)
    assert open_at(policy_of(everything, facts.country, day), number, now) is is_open


@pytest.mark.parametrize(
    ("on", "initiated", "passes"),
    [
        (date(2025, 5, 9), None, True),
        (date(2025, 5, 10), None, False),
        (date(2025, 5, 10), False, False),
        (date(2025, 5, 10), True, True),
    ],
)
def test_peru_wants_the_consumers_own_initiative_since_its_law(
    everything: Policies, on: date, initiated: bool | None, passes: bool
) -> None:
    now = datetime.combine(on, time(15), UTC)
    record = ConsentRecord(
        business="acme",
        category=Category.MARKETING,
        granted_at=now - timedelta(days=10),
        text="Acepto recibir mensajes de marketing.",
        initiated_by_consumer=initiated,
    )
    decision = decide_consent(
        policy_of(everything, "PE", on).consents[Category.MARKETING],
        [record],
        channel=Channel.SMS,
        topic="offers",
        opted_out_at=None,
        now=now,
    )
    if passes:
        assert isinstance(decision, Proceed)
    else:
        assert isinstance(decision, Block)
        assert decision.reason is Reason.CONSENT_EVIDENCE_INCOMPLETE
        assert decision.rule == "peru_drafts_own_initiative"


def test_block_lists(everything: Policies, policies: Policies) -> None:
    assert policies.block_lists == {"procon-sp", "lista-robinson"}
    (procon,) = policy_of(everything, "BR").block_lists
    assert (procon.name, procon.after) == ("procon-sp", timedelta(days=30))
    assert procon.states == {"SP"}
    assert procon.categories == {Category.MARKETING}
    (robinson,) = policy_of(everything, "ES").block_lists
    assert robinson.name == "lista-robinson"
    assert robinson.states == frozenset()
    assert policy_of(everything, "FR").block_lists == ()


@pytest.mark.parametrize("country", ["US", "BR", "IN", "PE", "DE"])
def test_whatsapp_limits_hold_beside_every_countrys_quotas(
    everything: Policies, policies: Policies, country: str
) -> None:
    joined, alone = policy_of(everything, country).quotas, policy_of(policies, country).quotas
    for tier, limit in ((Tier.NEW, 250), (Tier.STANDARD, 2_000), (Tier.HIGH, 100_000)):
        assert joined[tier][:-1] == alone.get(tier, ())
        added = joined[tier][-1]
        assert (added.limit, added.period) == (limit, timedelta(days=1))
        assert added.channels == {Channel.WHATSAPP}


@settings(max_examples=60, deadline=None)
@given(
    number=st.sampled_from(
        ["+13055550123", "+15125550123", "+18005550123", "+33612345678", "+919812345678"]
    ),
    minutes=st.integers(0, 60 * 24 * 60),
)
def test_what_an_overlay_lets_pass_the_pack_lets_pass(
    policies: Policies, everything: Policies, number: str, minutes: int
) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    facts = read_number(number)
    assert isinstance(facts, NumberFacts)
    if open_at(policy_of(everything, facts.country, now.date()), number, now):
        assert open_at(policy_of(policies, facts.country, now.date()), number, now)


@pytest.mark.parametrize(
    ("number", "now", "rule", "until"),
    [
        # 09:30 in India: the pack's own window is open.
        ("+919812345678", (2026, 11, 23, 4), "india_10h_window", (2026, 11, 23, 4, 30)),
        # 20:30 in Miami: New York's hours are not over yet, Florida's are.
        ("+13055550123", (2026, 11, 24, 1, 30), "us_states_fl_window", (2026, 11, 24, 13)),
        # 21:30: both are, and open together. In Connecticut its own opens later.
        ("+13055550123", (2026, 11, 24, 2, 30), "us_window_promo", (2026, 11, 24, 13)),
        ("+12035550123", (2026, 11, 24, 2, 30), "us_states_ct_window", (2026, 11, 24, 14)),
        ("+12035550123", (2026, 11, 24, 13, 30), "us_states_ct_window", (2026, 11, 24, 14)),
    ],
)
def test_the_deferral_names_the_last_to_open_of_those_that_are_shut(
    everything: Policies,
    number: str,
    now: tuple[int, int, int, int],
    rule: str,
    until: tuple[int, int, int, int],
) -> None:
    facts = read_number(number)
    assert isinstance(facts, NumberFacts)
    table, moment = WindowTable(), datetime(*now, tzinfo=UTC)
    # The second time around the table knows what it said of an hour before.
    for instant in (moment - timedelta(hours=1), moment):
        found = table.decide(
            policy_of(everything, facts.country),
            Category.MARKETING,
            zones=facts.zones,
            state=None,
            now=instant,
            channel=Channel.SMS,
            states=states_of(number),
        )
    assert found.decision == Defer(
        until=datetime(*until, tzinfo=UTC), reason=Reason.WINDOW_CLOSED, rule=rule
    )


def test_every_rule_of_an_overlay_is_enforced(policies: Policies) -> None:
    kinds = {rule.kind for overlay in policies.overlays() for rule in overlay.rules}
    assert kinds <= ENFORCED_KINDS.keys()
