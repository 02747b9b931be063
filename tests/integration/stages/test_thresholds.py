"""Senders above a threshold, over a real database: suspended, banned, lifted."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.policy.sender import SenderState
from pipeline.policy.thresholds import Standing
from pipeline.policy.vocabulary import MessageState
from pipeline.stages import suspensions, thresholds
from pipeline.stages.suspensions import Cause
from pipeline.stages.thresholds import Watched
from pipeline.store import sender_counts, senders
from pipeline.store.senders import Sender
from tests.integration.leavers import Leavers
from tests.integration.world import NOW, World, numbers
from workers.inputs.load import SenderLoader

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
INDIAN = {
    "kind": "dlt",
    "status": "approved",
    "approved_at": "2026-01-01T00:00:00+00:00",
    "pan": "AAAPL1234C",
    "address_proof": "bill",
    "director_id": "7",
    "header": "ACMEIN",
    "number_bound": True,
}


@dataclass
class Register:
    """What senders brought about, and what the watch makes of it."""

    leavers: Leavers
    _people: list[int] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.leavers.world

    def sent(
        self, sender: Sender, messages: int, *, at: datetime = NOW - DAY, violations: int = 0
    ) -> None:
        with self.world.runtime.transaction() as connection:
            sender_counts.count(
                connection,
                sent={sender.id: messages},
                violations={sender.id: violations},
                now=at,
            )

    def left(
        self, sender: Sender, people: int, *, at: datetime = NOW - HOUR, **columns: Any
    ) -> None:
        """Opt-outs that the sender received, of people who were never heard of before."""
        known = len(self._people)
        self._people = self.world.contacts(numbers(known + people))
        for person in self._people[known:]:
            self.leavers.opt_out(
                person,
                at,
                sender_id=sender.id,
                **({"complaint": False} | columns),
            )

    def watch(self, now: datetime = NOW) -> Watched:
        with self.world.runtime.transaction() as connection:
            return thresholds.watch(connection, books=self.world.runtime.books, now=now)

    def suspended(self, now: datetime = NOW) -> list[tuple[str, str]]:
        """(sender, rule) of those whom one look suspends."""
        return [(one.sender.code, one.rule) for one in self.watch(now).suspended]

    def lift(self, sender: Sender, now: datetime = NOW) -> bool:
        with self.world.runtime.transaction() as connection:
            return suspensions.lift(connection, sender, actor="ana", reason="mended", now=now)

    def states(self) -> dict[str, str]:
        return {row.code: row.state for row in self.world.query("SELECT code, state FROM senders")}

    def trail(self) -> list[tuple[str, str, str | None]]:
        rows = self.world.query("SELECT action, subject, rule FROM audit_events ORDER BY id")
        return [(row.action, row.subject, row.rule) for row in rows]


@pytest.fixture
def register(world: World) -> Register:
    return Register(Leavers(world))


def test_opt_outs_above_the_rate_suspend_once_and_say_what_was_seen(register: Register) -> None:
    sender, other = register.world.sender(), register.world.sender("us-2")
    register.sent(sender, 1000)
    register.sent(other, 1000)
    register.left(sender, 6)
    register.left(other, 5)

    assert register.suspended() == [("us", "us_optout_rate")]
    assert register.suspended() == []

    assert register.states() == {"us": "suspended", "us-2": "active"}
    (event,) = register.world.query("SELECT * FROM audit_events")
    saw = "opt-out rate 0.6 % of 1,000 messages in 7 days, limit 0.5 %"
    assert (event.actor, event.reason, event.occurred_at) == ("dispatch", saw, NOW)
    assert event.policy.startswith("US-")
    assert event.detail == {
        "cause": "threshold",
        "business": "acme",
        "country": "US",
        "measure": "opt_out_rate",
        "counted": 6,
        "sample": 1000,
        "limit": 0.5,
        "days": 7,
    }
    (row,) = register.world.query("SELECT state_reason FROM senders WHERE code = 'us'")
    assert row.state_reason == saw


def test_a_suspended_senders_messages_wait_and_go_on_once_it_is_lifted(register: Register) -> None:
    world = register.world
    sender = world.sender()
    (message,) = world.messages(
        world.campaign(),
        world.contacts(numbers(1, seed=3)),
        MessageState.READY,
        sender_id=sender.id,
    )
    register.sent(sender, 1000)
    register.left(sender, 6)
    register.watch()

    assert world.claim([message]) == []
    assert world.row(message).state == "ready"

    register.lift(sender)
    assert world.claim([message]) == [message]


@pytest.mark.parametrize(
    ("at", "columns"),
    [
        (NOW - 7 * DAY, {}),  # past the period
        (NOW - HOUR, {"repeated": True}),  # they had left already
    ],
)
def test_what_does_not_count(register: Register, at: datetime, columns: dict[str, Any]) -> None:
    sender = register.world.sender()
    register.sent(sender, 1000)
    register.left(sender, 5)
    register.left(sender, 50, at=at, **columns)
    assert register.suspended() == []
    register.left(sender, 1)
    assert register.suspended() == [("us", "us_optout_rate")]


def test_messages_count_for_seven_days_by_the_whole_hour(register: Register) -> None:
    sender = register.world.sender()
    register.sent(sender, 1000, at=NOW - 7 * DAY + MINUTE)  # in the hour that the period cuts
    register.left(sender, 6)
    watched = register.watch()
    assert watched.suspended == []
    assert [verdict.sample for _, verdict in watched.near] == [0]

    register.sent(sender, 1000, at=NOW - 7 * DAY + 30 * MINUTE)  # the first whole one
    assert register.suspended() == [("us", "us_optout_rate")]


def test_violations_warn_before_they_suspend(register: Register) -> None:
    sender = register.world.sender()
    register.sent(sender, 1000, violations=20)
    watched = register.watch()
    assert watched.suspended == []
    ((_, verdict),) = watched.near
    assert (verdict.threshold.rule, verdict.standing) == ("us_noncompliance_rate", Standing.NEAR)

    register.sent(sender, 0, violations=1)
    assert register.suspended() == [("us", "us_noncompliance_rate")]


def test_the_fourth_complaint_in_thirty_days_suspends_a_brazilian_sender(
    register: Register,
) -> None:
    sender = register.world.sender("br", country="BR", registration=None)
    register.left(sender, 1, at=NOW - 30 * DAY, complaint=True)
    register.left(sender, 3, at=NOW - 30 * DAY + MINUTE, complaint=True)
    register.left(sender, 20)
    assert register.suspended() == []
    register.left(sender, 1, complaint=True)
    assert register.suspended() == [("br", "br_complaints_blacklist")]


def test_after_a_lift_what_was_before_counts_no_more(register: Register) -> None:
    sender = register.world.sender()
    register.sent(sender, 2000, at=NOW, violations=50)
    register.left(sender, 15)
    assert register.suspended() == [("us", "us_noncompliance_rate")]
    (stored,) = _stored(register, "us")

    assert register.lift(stored)
    assert not register.lift(stored)
    assert register.suspended(NOW + MINUTE) == []

    # In the hour of the lift: what comes afterwards counts to the last message.
    register.sent(sender, 1000, at=NOW + MINUTE, violations=20)
    assert register.suspended(NOW + MINUTE) == []
    register.sent(sender, 0, at=NOW + MINUTE, violations=1)
    assert register.suspended(NOW + MINUTE) == [("us", "us_noncompliance_rate")]
    assert [action for action, _, _ in register.trail()] == [
        "sender_suspended",
        "sender_lifted",
        "sender_suspended",
    ]


def _indians(register: Register, *codes: str, **changes: Any) -> Sequence[Sender]:
    return [
        register.world.sender(code, country="IN", registration=INDIAN, **changes) for code in codes
    ]


def _complained(register: Register, sender: Sender, at: datetime) -> None:
    register.sent(sender, 1000, at=at + HOUR)
    register.left(sender, 6, at=at + MINUTE, complaint=True)


def _stored(register: Register, *codes: str) -> list[Sender]:
    with register.world.runtime.transaction() as connection:
        return senders.select_senders(connection, codes=codes)


def test_a_second_offence_in_india_takes_every_sender_of_the_business(register: Register) -> None:
    first, second, third = _indians(register, "in-1", "in-2", "in-3")
    _indians(register, "stranger", business="other")
    register.world.sender()
    _complained(register, first, NOW - DAY)
    assert register.suspended() == [("in-1", "in_complaint_rate")]
    assert register.states()["in-2"] == "active"

    years = NOW + 365 * 4 * DAY
    _complained(register, second, years - DAY)
    assert register.suspended(years) == [
        ("in-2", "in_complaint_rate"),
        ("in-3", "in_repeat_ban"),
    ]
    assert {c for c, s in register.states().items() if s == "active"} == {"stranger", "us"}

    # One that is imported later is the business's too; one that a person has lifted stays so.
    (stored,) = _stored(register, "in-3")
    register.lift(stored, now=years)
    _indians(register, "in-4")
    assert register.suspended(years) == [("in-4", "in_repeat_ban")]
    assert third.code in {c for c, s in register.states().items() if s == "active"}


def test_an_offence_of_long_ago_is_forgotten(register: Register) -> None:
    first, second, _ = _indians(register, "in-1", "in-2", "in-3")
    _complained(register, first, NOW - DAY)
    register.watch()
    later = NOW + 365 * 5 * DAY + 2 * DAY
    _complained(register, second, later - DAY)
    assert register.suspended(later) == [("in-2", "in_complaint_rate")]


def test_an_operators_suspension_is_no_offence(register: Register) -> None:
    indians = _indians(register, "in-1", "in-2", "in-3")
    with register.world.runtime.transaction() as connection:
        done = suspensions.suspend(
            connection, indians[:2], cause=Cause.OPERATOR, actor="ana", reason="a test", now=NOW
        )
    assert [one.code for one in done] == ["in-1", "in-2"]
    assert register.suspended() == []
    assert register.states()["in-3"] == "active"


def test_a_file_suspends_and_never_lifts(register: Register) -> None:
    world = register.world
    sender = world.sender()
    loader = SenderLoader(by="ana", remarks=[])
    suspended = replace(sender, state=SenderState.SUSPENDED)

    assert loader.load(world.runtime, [suspended]) == 1
    assert loader.load(world.runtime, [suspended]) == 0
    assert loader.remarks == []
    assert loader.load(world.runtime, [replace(sender, rate_per_second=7.0)]) == 1

    (row,) = world.query("SELECT * FROM senders")
    assert (row.state, row.state_reason) == ("suspended", "its file has it suspended")
    assert row.rate_per_second == 7.0
    (remark,) = loader.remarks
    assert remark.startswith("us stays suspended (its file has it suspended)")
    assert register.trail() == [("sender_suspended", "us", None)]


def test_a_new_sender_may_come_suspended(register: Register) -> None:
    loader = SenderLoader(by="ana", remarks=[])
    sender = register.world.sender()
    new = replace(sender, code="new", state=SenderState.SUSPENDED)
    assert loader.load(register.world.runtime, [new]) == 1
    assert register.states() == {"us": "active", "new": "suspended"}
    assert register.trail() == [("sender_suspended", "new", None)]
