"""`recado indoubt` over what the lane writes to people: confirmations and other answers."""

import json
import subprocess
from collections.abc import Callable
from datetime import timedelta

import pytest

from pipeline.providers.base import Accepted, Action, Ambiguous, Rejected, SendResult
from pipeline.stages import notices
from pipeline.stages.notices import NoticeAnswer
from pipeline.store import notice_evidence
from pipeline.store import notices as store
from tests.integration.repliers import SECOND, Repliers
from tests.integration.world import World, numbers
from workers.clock import machine_now
from workers.reports.masks import mask_number

Recado = Callable[..., "subprocess.CompletedProcess[str]"]

PHONES = numbers(2)
WHY = ("--reason", "their console", "--by", "ana")
HOUR = timedelta(hours=1)


@pytest.fixture
def repliers(world: World) -> Repliers:
    world.sender("us")
    return Repliers(world)


def _claimed(repliers: Repliers, reply: int) -> tuple[store.Notice, int]:
    """The answer to a reply, in the hands of a worker whose lease has run out."""
    (id_,) = repliers.work(reply, now=machine_now())
    lapsed = machine_now() - SECOND
    with repliers.world.runtime.transaction() as connection:
        (notice,) = store.take_up(connection, [id_], lease=lapsed)
        attempts = store.claim(connection, {id_: notice.sender_id}, lease=lapsed)
    return notice, attempts[id_]


def _lost(repliers: Repliers, reply: int) -> int:
    """The answer to a reply, in doubt since its worker was killed; its id."""
    notice, _ = _claimed(repliers, reply)
    with repliers.world.runtime.transaction() as connection:
        assert notice_evidence.doubt_lapsed(connection, machine_now=machine_now(), most=9) == 1
    return notice.id


def _unanswered(repliers: Repliers, reply: int) -> int:
    """The answer to a reply, in doubt for an hour since its provider's answer was lost; its id."""
    notice, attempt = _claimed(repliers, reply)
    assert _answer(repliers, notice, attempt, Ambiguous("cut off", "20500")) == {notice.id}
    return notice.id


def _answer(repliers: Repliers, notice: store.Notice, attempt: int, result: SendResult) -> set[int]:
    """What the provider said to a request of an hour ago; the notices that it moved."""
    now = machine_now()
    answer = NoticeAnswer(
        notice=notice,
        attempt=attempt,
        result=result,
        started=True,
        sent_at=now - HOUR,
        answered_at=now,
    )
    with repliers.world.runtime.transaction() as connection:
        return notices.record(
            connection,
            [answer],
            accounts=repliers.accounts,
            books=repliers.known.books,
            now=now,
            machine_now=now,
        )


def _waiting(world: World) -> list[int]:
    """What a dispatcher brings to the lane."""
    now = machine_now()
    with world.runtime.transaction() as connection:
        return notice_evidence.renew_lapsed(
            connection, machine_now=now, lease=now + 60 * SECOND, most=9
        )


def _delivered(world: World, notice: int) -> bool:
    with world.runtime.transaction() as connection:
        return notice_evidence.note_arrival(
            connection,
            notice,
            account="sandbox",
            provider_id="SM9",
            arrived=True,
            at=machine_now(),
        )


def test_notices_are_listed_beside_messages(recado: Recado, repliers: Repliers) -> None:
    stop = repliers.say(PHONES[0], at=machine_now())
    lost = _lost(repliers, stop)
    helped = _unanswered(repliers, repliers.say(PHONES[1], "HELP", at=machine_now()))

    unanswered, killed = json.loads(recado("indoubt", "list", "--json").stdout)

    assert (killed["kind"], killed["id"], killed["reply"]) == ("confirmation", lost, stop)
    assert (unanswered["kind"], unanswered["id"]) == ("help", helped)
    expected = {"campaign": None, "sender": "us", "account": "sandbox", "attempt": 1}
    assert expected.items() <= killed.items()
    assert (killed["explanation"], unanswered["explanation"]) == (None, "20500")
    assert (killed["to"], killed["business"]) == (mask_number(PHONES[0]), "acme")
    assert killed["deadline_at"]
    assert unanswered["deadline_at"] is None
    assert unanswered["age_seconds"] >= HOUR.total_seconds() > killed["age_seconds"]

    text = recado("indoubt", "list").stdout
    assert f"--notice {lost}  since " in text
    assert text.endswith("2 shown, 2 in doubt in all, 2 of them notices\n")
    assert not any(phone in text for phone in PHONES)


def test_a_filter_holds_for_notices_too(recado: Recado, repliers: Repliers) -> None:
    world = repliers.world
    world.sender("other")
    world.campaign("offers")
    _lost(repliers, repliers.say(PHONES[0], at=machine_now()))
    old = _unanswered(repliers, repliers.say(PHONES[1], at=machine_now()))

    def ids(*options: str) -> list[int]:
        return [
            one["id"] for one in json.loads(recado("indoubt", "list", "--json", *options).stdout)
        ]

    assert len(ids("--sender", "us")) == 2
    assert ids("--sender", "other") == ids("--campaign", "offers") == []
    assert ids("--older-than", "30") == ids("--most", "1") == [old]


def test_a_notice_that_was_sent_stops_its_clock(recado: Recado, repliers: Repliers) -> None:
    stop = repliers.say(PHONES[0], at=machine_now())
    notice = _lost(repliers, stop)
    call = ("indoubt", "settle", "--notice", str(notice), "--sent", "--provider-id", "SM7", *WHY)

    done = recado(*call, "--json")

    assert json.loads(done.stdout) == {"as": "sent", "settled": 1, "by": "ana"}
    (row,) = repliers.notices()
    assert (row.state, row.provider_id, row.lease_until) == ("sent", "SM7", None)
    clock = repliers.clock(stop)
    assert (clock.confirmation, clock.confirmed_at) == ("sent", row.sent_at)
    assert row.sent_at is not None
    trail = json.loads(recado("audit", "list", "--subject", "us", "--json").stdout)
    assert [(one["action"], one["actor"], one["reason"], one["detail"]) for one in trail] == [
        ("doubts_settled", "ana", "their console", {"as": "sent", "notices": [notice]})
    ]

    before = repliers.everything()
    again = recado(*call)
    assert (again.returncode, again.stdout) == (1, "0 settled as sent by ana\n")
    assert "1 were not in doubt" in again.stderr
    assert repliers.everything() == before


def test_the_request_tells_when_a_notice_was_sent(recado: Recado, repliers: Repliers) -> None:
    stop = repliers.say(PHONES[0], at=machine_now())
    notice = _unanswered(repliers, stop)
    (before,) = repliers.notices()
    assert recado("indoubt", "settle", "--notice", str(notice), "--sent", *WHY).returncode == 0
    assert repliers.clock(stop).confirmed_at == before.sent_at


def test_what_was_never_sent_has_failed_and_a_status_still_wins(
    recado: Recado, repliers: Repliers
) -> None:
    stop = repliers.say(PHONES[0], at=machine_now())
    notice = _unanswered(repliers, stop)
    assert recado("indoubt", "settle", "--notice", str(notice), "--unsent", *WHY).returncode == 0
    assert [row.state for row in repliers.notices()] == ["failed"]
    assert repliers.clock(stop).confirmation == "failed"
    assert _waiting(repliers.world) == []

    assert _delivered(repliers.world, notice)
    assert repliers.clock(stop).confirmation == "sent"


@pytest.mark.parametrize("settled_as", ["--again", "--unsent"])
def test_an_acceptance_that_comes_after_the_operator_counts(
    recado: Recado, repliers: Repliers, settled_as: str
) -> None:
    world = repliers.world
    stop = repliers.say(PHONES[0], at=machine_now())
    notice, attempt = _claimed(repliers, stop)  # and its worker is frozen, not killed
    with world.runtime.transaction() as connection:
        assert notice_evidence.doubt_lapsed(connection, machine_now=machine_now(), most=9) == 1
    call = ("indoubt", "settle", "--notice", str(notice.id), settled_as, *WHY)
    assert recado(*call).returncode == 0
    with world.runtime.transaction() as connection:  # another lane has it in hand
        store.take_up(connection, [notice.id], lease=machine_now())

    for other in (Ambiguous("cut off"), Rejected(Action.FAIL, "1", "no", None)):
        assert _answer(repliers, notice, attempt, other) == set()
    assert _answer(repliers, notice, attempt, Accepted("SM7")) == {notice.id}

    (row,) = repliers.notices()
    assert (row.state, row.provider_id, row.attempt) == ("sent", "SM7", 1)
    clock = repliers.clock(stop)
    assert clock.confirmation == "sent"
    assert clock.confirmed_at > row.sent_at
    with world.runtime.transaction() as connection:
        assert not store.claim(connection, {notice.id: notice.sender_id}, lease=machine_now())
    assert _waiting(world) == []


def test_an_acceptance_of_the_attempt_before_does_not_end_the_next(
    recado: Recado, repliers: Repliers
) -> None:
    notice, attempt = _claimed(repliers, repliers.say(PHONES[0], at=machine_now()))
    lease = machine_now() + HOUR
    with repliers.world.runtime.transaction() as connection:
        assert notice_evidence.doubt_lapsed(connection, machine_now=machine_now(), most=9) == 1
    call = ("indoubt", "settle", "--notice", str(notice.id), "--again", *WHY)
    assert recado(*call).returncode == 0
    with repliers.world.runtime.transaction() as connection:
        store.claim(connection, {notice.id: notice.sender_id}, lease=lease)

    assert _answer(repliers, notice, attempt, Accepted("SM7")) == set()

    (row,) = repliers.notices()
    assert (row.state, row.attempt, row.lease_until) == ("sending", 2, lease)


def test_only_an_operator_has_a_notice_sent_again(recado: Recado, repliers: Repliers) -> None:
    world = repliers.world
    stops, lost = [], []
    for phone in PHONES:
        stops.append(repliers.say(phone, at=machine_now()))
        lost.append(_lost(repliers, stops[-1]))
    first, second = lost
    assert _waiting(world) == []

    done = recado("indoubt", "settle", "--notice", str(first), "--again", *WHY)

    assert done.stdout == "1 settled as again by ana\n"
    assert _waiting(world) == [first]
    assert [repliers.clock(stop).confirmation for stop in stops] == ["due", "in_doubt"]
    with world.runtime.transaction() as connection:
        (notice,) = store.take_up(connection, [first, second], lease=machine_now())
        attempts = store.claim(connection, {first: notice.sender_id}, lease=machine_now())
    assert attempts == {first: 2}


def test_who_has_come_back_is_not_told_that_they_have_left(
    recado: Recado, repliers: Repliers
) -> None:
    notice = _lost(repliers, repliers.say(PHONES[0], at=machine_now()))
    repliers.world.execute("UPDATE suppressions SET lifted_at = :now", now=machine_now())

    done = recado("indoubt", "settle", "--notice", str(notice), "--again", *WHY)

    assert (done.returncode, done.stdout) == (1, "0 settled as again by ana\n")
    assert "somebody who has come back" in done.stderr
    assert [row.state for row in repliers.notices()] == ["in_doubt"]
    assert recado("indoubt", "settle", "--notice", str(notice), "--sent", *WHY).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--notice", "1", "--sent"),
        ("--notice", "-1", "1", "--sent"),
        ("--notice", "-1", "--sender", "us", "--sent"),
        ("--notice", "-1", "--older-than", "5", "--sent"),
        ("--notice", "-1"),
        ("--notice", "-1", "--unsent", "--provider-id", "SM7"),
        ("--notice", "-1", "--notice", "-2", "--sent", "--provider-id", "SM7"),
        ("1", "--sent", "--provider-id", "SM7"),
    ],
    ids=" ".join,
)
def test_what_is_no_settlement_of_a_notice_is_refused(
    recado: Recado, repliers: Repliers, arguments: tuple[str, ...]
) -> None:
    _lost(repliers, repliers.say(PHONES[0], at=machine_now()))
    assert recado("indoubt", "settle", *arguments, *WHY).returncode == 2
    assert [row.state for row in repliers.notices()] == ["in_doubt"]
