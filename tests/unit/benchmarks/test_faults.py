"""The verdict sees every kind of broken promise; the page names every scenario."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.faults.bench import MOST_RUNS, batches, draw
from benchmarks.faults.evidence import Evidence, MessageRow
from benchmarks.faults.scenarios import ALL
from benchmarks.faults.scenarios.kills import AT
from benchmarks.faults.verdict import Expected, Verdict, judge
from benchmarks.traffic import Request
from config.languages_file import load_languages
from config.policies import load_policies
from pipeline.stages.books import Books
from workers.faultpoints import FaultPoint

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC).timestamp()
"""A Monday in New York."""

NIGHT = NOON + 12 * 3600
PHONE = "+12125550123"

SENT = MessageRow(
    id=1,
    state="sent",
    phone=PHONE,
    country="US",
    subdivision=None,
    zones=("America/New_York",),
    contact_id=7,
)


@pytest.fixture(scope="module")
def books() -> Books:
    return Books(load_policies(), words=load_languages().words)


def _request(at: float = NOON, message_id: int = 1, *, taken: bool = True) -> Request:
    return Request(at, message_id, PHONE, taken)


def _evidence(
    messages: Sequence[MessageRow] = (SENT,),
    requests: Sequence[Request] = (_request(),),
    *,
    doubts: Mapping[int, str] | None = None,
    opt_outs: Mapping[str, float] | None = None,
    notices: Mapping[int, int] | None = None,
    leases: int = 0,
    dead_letters: int = 0,
) -> Evidence:
    return Evidence(
        messages={message.id: message for message in messages},
        requests=requests,
        notices=notices or {},
        doubts=doubts or {},
        opt_outs=opt_outs or {},
        leases=leases,
        dead_letters=dead_letters,
        business=lambda at: datetime.fromtimestamp(at, UTC),
    )


def _judge(evidence: Evidence, books: Books, **expected: bool) -> Verdict:
    return judge(evidence, Expected(enqueued=len(evidence.messages), **expected), books)


def test_a_sound_campaign_has_no_problems(books: Books) -> None:
    doubt = replace(SENT, id=2, state="in_doubt", contact_id=8)
    evidence = _evidence(
        [SENT, doubt],
        [_request(), _request(message_id=2)],
        doubts={1: "delivery", 2: "dispatch"},
        opt_outs={PHONE: NOON - 0.2},
    )

    verdict = _judge(evidence, books)

    assert not verdict.problems
    assert (verdict.lost, verdict.doubled, verdict.in_doubt, verdict.settled) == (0, 0, 1, 1)
    assert verdict.late_milliseconds == pytest.approx(200, abs=1)


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (_evidence(requests=[]), "never taken"),
        (_evidence(requests=[_request(taken=False)]), "never taken"),
        (_evidence(requests=[_request(), _request(NOON + 1)]), "more than once"),
        (_evidence(notices={-3: 2}), "more than once"),
        (_evidence([replace(SENT, state="failed")]), "neither sent nor in doubt"),
        (_evidence([replace(SENT, state="ready")], []), "nobody does it"),
        (_evidence(leases=1), "held"),
        (_evidence(opt_outs={PHONE: NOON - 0.3}), "300 ms after an opt-out"),
        (_evidence(requests=[_request(NIGHT)]), "outside of their window"),
        (_evidence(dead_letters=1), "set aside"),
        (_evidence([replace(SENT, state="in_doubt")], [], doubts={1: "delivery"}), "in doubt"),
    ],
    ids=[
        "never asked for",
        "refused and recorded as sent",
        "sent twice",
        "confirmed twice",
        "taken and recorded as failed",
        "stuck",
        "held",
        "after an opt-out",
        "at night",
        "set aside",
        "doubted for nothing",
    ],
)
def test_a_broken_promise_is_told(evidence: Evidence, words: str, books: Books) -> None:
    (problem,) = _judge(evidence, books).problems

    assert words in problem


def test_a_message_without_a_row_is_lost(books: Books) -> None:
    verdict = judge(_evidence(), Expected(enqueued=3), books)

    assert verdict.lost == 2
    assert verdict.problems == ["2 messages have no row"]


def test_a_fourth_message_in_a_month_is_over_the_cap(books: Books) -> None:
    sent = [replace(SENT, id=number) for number in range(1, 5)]
    requests = [_request(NOON + number, number) for number in range(1, 5)]

    assert not _judge(_evidence(sent[:3], requests[:3]), books).problems
    (problem,) = _judge(_evidence(sent, requests), books).problems
    assert "cap" in problem
    # One more, six weeks later, makes it no better.
    weeks = NOON + 42 * 24 * 3600
    later = _evidence([*sent, replace(SENT, id=5)], [*requests, _request(weeks, 5)])
    (problem,) = _judge(later, books).problems
    assert "cap" in problem


def test_where_nobody_was_killed_even_a_settled_doubt_is_one_too_many(books: Books) -> None:
    evidence = _evidence(doubts={1: "delivery"})

    assert not _judge(evidence, books).problems
    (problem,) = _judge(evidence, books, may_doubt=False).problems
    assert "in doubt" in problem


def test_the_page_names_every_scenario_with_what_it_breaks() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", PAGE.read_text(), re.MULTILINE)

    assert dict(rows) == {name: scenario.breaks for name, scenario in ALL.items()}


def test_processes_are_killed_at_every_place() -> None:
    assert {point for _, point in AT} == set(FaultPoint)


def test_a_stack_is_shared_by_those_who_leave_it_as_it_was() -> None:
    draws = list(draw(3 * len(ALL), seed=5, only=None))

    shares = list(batches(draws))

    assert sorted(seed for _, share in shares for _, seed in share) == [seed for _, seed in draws]
    for staging, share in shares:
        scenarios = [scenario for scenario, _ in share]
        assert len(scenarios) <= (MOST_RUNS if staging is None else 1)
        assert {scenario.staging for scenario in scenarios} == {staging}
        assert not any(scenario.is_last for scenario in scenarios[:-1])


def test_every_scenario_comes_before_one_comes_again() -> None:
    drawn = [scenario.name for scenario, _ in draw(2 * len(ALL), seed=5, only=None)]

    assert set(drawn[: len(ALL)]) == set(drawn[len(ALL) :]) == set(ALL)
    assert drawn != sorted(drawn)
