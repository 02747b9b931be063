"""The demo's cross-check must find what it looks for, or its zeros mean nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from config.languages_file import load_languages
from config.policies import load_policies
from pipeline.policy.vocabulary import MessageState
from pipeline.stages.books import Books
from workers.demo.audit import Audit, audit, business_time
from workers.demo.figures import OptOut, SentMessage
from workers.demo.report import CountryReport, DemoReport, OptOuts, RepliesReport
from workers.sandbox.client import Answer, Taken

START = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
ORIGIN = datetime(2026, 11, 1, tzinfo=UTC)
SPEED = 7200.0
MONDAY_NOON = 10.5  # machine seconds after the origin: 15:00 UTC, noon in São Paulo
BOOKS = Books(load_policies(), words=load_languages().words)

SENT = SentMessage(
    id=1,
    sent_at=START + timedelta(seconds=MONDAY_NOON * SPEED),
    country="BR",
    state="SP",
    zones=("America/Sao_Paulo",),
)


PERSON = "+5511999990001"


def taken(after: float = MONDAY_NOON, message_id: int = 1, to: str = PERSON) -> Taken:
    return Taken(message_id=message_id, to=to, at=ORIGIN.timestamp() + after)


def left(after: float) -> dict[str, Answer]:
    at = ORIGIN.timestamp() + after
    return {PERSON: Answer(status=200, sent_at=at - 0.01, answered_at=at)}


def check(
    log: list[Taken],
    recorded: SentMessage = SENT,
    *,
    left_after: float | None = None,
    confirmation: str = "sent",
) -> Audit:
    wishes = {} if left_after is None else left(left_after)
    return audit(
        log,
        {recorded.id: recorded},
        wishes,
        {phone: OptOut(phone=phone, cancelled=0, confirmation=confirmation) for phone in wishes},
        books=BOOKS,
        business=business_time(START, SPEED, ORIGIN),
    )


def test_a_message_as_it_should_be_passes() -> None:
    found = check([taken()])

    assert (found.taken, found.recorded) == (1, 1)
    assert found.problems() == []


def test_a_message_taken_twice_is_found() -> None:
    assert check([taken(), taken()]).repeated == 1


def test_a_message_that_the_sandbox_never_saw_is_found() -> None:
    assert check([]).untaken == 1


def test_a_message_that_nobody_recorded_is_found() -> None:
    assert check([taken(), taken(message_id=2)]).unrecorded == 1


@pytest.mark.parametrize("after", [1.0, 16.0], ids=["Sunday", "Monday night"])
def test_a_message_outside_its_window_is_found(after: float) -> None:
    assert check([taken(after)]).outside_window == 1


def test_a_request_that_began_outside_is_found_though_it_arrived_inside() -> None:
    assert check([taken()], replace(SENT, sent_at=START)).outside_window == 1


def test_a_message_after_an_opt_out_is_found() -> None:
    assert check([taken()], left_after=MONDAY_NOON - 0.3).after_opt_out == 1
    # Claimed before, and on its way when the opt-out was committed.
    assert check([taken()], left_after=MONDAY_NOON - 0.2).after_opt_out == 0


def test_a_confirmation_is_no_message_of_a_campaign() -> None:
    log = [taken(), taken(MONDAY_NOON + 3.5, message_id=-1)]
    found = check(log, left_after=MONDAY_NOON + 3)

    assert found.problems() == []
    assert (found.taken, found.confirmations) == (1, 1)
    assert found.slowest_confirmation == pytest.approx(0.51, abs=0.001)


@pytest.mark.parametrize(
    ("confirmation", "times", "wrong"),
    [
        ("sent", 0, True),
        ("sent", 1, False),
        ("sent", 2, True),
        ("in_doubt", 0, False),
        ("in_doubt", 1, False),
        ("in_doubt", 2, True),
        ("by_provider", 0, False),
        ("by_provider", 1, True),
    ],
)
def test_everybody_gets_the_confirmations_that_are_due(
    confirmation: str, times: int, wrong: bool
) -> None:
    log = [taken(), *(taken(MONDAY_NOON + 4, -number) for number in range(1, times + 1))]
    found = check(log, left_after=MONDAY_NOON + 3, confirmation=confirmation)
    assert bool(found.problems()) is wrong


def test_an_answer_to_somebody_who_stays_is_no_confirmation() -> None:
    log = [taken(), taken(message_id=-1, to="+5511999990002")]
    assert check(log).confirmations == 0


def country(states: dict[MessageState, int], enqueued: int) -> CountryReport:
    return CountryReport.of(
        "BR",
        states,
        enqueued=enqueued,
        blocked={"no_consent": states.get(MessageState.BLOCKED, 0)},
        deferred_then_sent=0,
    )


def report(
    one: CountryReport,
    *,
    complete: bool = True,
    in_force: bool = True,
    confirmation: str = "sent",
    refused: int = 0,
) -> DemoReport:
    known = {PERSON: OptOut(phone=PERSON, cancelled=0, confirmation=confirmation)}
    return DemoReport(
        countries=(one,),
        opt_outs=OptOuts.of(left(1.0), known if in_force else {}),
        replies=RepliesReport(posted=1, refused=refused, helped=0, held_for_review=0),
        audit=check([taken()]),
        complete=complete,
        seconds=1.0,
        business_hours=2.0,
    )


def test_ends_that_add_up_balance() -> None:
    states = {MessageState.SENT: 2, MessageState.BLOCKED: 1, MessageState.IN_DOUBT: 1}
    found = report(country(states, 4))

    assert found.problems() == []
    assert found.as_dict()["balanced"] is True


@pytest.mark.parametrize(
    "broken",
    [
        report(country({MessageState.SENT: 3}, 4)),
        report(country({MessageState.SENT: 3, MessageState.DEFERRED: 1}, 4)),
        report(replace(country({MessageState.BLOCKED: 4}, 4), blocked={"expired": 3})),
        report(country({MessageState.SENT: 4}, 4), complete=False),
        report(country({MessageState.SENT: 4}, 4), in_force=False),
        report(country({MessageState.SENT: 4}, 4), confirmation="failed"),
        report(country({MessageState.SENT: 4}, 4), refused=1),
    ],
    ids=["lost", "not final", "reasons", "late", "opt-out", "unconfirmed", "refused"],
)
def test_whatever_does_not_add_up_fails_the_run(broken: DemoReport) -> None:
    assert len(broken.problems()) == 1
    assert broken.as_dict()["balanced"] is False
