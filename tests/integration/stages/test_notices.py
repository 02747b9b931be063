"""Notices over a real database: what an attempt, or a provider's report, makes of them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import Accepted, Action, Ambiguous, Rejected, SendResult
from pipeline.providers.events import DeliveryStatus, Person
from pipeline.stages import notices
from pipeline.stages.notices import LONGEST_PAUSE, MOST_ATTEMPTS, NoticeAnswer
from pipeline.store import notices as store
from pipeline.store.notices import Notice
from tests.integration.repliers import SECOND, Repliers
from tests.integration.world import NOW, World, numbers
from workers.clock import machine_now

PHONE = numbers(1)[0]
MINUTE = timedelta(minutes=1)
MACHINE = machine_now()


@pytest.fixture
def repliers(world: World) -> Repliers:
    world.sender("us")
    return Repliers(world)


def _take_up(world: World, *ids: int) -> list[Notice]:
    with world.runtime.transaction() as connection:
        return store.take_up(connection, ids, lease=MACHINE + 15 * SECOND)


def _claim(world: World, notice: Notice) -> int | None:
    with world.runtime.transaction() as connection:
        lease = MACHINE + 90 * SECOND
        attempts = store.claim(connection, {notice.id: notice.sender_id}, lease=lease)
        return attempts.get(notice.id)


def _attempt(
    world: World,
    repliers: Repliers,
    notice_id: int,
    result: SendResult | None,
    *,
    started: bool = True,
) -> None:
    """Claim, and record what the provider is to have said."""
    (notice,) = _take_up(world, notice_id)
    attempt = _claim(world, notice)
    assert attempt is not None
    answer = NoticeAnswer(
        notice=notice,
        attempt=attempt,
        result=result,
        started=started,
        sent_at=NOW if started else None,
        answered_at=NOW + SECOND,
    )
    with world.runtime.transaction() as connection:
        _record(connection, repliers, answer)


def _record(connection: Connection, repliers: Repliers, answer: NoticeAnswer) -> set[int]:
    return notices.record(
        connection,
        [answer],
        accounts=repliers.accounts,
        books=repliers.known.books,
        now=NOW,
        machine_now=MACHINE,
    )


def _status(
    world: World,
    notice_id: int,
    status: DeliveryStatus,
    *,
    account: str = "sandbox",
    opted_out: bool = False,
) -> bool:
    with world.runtime.transaction() as connection:
        return notices.settle_by_status(
            connection,
            notice_id,
            account=account,
            status=status,
            code="30003" if status is DeliveryStatus.FAILED else None,
            provider_id="SM9",
            at=NOW + MINUTE,
            books=world.runtime.books,
            now=NOW + MINUTE,
            opted_out=opted_out,
        )


def _refused(action: Action, *, retry_after: float | None = None) -> Rejected:
    return Rejected(action, "1", "no", retry_after)


def test_what_was_accepted_is_confirmed(world: World, repliers: Repliers) -> None:
    stop = repliers.say(PHONE)
    (notice,) = repliers.settle(stop).notices

    _attempt(world, repliers, notice, Accepted("SM7"))

    (row,) = repliers.notices()
    assert (row.state, row.provider_id, row.sent_at, row.lease_until) == ("sent", "SM7", NOW, None)
    clock = repliers.clock(stop)
    assert (clock.confirmation, clock.confirmed_at) == ("sent", NOW + SECOND)
    assert _take_up(world, notice) == []


def test_a_notice_is_claimed_once(world: World, repliers: Repliers) -> None:
    (notice_id,) = repliers.settle(repliers.say(PHONE)).notices
    (notice,) = _take_up(world, notice_id)
    assert (_claim(world, notice), _claim(world, notice)) == (1, None)


@pytest.mark.parametrize("result", [Ambiguous("lost", "20500"), None])
def test_an_answer_that_is_lost_leaves_it_in_doubt(
    world: World, repliers: Repliers, result: SendResult | None
) -> None:
    stop = repliers.say(PHONE)
    (notice,) = repliers.settle(stop).notices
    _attempt(world, repliers, notice, result)
    assert (repliers.notices()[0].state, repliers.clock(stop).confirmation) == (
        "in_doubt",
        "in_doubt",
    )
    assert _take_up(world, notice) == []


@pytest.mark.parametrize("status", [DeliveryStatus.SENT, DeliveryStatus.DELIVERED])
def test_a_report_settles_the_doubt(
    world: World, repliers: Repliers, status: DeliveryStatus
) -> None:
    stop = repliers.say(PHONE)
    (notice,) = repliers.settle(stop).notices
    _attempt(world, repliers, notice, Ambiguous("lost"))

    assert not _status(world, notice, status, account="other")
    assert repliers.clock(stop).confirmation == "in_doubt"
    assert _status(world, notice, status)
    assert not _status(world, notice, status)

    (row,) = repliers.notices()
    assert (row.state, row.provider_id) == ("sent", "SM9")
    assert (row.delivered_at is not None) is (status is DeliveryStatus.DELIVERED)
    assert repliers.clock(stop).confirmation == "sent"


def test_reports_move_it_forward_only(world: World, repliers: Repliers) -> None:
    stop = repliers.say(PHONE)
    (notice,) = repliers.settle(stop).notices
    assert not _status(world, notice, DeliveryStatus.DELIVERED)  # it never left
    _attempt(world, repliers, notice, Accepted("SM7"))
    assert not _status(world, notice, DeliveryStatus.SENT)
    assert _status(world, notice, DeliveryStatus.DELIVERED)
    assert not _status(world, notice, DeliveryStatus.FAILED)
    assert repliers.clock(stop).confirmation == "sent"
    assert repliers.clock(stop).confirmed_at == NOW + SECOND


def test_a_failure_that_is_reported_afterwards_counts(world: World, repliers: Repliers) -> None:
    stop = repliers.say(PHONE)
    (notice,) = repliers.settle(stop).notices
    _attempt(world, repliers, notice, Accepted("SM7"))
    assert _status(world, notice, DeliveryStatus.FAILED)
    assert (repliers.notices()[0].code, repliers.clock(stop).confirmation) == ("30003", "failed")


@pytest.mark.parametrize(
    ("status", "result", "confirmation"),
    [
        (DeliveryStatus.DELIVERED, Ambiguous("lost"), "sent"),
        (DeliveryStatus.FAILED, Accepted("SM9"), "failed"),
    ],
)
def test_a_report_that_overtakes_the_answer_is_kept(
    world: World,
    repliers: Repliers,
    status: DeliveryStatus,
    result: SendResult,
    confirmation: str,
) -> None:
    stop = repliers.say(PHONE)
    (notice_id,) = repliers.settle(stop).notices
    (notice,) = _take_up(world, notice_id)
    attempt = _claim(world, notice)
    assert attempt == 1
    assert _status(world, notice_id, status)
    answer = NoticeAnswer(
        notice=notice,
        attempt=attempt,
        result=result,
        started=True,
        sent_at=NOW,
        answered_at=NOW,
    )
    with world.runtime.transaction() as connection:
        recorded = _record(connection, repliers, answer)
    assert recorded == set()
    assert repliers.clock(stop).confirmation == confirmation


@pytest.mark.parametrize(
    ("retry_after", "shortest", "longest"),
    [(None, 0.25, 0.5), (3.0, 3.0, 3.0), (86_400.0, LONGEST_PAUSE, LONGEST_PAUSE)],
)
def test_a_refusal_that_allows_it_is_tried_again_after_a_pause(
    world: World, repliers: Repliers, retry_after: float | None, shortest: float, longest: float
) -> None:
    stop = repliers.say(PHONE)
    (notice,) = repliers.settle(stop).notices
    _attempt(world, repliers, notice, _refused(Action.RETRY_LATER, retry_after=retry_after))
    (row,) = repliers.notices()
    assert (row.state, row.attempt, row.code) == ("pending", 1, "1")
    assert shortest <= (row.lease_until - MACHINE).total_seconds() <= longest
    assert repliers.clock(stop).confirmation == "due"


def test_in_the_end_it_has_failed(world: World, repliers: Repliers) -> None:
    stop = repliers.say(PHONE)
    (notice,) = repliers.settle(stop).notices
    world.execute("UPDATE notices SET attempt = :most", most=MOST_ATTEMPTS - 1)
    _attempt(world, repliers, notice, _refused(Action.RETRY_LATER))
    assert (repliers.notices()[0].state, repliers.clock(stop).confirmation) == ("failed", "failed")


def test_what_was_not_started_waits_and_is_free_at_once(world: World, repliers: Repliers) -> None:
    (notice,) = repliers.settle(repliers.say(PHONE)).notices
    _attempt(world, repliers, notice, None, started=False)
    (row,) = repliers.notices()
    assert (row.state, row.lease_until, row.sent_at) == ("pending", None, None)


def test_a_final_refusal_moves_it_from_sender_to_sender_and_then_fails(
    world: World, repliers: Repliers
) -> None:
    senders = [world.sender(code).id for code in ("us", "us2", "us3", "us4")]
    stop = repliers.say(PHONE)
    (notice,) = repliers.settle(stop).notices
    tried = []
    for _ in range(3):
        tried.append(repliers.notices()[0].sender_id)
        _attempt(world, repliers, notice, _refused(Action.FAIL))
    assert tried == senders[:3]
    assert (repliers.notices()[0].state, repliers.clock(stop).confirmation) == ("failed", "failed")


@pytest.mark.parametrize("action", [Action.HALT_SENDER, Action.HALT_ACCOUNT])
def test_a_halted_sender_is_halted_for_campaigns_too(
    world: World, repliers: Repliers, action: Action
) -> None:
    other = world.sender("us2", provider="other")
    world.sender("us3", business="shop", provider="Sandbox")  # one account, however it is written
    (notice,) = repliers.settle(repliers.say(PHONE)).notices
    _attempt(world, repliers, notice, _refused(action))
    states = {row.code: row.state for row in world.query("SELECT code, state FROM senders")}
    account_too = "suspended" if action is Action.HALT_ACCOUNT else "active"
    assert states == {"us": "suspended", "us2": "active", "us3": account_too}
    (row,) = repliers.notices()
    assert (row.state, row.sender_id, row.lease_until) == ("pending", other.id, None)


def test_a_halted_sender_without_another_is_tried_again(world: World, repliers: Repliers) -> None:
    (notice,) = repliers.settle(repliers.say(PHONE)).notices
    _attempt(world, repliers, notice, _refused(Action.HALT_SENDER))
    (row,) = repliers.notices()
    assert row.state == "pending"
    assert row.lease_until > MACHINE


def test_an_account_that_is_not_in_our_settings_suspends_nobody(
    world: World, repliers: Repliers
) -> None:
    (notice,) = repliers.settle(repliers.say(PHONE)).notices
    _attempt(world, repliers, notice, notices.unusable("no account"), started=False)
    assert [row.state for row in world.query("SELECT state FROM senders")] == ["active"]


def test_a_person_whose_number_was_erased_meanwhile_gets_nothing(
    world: World, repliers: Repliers
) -> None:
    stop = repliers.say(PHONE)
    (notice,) = repliers.settle(stop).notices
    world.execute("UPDATE contacts SET phone = NULL")
    assert _take_up(world, notice) == []
    (row,) = repliers.notices()
    assert (row.state, row.code, repliers.clock(stop).confirmation) == (
        "failed",
        "unsendable",
        "failed",
    )


def test_a_person_known_by_an_id_alone_is_written_to_by_it(
    world: World, repliers: Repliers
) -> None:
    world.sender("wa", channel=Channel.WHATSAPP)
    person = Person(phone=None, user_id="US.9000000000000000001")
    stop = repliers.say(PHONE, to="wa", channel=Channel.WHATSAPP, person=person)
    (notice_id,) = repliers.settle(stop).notices
    (notice,) = _take_up(world, notice_id)
    message = notices.compose(notice)
    assert (message.to, message.user_id) == ("", "US.9000000000000000001")


def test_the_message_is_the_notices_and_nothing_else(world: World, repliers: Repliers) -> None:
    (notice_id,) = repliers.settle(repliers.say(PHONE)).notices
    (notice,) = _take_up(world, notice_id)
    message = notices.compose(replace(notice, attempt=7))
    assert (message.message_id, message.to, message.body) == (notice_id, PHONE, notice.body)
    assert (message.attempt, message.validity_seconds, message.template) == (1, None, None)
    assert notice_id < 0
