"""The report on opt-outs over a real database: breaches and sends after force are really found."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from pipeline.policy.vocabulary import Category, MessageState
from pipeline.store import optout_report, suppressions
from pipeline.store.optout_period import Period
from tests.integration.leavers import HOUR, SECOND, Leavers
from tests.integration.world import BUSINESS, NOW, World, numbers
from workers.clock import BusinessClock, machine_now
from workers.reports.optouts import OptOutReport, read_report

LEFT = NOW - timedelta(days=1)
PHONES = numbers(4)


@pytest.fixture
def leavers(world: World) -> Leavers:
    world.sender()
    return Leavers(world)


@pytest.fixture
def people(leavers: Leavers) -> list[int]:
    return leavers.world.contacts(PHONES)


def read(world: World, *, business: str | None = None, now: datetime = NOW) -> OptOutReport:
    period = Period(start=NOW - timedelta(days=30), end=NOW, business=business)
    return read_report(world.runtime, period, now=now)


def sent(world: World, person: int, after: timedelta | None, **columns: Any) -> int:
    """A message of the campaign `us` whose request began so long after the opt-out."""
    campaign = columns.pop("campaign", None) or world.campaign()
    sender = world.sender()
    values = {"sent_at": None if after is None else LEFT + after, "sender_id": sender.id}
    state = columns.pop("state", MessageState.SENT)
    (message,) = world.messages(campaign, [person], state, **(values | columns))
    return message


def violations(world: World) -> list[int]:
    return [message.message_id for message in read(world).violations]


def stage(report: OptOutReport, name: str, country: str | None = None) -> Any:
    return next(one for one in report.times if one.stage == name and one.country == country)


def test_opt_outs_are_counted_from_every_side(leavers: Leavers, people: Sequence[int]) -> None:
    world = leavers.world
    sender = world.sender()
    sent(world, people[3], None, sent_at=LEFT)
    leavers.opt_out(people[0], LEFT, sender_id=sender.id)
    leavers.opt_out(
        people[0],
        LEFT + HOUR,
        sender_id=sender.id,
        repeated=True,
        complaint=True,
        confirmation="repeated",
        confirmed=None,
    )
    leavers.opt_out(
        people[1],
        LEFT,
        country="BR",
        origin="button",
        businesses=["loja", BUSINESS],
        deadline_at=LEFT + 2 * HOUR,
        confirmation="by_provider",
        rule="br_optout_sla",
    )
    leavers.opt_out(people[2], NOW)  # the period ends before it
    leavers.opt_out(people[2], NOW - timedelta(days=31))

    told = read(world).as_json()

    assert told["kept"] is True
    assert (told["opt_outs"], told["people"], told["complaints"], told["repeated"]) == (3, 2, 1, 1)
    counted = {one["business"]: (one["opt_outs"], one["people"]) for one in told["businesses"]}
    assert counted == {BUSINESS: (3, 2), "loja": (1, 1)}
    assert {one["origin"]: one["opt_outs"] for one in told["origins"]} == {"reply": 2, "button": 1}
    countries = {
        one["country"]: (one["deadline_seconds"], one["rules"]) for one in told["countries"]
    }
    assert countries == {"US": (3600, ["us_optout_sla"]), "BR": (7200, ["br_optout_sla"])}
    assert told["confirmations"] == {
        "sent": 1,
        "by_provider": 1,
        "due": 0,
        "failed": 0,
        "in_doubt": 0,
        "repeated": 1,
        "impossible": 0,
    }
    known = {one["sender"]: one for one in told["senders"]}
    # Only the first of the person's two was driven away by a message.
    assert known["us"]["opt_out_rate"] == 1.0
    assert (known["us"]["opt_outs"], known["us"]["complaints"]) == (2, 1)
    assert known[None]["opt_out_rate"] is None


def test_a_business_sees_its_own(leavers: Leavers, people: Sequence[int]) -> None:
    leavers.opt_out(people[0], LEFT)
    leavers.opt_out(people[1], LEFT, businesses=["loja"], force=2 * HOUR)
    leavers.opt_out(people[2], LEFT, businesses=["*"], confirmation="impossible", confirmed=None)

    report = read(leavers.world, business=BUSINESS)

    assert report.kept
    assert report.total is not None
    assert report.total.opt_outs == 2
    assert not read(leavers.world, business="loja").kept


def test_the_times_of_each_stage(leavers: Leavers, people: Sequence[int]) -> None:
    for number in range(1, 100):
        leavers.opt_out(people[0], LEFT, force=number * SECOND / 1000)
    slowest = leavers.opt_out(people[1], LEFT, force=7 * SECOND, country="BR")
    leavers.opt_out(people[1], NOW - SECOND, force=None, confirmed=None)

    report = read(leavers.world)

    force = stage(report, "force")
    assert (force.reached, force.late, force.open) == (100, 0, 1)
    assert (force.p50, force.p99, force.slowest) == (0.05, 0.099, 7.0)
    assert force.slowest_id == slowest
    assert stage(report, "force", "US").slowest == 0.099
    assert stage(report, "cancelled").slowest == 8.0
    assert stage(report, "confirmed").open == 1
    assert report.kept  # what is open has its deadline before it


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"force": HOUR}, []),
        ({"force": HOUR + SECOND}, [("force", "late")]),
        ({"force": None}, [("force", "open")]),
        ({"confirmed": HOUR + SECOND}, [("confirmation", "late")]),
        ({"confirmed": None}, [("confirmation", "open")]),
        ({"confirmed": None, "confirmation": "in_doubt"}, [("confirmation", "open")]),
        ({"confirmed": None, "confirmation": "failed"}, [("confirmation", "open")]),
        ({"confirmed": None, "confirmation": "by_provider"}, []),
        ({"confirmed": None, "confirmation": "impossible"}, []),
        ({"confirmed": None, "confirmation": "repeated"}, []),
        ({"force": None, "confirmed": None}, [("force", "open"), ("confirmation", "open")]),
    ],
)
def test_a_deadline_that_was_broken_is_found(
    leavers: Leavers, people: Sequence[int], changes: Any, expected: list[tuple[str, str]]
) -> None:
    late = leavers.opt_out(people[0], LEFT, **changes)
    leavers.opt_out(people[1], LEFT)

    report = read(leavers.world)

    assert [(one.stage, one.kind) for one in report.breaches] == expected
    assert {one.inbound_id for one in report.breaches} <= {late}
    assert report.kept is (not expected)


def test_an_open_clock_is_no_breach_before_its_deadline(
    leavers: Leavers, people: Sequence[int]
) -> None:
    leavers.opt_out(people[0], LEFT, force=None, confirmed=None)

    assert read(leavers.world, now=LEFT + HOUR).kept
    assert not read(leavers.world, now=LEFT + HOUR + SECOND).kept


def test_numbers_are_masked(leavers: Leavers, people: Sequence[int]) -> None:
    leavers.opt_out(people[0], LEFT, force=2 * HOUR)
    sent(leavers.world, people[0], 3 * HOUR)

    told = read(leavers.world).as_json()

    masked = f"{PHONES[0][:3]}•••••{PHONES[0][-4:]}"
    assert told["breaches"][0]["to"] == masked
    assert told["after_force"]["messages"][0]["to"] == masked
    assert PHONES[0] not in str(told)


def test_a_message_that_left_after_force_is_found(leavers: Leavers, people: Sequence[int]) -> None:
    world = leavers.world
    opt_out = leavers.opt_out(people[0], LEFT, force=SECOND)
    before = sent(world, people[0], SECOND, key="before")
    on_the_wire = sent(world, people[0], 1.25 * SECOND, key="on the wire")
    after = sent(world, people[0], 1.2501 * SECOND, key="after")
    others = sent(world, people[1], HOUR)

    report = read(world)

    assert before != others
    assert [(one.message_id, one.inbound_id) for one in report.violations] == [(after, opt_out)]
    assert [one.message_id for one in report.in_time] == [on_the_wire]
    assert report.largest_gap_ms == 250
    assert not report.kept


def test_a_sped_up_clock_stretches_the_tolerance(leavers: Leavers, people: Sequence[int]) -> None:
    world = leavers.world
    speed = 7200.0
    world.runtime.clock = BusinessClock(start=LEFT, speed=speed, origin=machine_now())
    leavers.opt_out(people[0], LEFT, force=HOUR / 4, confirmed=HOUR / 2)
    sent(world, people[0], HOUR / 4 + 0.249 * speed * SECOND, key="on the wire")
    after = sent(world, people[0], HOUR / 4 + 0.251 * speed * SECOND, key="after")

    report = read(world)

    assert [one.message_id for one in report.violations] == [after]
    assert report.as_json()["after_force"]["messages"][0]["after_ms"] == 251
    assert report.largest_gap_ms == 249


def test_what_an_opt_out_does_not_end_may_leave(leavers: Leavers, people: Sequence[int]) -> None:
    world = leavers.world
    leavers.opt_out(people[0], LEFT)
    order = world.campaign("order", category=Category.TRANSACTIONAL)
    other = world.campaign("other", business="loja")
    news = world.campaign("news", category=Category.PUBLIC_SERVICE)
    sent(world, people[0], HOUR, campaign=order)
    sent(world, people[0], HOUR, campaign=other)
    assert violations(world) == []

    public = sent(world, people[0], HOUR, campaign=news)
    assert violations(world) == [public]

    # The number was another person's: nothing at all may go there.
    leavers.opt_out(people[1], LEFT, scope="number")
    wrong = sent(world, people[1], HOUR, campaign=order)
    assert violations(world) == [public, wrong]

    # Everybody was left.
    leavers.opt_out(people[2], LEFT, businesses=["*"])
    assert len(violations(world)) == 2
    sent(world, people[2], HOUR, campaign=other)
    assert len(violations(world)) == 3


def test_a_person_who_came_back_may_be_written_to(leavers: Leavers, people: Sequence[int]) -> None:
    world = leavers.world
    for person in people:
        leavers.opt_out(person, LEFT)
    messages = [
        sent(world, person, 3 * HOUR, campaign=campaign)
        for campaign in [world.campaign()]
        for person in people
    ]
    assert violations(world) == messages

    granted = {"granted_at": LEFT + HOUR, "confirmed_at": LEFT + HOUR}
    # Recorded after the message had left: it left without it.
    world.consent([people[0]], **granted)
    assert violations(world) == messages
    with world.runtime.transaction() as connection:
        # The ledger is append-only; only a superuser can have time go back in it.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE consent_events SET recorded_at = :at"), {"at": LEFT + HOUR})
    assert violations(world) == messages[1:]
    # An old consent, imported again, brings nobody back.
    world.consent([people[1]], granted_at=LEFT - HOUR)
    assert violations(world) == messages[1:]

    leavers.reply(people[1], LEFT + HOUR, intent="opt_in", scope=None)
    assert violations(world) == messages[2:]
    leavers.reply(people[2], LEFT + 4 * HOUR, intent="opt_in", scope=None)
    assert violations(world) == messages[2:]

    with world.runtime.transaction() as connection:
        suppressions.add(
            connection, [(people[3], BUSINESS, "opt_out", LEFT)], source="reply:x", now=LEFT
        )
    world.execute("UPDATE suppressions SET lifted_at = :at", at=LEFT + 2 * HOUR)
    assert violations(world) == messages[2:3]


def test_a_second_opt_out_binds_again(leavers: Leavers, people: Sequence[int]) -> None:
    world = leavers.world
    leavers.opt_out(people[0], LEFT)
    leavers.reply(people[0], LEFT + HOUR, intent="opt_in", scope=None)
    second = leavers.opt_out(people[0], LEFT + 2 * HOUR)
    sent(world, people[0], 1.5 * HOUR, key="between")
    after = sent(world, people[0], 3 * HOUR, key="after")

    (found,) = read(world).violations
    assert (found.message_id, found.inbound_id) == (after, second)


def test_a_beginning_that_nobody_wrote_down_is_told_apart(
    leavers: Leavers, people: Sequence[int]
) -> None:
    world = leavers.world
    campaign = world.campaign()
    for person in people:
        leavers.opt_out(person, LEFT)
    doubted = sent(world, people[0], None, campaign=campaign, state=MessageState.IN_DOUBT)
    by_status = sent(world, people[1], HOUR, campaign=campaign, state=MessageState.DELIVERED)
    recorded = sent(world, people[2], HOUR, campaign=campaign, state=MessageState.DELIVERED)
    earlier = sent(world, people[3], None, campaign=campaign, state=MessageState.IN_DOUBT)
    decision = "INSERT INTO decisions (message_id, decided_at, stage, outcome, detail) VALUES"
    status = '{"source": "status"}'
    for message, at, name, outcome, detail in (
        (doubted, LEFT + HOUR, "dispatch", "in_doubt", None),
        (by_status, LEFT + HOUR, "delivery", "sent", status),
        (recorded, LEFT + HOUR, "delivery", "delivered", status),
        (recorded, LEFT + HOUR, "delivery", "sent", None),
        (earlier, LEFT - HOUR, "dispatch", "in_doubt", None),
    ):
        world.execute(
            f"{decision} (:id, :at, :stage, :outcome, CAST(:detail AS jsonb))",
            id=message,
            at=at,
            stage=name,
            outcome=outcome,
            detail=detail,
        )

    report = read(world)

    assert [one.message_id for one in report.violations] == [recorded]
    assert [one.message_id for one in report.doubts] == [doubted, by_status]


def test_the_sums_for_alarms(leavers: Leavers, people: Sequence[int]) -> None:
    world = leavers.world
    with world.runtime.transaction() as connection:
        assert optout_report.open_clocks(connection, NOW) == (0, 0, 0, None)
        assert optout_report.reviews_waiting(connection) == (0, None)
        assert optout_report.unhandled(connection) == (0, None)
        assert optout_report.notices_by_state(connection) == {}
    for age, confirmed in ((10, None), (40, None), (70, None), (90, SECOND)):
        leavers.opt_out(people[0], NOW - timedelta(minutes=age), confirmed=confirmed)
    leavers.held(people[1], NOW - HOUR)
    leavers.held(people[1], NOW - 2 * HOUR, handled_at=None)
    unhandled = leavers.reply(people[2], NOW - 3 * HOUR)
    world.execute(
        "INSERT INTO notices (inbound_id, kind, contact_id, business, sender_id, body, state,"
        " created_at) VALUES (:id, 'help', :contact, 'acme', 1, 'x', 'pending', :now)",
        id=unhandled,
        contact=people[2],
        now=NOW,
    )

    with world.runtime.transaction() as connection:
        clocks = optout_report.open_clocks(connection, NOW)
        assert clocks == (3, 2, 1, NOW - timedelta(minutes=70))
        assert optout_report.reviews_waiting(connection) == (2, NOW - 2 * HOUR)
        assert optout_report.unhandled(connection) == (1, NOW - 3 * HOUR)
        assert optout_report.notices_by_state(connection) == {"pending": 1}
