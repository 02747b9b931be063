"""A notice that fails late: what its code says of the sender holds, as a message's does."""

from datetime import timedelta

import pytest

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import Action, Rejected
from pipeline.providers.events import DeliveryStatus, StatusReport
from pipeline.stages import receive
from pipeline.stages.receive import Arrival, Effect, Taken
from tests.integration.repliers import Repliers
from tests.integration.stages.test_receive import lexicon
from tests.integration.world import NOW, World, numbers

SUSPENDED = Rejected(Action.HALT_SENDER, "30034", "not registered", None)


@pytest.fixture
def repliers(world: World) -> Repliers:
    world.sender("us")
    return Repliers(world)


@pytest.fixture
def notice(world: World, repliers: Repliers) -> int:
    """A confirmation that its provider has taken."""
    (notice_id,) = repliers.settle(repliers.say(numbers(1)[0])).notices
    world.execute("UPDATE notices SET state = 'sent', attempt = 1, provider_id = 'SM9'")
    return notice_id


def _fail(world: World, notice_id: int, *, account: str = "sandbox", known: bool = True) -> Taken:
    event = StatusReport(
        provider_id="SM9",
        message_id=notice_id,
        channel=Channel.SMS,
        status=DeliveryStatus.FAILED,
        code=SUSPENDED.code if known else "98765",
        halts=SUSPENDED if known else None,
        known=known,
    )
    now = NOW + timedelta(minutes=5)
    arrival = Arrival(account=account, event=event, received_at=now)
    with world.runtime.transaction() as connection:
        (taken,) = receive.take(
            connection,
            [arrival],
            books=world.runtime.books,
            lexicon=lexicon(),
            now=now,
            lease=now,
        )
    return taken


def _sender(world: World) -> str:
    return str(world.query("SELECT state FROM senders")[0].state)


def test_a_code_that_halts_the_sender_halts_it(world: World, notice: int) -> None:
    assert _fail(world, notice).effect is Effect.STATUS
    assert _sender(world) == "suspended"


def test_told_again_it_halts_nothing_anew(world: World, notice: int) -> None:
    _fail(world, notice)
    world.execute("UPDATE senders SET state = 'active'")
    assert _fail(world, notice).effect is Effect.STATUS_OLD
    assert _sender(world) == "active"


def test_another_account_halts_nothing(world: World, notice: int) -> None:
    assert _fail(world, notice, account="other").effect is Effect.STATUS_OLD
    assert _sender(world) == "active"


def test_a_code_that_nobody_knows_is_counted(world: World, notice: int) -> None:
    _fail(world, notice, known=False)
    (row,) = world.query("SELECT account, code FROM unknown_codes")
    assert (row.account, row.code) == ("sandbox", "98765")
