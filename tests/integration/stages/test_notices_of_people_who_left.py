"""Notices to people who leave meanwhile, or who have left by their provider's account."""

from datetime import timedelta

import pytest

from pipeline.providers.base import Accepted, Action, Rejected, SendResult
from pipeline.providers.events import DeliveryStatus
from pipeline.stages import notices
from pipeline.stages.notices import NoticeAnswer
from pipeline.store import notices as store
from pipeline.store.notices import Notice
from tests.integration.repliers import Repliers
from tests.integration.world import NOW, World, numbers
from workers.clock import machine_now

PHONE = numbers(1)[0]
MINUTE = timedelta(minutes=1)
MACHINE = machine_now()
_LEFT = Rejected(Action.SUPPRESS, "21610", "unsubscribed", None)


@pytest.fixture
def repliers(world: World) -> Repliers:
    world.sender("us")
    return Repliers(world)


def _take_up(world: World, *ids: int) -> list[Notice]:
    with world.runtime.transaction() as connection:
        return store.take_up(connection, ids, lease=MACHINE)


def _claim(world: World, notice: Notice) -> int | None:
    with world.runtime.transaction() as connection:
        return store.claim(connection, {notice.id: notice.sender_id}, lease=MACHINE).get(notice.id)


def _attempt(world: World, repliers: Repliers, notice_id: int, result: SendResult) -> None:
    (notice,) = _take_up(world, notice_id)
    attempt = _claim(world, notice)
    assert attempt is not None
    answer = NoticeAnswer(
        notice=notice,
        attempt=attempt,
        result=result,
        started=True,
        sent_at=NOW,
        answered_at=NOW + 3 * MINUTE,
    )
    with world.runtime.transaction() as connection:
        notices.record(
            connection,
            [answer],
            accounts=repliers.accounts,
            books=repliers.known.books,
            now=NOW + 3 * MINUTE,
            machine_now=MACHINE,
        )


def _failed(
    world: World, notice_id: int, *, account: str = "sandbox", opted_out: bool = True
) -> bool:
    with world.runtime.transaction() as connection:
        return notices.settle_by_status(
            connection,
            notice_id,
            account=account,
            status=DeliveryStatus.FAILED,
            code="21610",
            provider_id="SM9",
            at=NOW + 4 * MINUTE,
            books=world.runtime.books,
            now=NOW + 4 * MINUTE,
            opted_out=opted_out,
        )


def _listed(world: World) -> list[tuple[str, str]]:
    """Who must not be written to, by which business."""
    rows = world.query(
        """
        SELECT c.phone, s.business FROM suppressions s JOIN contacts c ON c.id = s.contact_id
        WHERE s.lifted_at IS NULL
        """
    )
    return [(row.phone, row.business) for row in rows]


def _welcome(world: World, repliers: Repliers) -> int:
    """STOP, and START a minute later."""
    (contact,) = world.contacts([PHONE])
    world.consent([contact])
    repliers.work(repliers.say(PHONE))
    (welcome,) = repliers.work(repliers.say(PHONE, "START", at=NOW + MINUTE), now=NOW + MINUTE)
    assert _listed(world) == []
    return welcome


def _leave_again(repliers: Repliers) -> None:
    repliers.say(PHONE, at=NOW + 2 * MINUTE)


def _fate(repliers: Repliers, notice_id: int) -> tuple[str, str | None, int]:
    (row,) = [one for one in repliers.notices() if one.id == notice_id]
    return row.state, row.code, row.attempt


def test_a_welcome_does_not_go_out_after_a_later_stop(world: World, repliers: Repliers) -> None:
    welcome = _welcome(world, repliers)
    _leave_again(repliers)
    assert _take_up(world, welcome) == []
    assert _fate(repliers, welcome) == ("failed", "superseded", 0)


def test_nor_when_it_was_taken_up_before_that_stop(world: World, repliers: Repliers) -> None:
    welcome = _welcome(world, repliers)
    (notice,) = _take_up(world, welcome)
    _leave_again(repliers)
    assert _claim(world, notice) is None
    assert _fate(repliers, welcome) == ("failed", "superseded", 0)


def test_leaving_another_business_leaves_the_welcome(world: World, repliers: Repliers) -> None:
    world.sender("other", business="shop")
    welcome = _welcome(world, repliers)
    repliers.say(PHONE, at=NOW + 2 * MINUTE, to="other")
    (notice,) = _take_up(world, welcome)
    assert _claim(world, notice) == 1


@pytest.mark.parametrize("action", [Action.SUPPRESS, Action.SUPPRESS_MARKETING])
def test_who_has_left_by_the_answer_to_help_has_left(
    world: World, repliers: Repliers, action: Action
) -> None:
    (notice,) = repliers.work(repliers.say(PHONE, "HELP"))
    _attempt(world, repliers, notice, Rejected(action, "21610", "unsubscribed", None))
    assert _listed(world) == [(PHONE, "acme")]
    assert [row.confirmation for row in world.query("SELECT * FROM opt_outs")] == ["by_provider"]


def test_who_has_left_by_the_answer_to_a_welcome_has_left(world: World, repliers: Repliers) -> None:
    welcome = _welcome(world, repliers)
    _attempt(world, repliers, welcome, _LEFT)
    assert _listed(world) == [(PHONE, "acme")]
    assert _fate(repliers, welcome) == ("failed", "21610", 1)


def test_who_has_left_by_a_later_report_has_left(world: World, repliers: Repliers) -> None:
    (notice,) = repliers.work(repliers.say(PHONE, "HELP"))
    assert not _failed(world, notice)  # it never left
    _attempt(world, repliers, notice, Accepted("SM9"))
    assert not _failed(world, notice, account="other")
    assert _listed(world) == []
    assert _failed(world, notice)
    assert not _failed(world, notice)
    assert _listed(world) == [(PHONE, "acme")]
    assert [row.confirmation for row in world.query("SELECT * FROM opt_outs")] == ["by_provider"]


def test_a_provider_that_knows_of_the_opt_out_has_told_the_person(
    world: World, repliers: Repliers
) -> None:
    world.sender("us2")
    stop = repliers.say(PHONE)
    (notice,) = repliers.settle(stop).notices
    _attempt(world, repliers, notice, _LEFT)
    (row,) = repliers.notices()
    assert (row.state, repliers.clock(stop).confirmation) == ("failed", "by_provider")


@pytest.mark.parametrize(("opted_out", "confirmation"), [(True, "by_provider"), (False, "failed")])
def test_a_confirmation_that_is_refused_afterwards_is_the_providers_to_give(
    world: World, repliers: Repliers, *, opted_out: bool, confirmation: str
) -> None:
    stop = repliers.say(PHONE)
    (notice,) = repliers.work(stop)
    _attempt(world, repliers, notice, Accepted("SM9"))
    assert _failed(world, notice, opted_out=opted_out)
    assert repliers.clock(stop).confirmation == confirmation
    assert len(world.query("SELECT * FROM opt_outs")) == 1
