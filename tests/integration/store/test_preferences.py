"""What people prefer narrows what they get, from the moment at which they say so."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

import pytest

from pipeline.policy.preferences import Preference, WeeklyHours
from pipeline.policy.vocabulary import Category, Channel, MessageState
from pipeline.stages import consent, window
from pipeline.store import preferences
from tests.integration.world import BUSINESS, NOW, World, numbers

MADRID = "+34612345678"
"""May be on the Canary Islands as well, an hour behind."""

EVENINGS: WeeklyHours = tuple((day, ((time(19), time(21)),)) for day in range(7))
WISH = Preference(channels=frozenset({Channel.SMS}), topics=frozenset({"offers"}), hours=EVENINGS)
RULE = "gl_respect_preferences_on_schedule"


def _keep(
    world: World, wishes: Mapping[tuple[int, str], Preference], *, now: datetime = NOW
) -> set[tuple[int, str]]:
    with world.runtime.transaction() as connection:
        return preferences.keep(connection, wishes, now=now)


def _window(world: World, ids: list[int], *, now: datetime = NOW) -> list[int]:
    with world.runtime.transaction() as connection:
        return window.run(connection, ids, books=world.runtime.books, now=now)


def test_wishes_are_kept_changed_and_taken_back(world: World) -> None:
    ana, bruno = world.contacts(numbers(2))
    both = {(ana, BUSINESS): WISH, (bruno, BUSINESS): Preference(channels=WISH.channels)}
    assert _keep(world, both) == set(both)
    assert _keep(world, both, now=NOW + timedelta(days=1)) == set()

    with world.runtime.transaction() as connection:
        assert preferences.of(connection, [ana, bruno], BUSINESS)[ana] == WISH
        assert preferences.of(connection, [ana], "other") == {}

    changed = both | {(ana, BUSINESS): Preference(hours=EVENINGS), (bruno, BUSINESS): Preference()}
    assert _keep(world, changed) == set(both)
    assert _keep(world, changed) == set()
    with world.runtime.transaction() as connection:
        found = preferences.of(connection, [ana, bruno], BUSINESS)
    assert found == {ana: Preference(hours=EVENINGS)}


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (Preference(channels=frozenset({Channel.WHATSAPP})), "channel_not_allowed"),
        (Preference(topics=frozenset({"news"})), "topic_mismatch"),
    ],
)
def test_another_channel_or_topic_is_blocked_unless_it_is_transactional(
    world: World, wish: Preference, reason: str
) -> None:
    world.sender("es", country="ES", registration=None)
    (person,) = world.contacts([MADRID])
    world.consent([person])
    _keep(world, {(person, BUSINESS): wish})
    texts = {"body": "Acme: 15% off until 30/12. Reply STOP to opt out."}
    (offer,) = world.messages(world.campaign(**texts), [person], MessageState.ACCEPTED)
    service = world.campaign("otp", category=Category.TRANSACTIONAL, body="Acme: your code is 1.")
    (code,) = world.messages(service, [person], MessageState.ACCEPTED)

    with world.runtime.transaction() as connection:
        consent.run(connection, [offer, code], books=world.runtime.books, now=NOW, lease=NOW)

    assert (world.row(offer).reason, world.row(offer).rule) == (reason, RULE)
    assert world.row(code).state == "consented"


def test_the_hours_that_a_person_wants_hold_in_every_zone_where_they_may_be(world: World) -> None:
    person, other = world.contacts([MADRID, "+34612345679"])
    _keep(world, {(person, BUSINESS): WISH})
    ids = world.messages(world.campaign(), [person, other], MessageState.CONSENTED)
    service = world.campaign("otp", category=Category.TRANSACTIONAL)
    ids += world.messages(service, [person], MessageState.CONSENTED)

    assert _window(world, ids) == ids[1:]  # 17:30 in Madrid
    waiting = world.row(ids[0])
    assert (waiting.reason, waiting.rule) == ("window_closed", RULE)
    opens = datetime(2026, 11, 23, 19, tzinfo=UTC)  # 20:00 in Madrid, 19:00 in Las Palmas
    assert waiting.not_before == opens

    (again,) = world.messages(world.campaign("b"), [person], MessageState.CONSENTED)
    assert _window(world, [again], now=opens) == [again]
    assert world.row(again).window_closes_at == datetime(2026, 11, 23, 20, tzinfo=UTC)


def test_hours_that_the_countrys_window_never_meets_are_no_common_window(world: World) -> None:
    (person,) = world.contacts(["+5511987654321"])
    sundays: WeeklyHours = ((6, ((time(9), time(20)),)),)
    _keep(world, {(person, BUSINESS): Preference(hours=sundays)})
    ids = world.messages(world.campaign(), [person], MessageState.CONSENTED)

    assert _window(world, ids) == []
    assert (world.row(ids[0]).reason, world.row(ids[0]).rule) == ("no_common_window", RULE)


def test_what_waits_is_decided_again_when_the_wish_changes(world: World) -> None:
    sender = world.sender()
    (person,) = world.contacts([MADRID])
    campaign = world.campaign()
    (ready,) = world.messages(campaign, [person], MessageState.READY, sender_id=sender.id)
    later = NOW + timedelta(hours=3)
    (waiting,) = world.messages(
        world.campaign("b"),
        [person],
        MessageState.DEFERRED,
        reason="window_closed",
        not_before=later,
    )
    (capped,) = world.messages(
        world.campaign("c"),
        [person],
        MessageState.DEFERRED,
        reason="frequency_cap",
        not_before=later,
    )
    service = world.campaign("otp", category=Category.TRANSACTIONAL)
    (code,) = world.messages(service, [person], MessageState.READY, sender_id=sender.id)

    _keep(world, {(person, "other"): WISH})
    assert world.row(ready).state == "ready"
    _keep(world, {(person, BUSINESS): WISH})

    assert [(world.row(one).state, world.row(one).not_before) for one in (ready, waiting)] == [
        ("deferred", NOW),
        ("deferred", NOW),
    ]
    assert world.row(capped).not_before == later
    assert world.row(code).state == "ready"
