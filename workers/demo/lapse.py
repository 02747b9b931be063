"""The time-lapse itself: enqueue, watch, reply, and account for everything at the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.policy.vocabulary import HANDED_STATES, WAITING_STATES, MessageState, Stage
from pipeline.producer import Producer
from workers.clock import BusinessClock
from workers.demo import figures
from workers.demo.audit import audit, business_time
from workers.demo.people import Kind
from workers.demo.plan import PLANS, CountryPlan
from workers.demo.replying import Replies
from workers.demo.report import CountryReport, DemoReport, OptOuts, RepliesReport
from workers.demo.seed import People
from workers.queues import queue_lengths
from workers.runtime import Runtime
from workers.sandbox import client
from workers.stack.supervisor import Stack

LIMIT_SECONDS = 45.0
"""Machine time after which the demo stops waiting: more than three business days."""

CALLBACK_SECONDS = 3.0
"""How long the last statuses may take."""

TICK_SECONDS = 0.05
LOOK_SECONDS = 0.25
"""How often the opt-outs and how often the counts are looked at."""

States = dict[str, dict[MessageState, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One moment of the demo, as it is shown.

    Attributes:
        now: business time.
        states: country → state → messages.
        per_second: messages sent in the last second of machine time.
        queues: chunks waiting in each queue.
        asked, in_force, confirmed: wishes to leave, those of them that are in force, and those
            that were confirmed to the person.
    """

    now: datetime
    states: States
    per_second: float
    queues: dict[Stage, int]
    asked: int
    in_force: int
    confirmed: int


@dataclass(slots=True)
class Lapse:
    """One run of the demo over a stack that is ready.

    Attributes:
        sandbox_port: where the sandbox listens on this machine.
        show: called with every snapshot.
    """

    stack: Stack
    runtime: Runtime
    people: People
    sandbox_port: int
    show: Callable[[Snapshot], None]
    _replies: Replies = field(init=False)
    _began: float = field(default=0.0, init=False)
    _states: States = field(default_factory=dict, init=False)
    _sent: list[tuple[float, int]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._replies = Replies(self.runtime, self.sandbox_port, self._unreachable().keys())

    def run(self) -> DemoReport:
        """Send everything, wait until every message has come to its end, and report."""
        client.follow_clock(self.sandbox_port, self.runtime.clock)
        client.behave(self.sandbox_port, recipients=self._unreachable())
        self._enqueue()
        self._began = time.monotonic()
        looked_at = 0.0
        complete = False
        while not complete and time.monotonic() - self._began < LIMIT_SECONDS:
            self.stack.tend()
            self._replies.tend(self.runtime.clock.now())
            if time.monotonic() - looked_at >= LOOK_SECONDS:
                looked_at = time.monotonic()
                self._look()
                complete = self._is_over()
            time.sleep(TICK_SECONDS)
        return self._report(complete=complete)

    def _unreachable(self) -> dict[str, int]:
        """Number → the code with which the provider refuses it."""
        return {
            person.to: plan.failing
            for plan in PLANS
            for person in self.people[plan.country]
            if person.kind is Kind.UNREACHABLE
        }

    def _enqueue(self) -> None:
        producer = Producer(self.runtime.redis)
        for plan in PLANS:
            rows = self.people[plan.country]
            producer.send(plan.campaign, (row.row(place) for place, row in enumerate(rows)))

    def _look(self) -> None:
        with self.runtime.transaction() as connection:
            self._states = figures.count_states(connection)
        now = time.monotonic()
        sent = sum(_total(states, HANDED_STATES) for states in self._states.values())
        self._sent = [*(entry for entry in self._sent if entry[0] > now - 1.2), (now, sent)]
        (then, before), span = self._sent[0], now - self._sent[0][0]
        self.show(
            Snapshot(
                now=self.runtime.clock.now(),
                states=self._states,
                per_second=(sent - before) / span if now > then else 0.0,
                queues=queue_lengths(self.runtime.redis),
                asked=len(self._replies.wishes),
                in_force=len(self._replies.in_force),
                confirmed=self._replies.confirmed,
            )
        )

    def _is_over(self) -> bool:
        under_way = WAITING_STATES | {MessageState.SENDING}
        taken_in = all(
            sum(self._states[country].values()) >= len(people)
            for country, people in self.people.items()
        )
        waiting = any(_total(states, under_way) for states in self._states.values())
        return taken_in and not waiting and self._replies.settled()

    def _report(self, *, complete: bool) -> DemoReport:
        clock, replies = self.runtime.clock, self._replies
        seconds = time.monotonic() - self._began
        self._await_callbacks()
        log = client.taken(self.sandbox_port)
        with self.runtime.transaction() as connection:
            states = figures.count_states(connection)
            reasons = figures.count_reasons(connection)
            deferred = figures.count_deferred_then_sent(connection)
            recorded = figures.sent_messages(connection)
            helped, held = figures.other_answers(connection)
        return DemoReport(
            countries=tuple(
                CountryReport.of(
                    plan.country,
                    states[plan.country],
                    enqueued=len(self.people[plan.country]),
                    blocked=reasons[plan.country],
                    deferred_then_sent=deferred.get(plan.country, 0),
                )
                for plan in PLANS
            ),
            opt_outs=OptOuts.of(replies.wishes, replies.in_force),
            replies=RepliesReport(
                posted=replies.posted, refused=replies.failed, helped=helped, held_for_review=held
            ),
            audit=audit(
                log,
                recorded,
                replies.wishes,
                replies.in_force,
                books=self.runtime.books,
                business=_business_of(clock),
            ),
            complete=complete,
            seconds=seconds,
            business_hours=clock.span(seconds).total_seconds() / 3600,
            restarts=self.stack.restarts,
        )

    def _await_callbacks(self) -> None:
        """The last messages' statuses are still on their way."""
        deadline = time.monotonic() + CALLBACK_SECONDS
        while client.callbacks_waiting(self.sandbox_port) and time.monotonic() < deadline:
            self.stack.tend()
            time.sleep(TICK_SECONDS)


def _total(states: dict[MessageState, int], members: frozenset[MessageState]) -> int:
    return sum(states.get(state, 0) for state in members)


def _business_of(clock: BusinessClock) -> Callable[[float], datetime]:
    if clock.start is None or clock.origin is None:
        raise ValueError("the demo's clock has no start")
    return business_time(clock.start, clock.speed, clock.origin)


def plan_of(country: str) -> CountryPlan:
    """The plan of a country."""
    return next(plan for plan in PLANS if plan.country == country)
