"""Costs and fines, by the packs' own figures."""

from datetime import date

import pytest

from config.policies import load_policies
from pipeline.policy.country import CountryPolicy
from pipeline.policy.vocabulary import Reason
from workers.simulation.figures import costs, exposure

ON = date(2026, 11, 23)
POLICIES = load_policies()


def policy(country: str) -> CountryPolicy:
    found = POLICIES.for_country(country, ON)
    assert found is not None
    return found


def test_a_message_costs_what_its_countrys_pack_says() -> None:
    found = {one.rule: one for one in costs([policy("US"), policy("BR")], {"US": 200, "BR": 10})}
    assert set(found) == {"us_route_cost", "br_msg_cost"}
    us, br = found["us_route_cost"], found["br_msg_cost"]
    assert us.currency == "USD"
    assert [us.least, us.most] == pytest.approx([1, 2])
    assert br.messages == 10
    assert [br.least, br.most] == pytest.approx([0.3, 0.3])


def test_a_country_without_messages_costs_nothing() -> None:
    assert costs([policy("US")], {"BR": 10}) == []


def test_one_pack_for_several_countries_is_one_figure() -> None:
    stopped = {("ES", Reason.NO_CONSENT): 3, ("PT", Reason.CONSENT_INVALID): 4}
    (found,) = exposure([policy("ES"), policy("PT")], stopped)
    assert (found.rule, found.messages, found.most) == ("eu_fine_general", 7, 20_000_000)
    assert not found.for_all
    assert "4 % of the worldwide annual turnover" in found.note


def test_a_fine_for_one_sort_of_violation_counts_only_its_own() -> None:
    stopped = {("BR", Reason.NO_CONSENT): 3, ("BR", Reason.SENDER_UNREGISTERED): 4}
    found = {one.rule: one for one in exposure([policy("BR")], stopped)}
    assert found["br_fine_unregistered_msg"].messages == 4
    assert found["br_fine_unregistered_msg"].most == 400
    assert found["br_fine_per_infraction"].messages == 7


@pytest.mark.parametrize("reason", [Reason.DUPLICATE, Reason.INVALID_NUMBER, Reason.PAUSED])
def test_what_no_rule_stops_risks_nothing(reason: Reason) -> None:
    assert exposure([policy("US")], {("US", reason): 5}) == []
