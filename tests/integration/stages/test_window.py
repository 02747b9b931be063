"""The window stage over a real database: now, in the person's own time, or when."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pipeline.policy.vocabulary import MessageState
from pipeline.stages import window
from tests.integration.world import NOW, World, numbers

INDIA_OPENS = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
BRAZIL_CLOSES = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)


def _run(world: World, ids: Sequence[int], *, now: datetime = NOW) -> list[int]:
    with world.runtime.transaction() as connection:
        return window.run(connection, ids, books=world.runtime.books, now=now)


def test_open_windows_let_pass_and_closed_ones_defer_to_their_opening(world: World) -> None:
    sao_paulo, mumbai, spain = world.contacts(["+5511987654321", "+919812345678", "+34612345678"])
    people = [sao_paulo, mumbai, spain]
    ids = world.messages(world.campaign(), people, MessageState.CONSENTED, lease_until=NOW)

    ready = _run(world, ids)

    brazil, india, free = (world.row(id_) for id_ in ids)
    assert ready == [brazil.id, free.id]
    assert (brazil.state, brazil.window_closes_at) == ("ready", BRAZIL_CLOSES)
    assert (free.state, free.window_closes_at) == ("ready", None)
    assert (india.state, india.not_before) == ("deferred", INDIA_OPENS)
    assert (india.reason, india.rule) == ("window_closed", "in_window_commercial")
    assert all(row.lease_until is None for row in (brazil, india, free))
    assert world.decisions(india.id) == [("window", "defer", "window_closed")]


def test_a_chunk_that_comes_again_changes_nothing(world: World) -> None:
    people = world.contacts(["+5511987654321", "+919812345678"])
    ids = world.messages(world.campaign(), people, MessageState.CONSENTED)
    _run(world, ids)
    before = world.everything()

    assert _run(world, ids) == []
    assert world.everything() == before


def test_the_zone_that_the_producer_knows_decides(world: World) -> None:
    people = world.contacts(numbers(2))
    campaign = world.campaign()
    ids = [
        *world.messages(campaign, people[:1], MessageState.CONSENTED, timezone="Pacific/Honolulu"),
        *world.messages(campaign, people[1:], MessageState.CONSENTED, timezone="America/New_York"),
    ]

    assert _run(world, ids) == ids[1:]  # in Hawaii it is 06:30
    assert world.row(ids[0]).not_before == datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


def test_a_window_that_opens_too_late_ends_the_message(world: World) -> None:
    (person,) = world.contacts(["+919812345678"])
    ids = [
        *world.messages(
            world.campaign("at the opening", expires_at=INDIA_OPENS),
            [person],
            MessageState.CONSENTED,
        ),
        *world.messages(
            world.campaign("just after", expires_at=INDIA_OPENS + timedelta(seconds=1)),
            [person],
            MessageState.CONSENTED,
        ),
    ]

    assert _run(world, ids) == []
    assert list(world.states(ids).values()) == ["expired", "deferred"]
    assert world.decisions(ids[0]) == [("window", "block", "expired")]


def test_a_campaign_that_starts_later_waits_for_its_start_and_an_open_window(world: World) -> None:
    (person,) = world.contacts(["+5511987654321"])
    starts_open, starts_closed = NOW + timedelta(hours=2), BRAZIL_CLOSES + timedelta(hours=1)
    ids = [
        world.messages(world.campaign(str(at), starts_at=at), [person], MessageState.CONSENTED)[0]
        for at in (starts_open, starts_closed)
    ]

    assert _run(world, ids) == []
    assert [world.row(id_).not_before for id_ in ids] == [
        starts_open,
        datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
    ]
