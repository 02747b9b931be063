"""The demo's recipients are the same in every run, and as good or bad as they say."""

import pytest

from pipeline.policy.decision import Block
from pipeline.policy.numbers import read_number
from workers.demo.people import Kind, invent_people
from workers.demo.plan import PLANS, CountryPlan


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.country)
def test_people_are_of_their_country_and_each_is_there_once(plan: CountryPlan) -> None:
    people = invent_people(plan)

    assert people == invent_people(plan)
    assert len({person.to for person in people}) == plan.people
    for person in people:
        read = read_number(person.to)
        if person.kind is Kind.INVALID:
            assert isinstance(read, Block)
        else:
            assert read == person.number
            assert person.number is not None
            assert person.number.country == plan.country


def test_every_kind_of_person_occurs_in_every_country() -> None:
    for plan in PLANS:
        assert {person.kind for person in invent_people(plan)} == set(Kind)
