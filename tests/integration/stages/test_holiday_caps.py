"""India's lower cap on public holidays, in the throttle stage and in the claim."""

from datetime import UTC, datetime, timedelta

from pipeline.policy.vocabulary import MessageState
from pipeline.stages import throttle
from tests.integration.world import BUSINESS, World, numbers

GANDHI = datetime(2026, 10, 2, 6, tzinfo=UTC)
"""The second of October, half past eleven in India."""

MIDNIGHT = datetime(2026, 10, 2, 18, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _ready(world: World, *hours_ago: int) -> int:
    """A ready message to a person who got others so many hours ago."""
    sender = world.sender("in", country="IN")
    (person,) = world.contacts(numbers(1, "IN"))
    world.execute(
        "INSERT INTO frequency_use VALUES (:person, :business, 'marketing+public_service',"
        " CAST(:sent AS timestamptz[]), ARRAY[3], ARRAY[CAST(:since AS timestamptz)])",
        person=person,
        business=BUSINESS,
        sent=[GANDHI - hours * HOUR for hours in hours_ago],
        since=GANDHI - 24 * HOUR,
    )
    campaign = world.campaign("in")
    (message,) = world.messages(campaign, [person], MessageState.READY, sender_id=sender.id)
    return message


def _throttle(world: World, message: int, now: datetime) -> bool:
    with world.runtime.transaction() as connection:
        return throttle.run(connection, [message], books=world.runtime.books, now=now) == [message]


def test_on_a_holiday_the_second_message_waits_for_the_holidays_end(world: World) -> None:
    message = _ready(world, 1)

    assert world.claim([message], now=GANDHI) == []
    assert not _throttle(world, message, GANDHI)

    row = world.row(message)
    assert (row.state, row.reason, row.rule) == (
        "deferred",
        "frequency_cap",
        "in_holiday_reduce_freq",
    )
    assert row.not_before == MIDNIGHT


def test_the_ordinary_cap_may_last_longer_than_the_holiday(world: World) -> None:
    message = _ready(world, 1, 2, 3)
    assert not _throttle(world, message, GANDHI)
    assert world.row(message).not_before == GANDHI + 21 * HOUR


def test_after_the_holiday_three_are_allowed_again(world: World) -> None:
    message = _ready(world, 1)
    assert _throttle(world, message, MIDNIGHT)
    assert world.claim([message], now=MIDNIGHT) == [message]
