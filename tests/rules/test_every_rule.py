"""Every rule that decides about a message: one case at least that passes, and one that fails."""

from datetime import UTC
from pathlib import Path

import pytest

from config.policies import ENFORCED_KINDS, load_policies
from tests.rules.cases import CASES
from tests.rules.changes import Case
from tests.rules.elsewhere import ELSEWHERE
from tests.rules.paper import paper

PROJECT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("country", ["US", "BR", "IN", "PE", "ES"])
def test_the_world_on_paper_lets_its_message_go(country: str, tmp_path: Path) -> None:
    (answer,) = paper(country).simulate(tmp_path)
    assert answer.verdict == ("send", None, None)
    assert not {check["rule"] for check in answer.told["checks"] if check["outcome"] == "warn"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_rule_allows_passes(case: Case, tmp_path: Path) -> None:
    world = paper(case.country)
    if case.passing is not None:
        case.passing(world)
    answer = world.simulate(tmp_path)[-1]
    assert answer.verdict == ("send", None, None)
    assert answer.outcomes(case.rule) == (set() if case.quiet else {"pass"})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_rule_forbids_does_not(case: Case, tmp_path: Path) -> None:
    world = paper(case.country)
    case.failing(world)
    answer = world.simulate(tmp_path)[-1]
    if case.outcome == "warn":
        assert answer.verdict == ("send", None, None)
        assert answer.outcomes(case.rule) == {"warn"}
        return
    assert answer.verdict[:2] == (case.outcome, case.reason)
    assert answer.verdict[2] == ((case.told or None) if case.told is not None else case.rule)
    if case.until is not None:
        assert answer.not_before == (world.at + case.until).astimezone(UTC)


def test_no_rule_is_enforced_without_a_test() -> None:
    enforced = {
        rule.id
        for pack in load_policies().packs()
        for rule in pack.rules
        if rule.kind in ENFORCED_KINDS
    }
    tested = {case.rule for case in CASES}
    assert enforced == tested | ELSEWHERE.keys()


@pytest.mark.parametrize("place", sorted(set(ELSEWHERE.values())))
def test_a_test_that_is_elsewhere_is_there(place: str) -> None:
    file, _, name = place.partition("::")
    assert f"def {name}(" in (PROJECT / file).read_text(encoding="utf-8")
