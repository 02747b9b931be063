"""The life of messages as a state machine: what may happen to them, in any order.

The rules call the real functions over the real store; beside them stands a model of the world
outside: what the provider took, who has left, which campaigns may send.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy.engine import Row

from pipeline.policy.vocabulary import CampaignState, MessageState
from pipeline.providers.base import Accepted, Action, Ambiguous, Rejected, SendResult
from pipeline.stages import answers, consent, delivery, intake, throttle, window
from pipeline.stages.attempts import Answer
from pipeline.stages.delivery import Claimed
from pipeline.stages.intake import Chunk
from pipeline.store import campaigns, claims, due, endings, recovery, statuses, suppressions
from pipeline.store.statuses import Progress
from tests.integration.world import BUSINESS, NOW, World, directory_of, numbers

PEOPLE = 3
CAMPAIGNS = 5
"""More than the cap of the United States lets one person have in a month."""

CAP = 3
LEASE = timedelta(seconds=60)
SAFE = timedelta(seconds=0.2)

_phones = iter(numbers(20_000, seed=11))

FORWARD = {
    "accepted": {"consented", "deferred", "blocked", "expired", "cancelled", "failed"},
    "consented": {"ready", "deferred", "blocked", "expired", "cancelled", "failed"},
    "deferred": {"accepted", "expired", "cancelled"},
    "ready": {"sending", "deferred", "blocked", "expired", "cancelled", "failed"},
    "sending": {"sent", "failed", "in_doubt", "ready", "deferred", "delivered", "undelivered"},
    "in_doubt": {"sent", "failed", "ready", "deferred", "delivered", "undelivered"},
    "sent": {"delivered", "undelivered"},
}
"""What a message may become; a provider's word may besides turn any waiting or failed one into a
sent one, and an answer that was late may give back one that was in doubt."""

TOLD = {"sent", "delivered", "undelivered"}


@dataclass(slots=True)
class Attempt:
    """One claim in somebody's hands.

    Attributes:
        requested: whether its request has left.
        result: what the provider said; None: nothing yet, or nothing ever.
    """

    claimed: Claimed
    requested: bool = False
    result: SendResult | None = None


class Life(RuleBasedStateMachine):
    """See the module. `world` is set by the test."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.machine = NOW
        self.enqueued: set[tuple[int, int]] = set()
        self.attempts: list[Attempt] = []
        self.recorded: list[Attempt] = []
        self.taken: Counter[int] = Counter()
        self.left: set[int] = set()
        self.stopped: set[int] = set()
        self.before: dict[int, str] = {}
        self.asked: set[int] = set()

    @initialize()
    def furnish(self) -> None:
        """People of their own, and campaigns to them, of which the last one ends soon."""
        number = next(_numbers)
        # An account of its own, too: what one example is refused must not slow the next one.
        account = f"life-{number}"
        self.sender = self.world.sender(account, provider=account, rate_per_second=1000.0)
        self.campaigns = [
            self.world.campaign(
                f"life-{number}-{place}",
                sender_code=self.sender.code,
                expires_at=NOW + (timedelta(hours=2) if place == 0 else timedelta(days=20)),
            )
            for place in range(CAMPAIGNS)
        ]
        self.phones = [next(_phones) for _ in range(PEOPLE)]
        self.people = self.world.contacts(self.phones)
        self.world.consent(self.people)
        for place in range(CAMPAIGNS - 1):
            self.take_in(place, set(range(PEOPLE)))
        self.move_on()

    @property
    def ids(self) -> list[int]:
        return sorted(self.before)

    @rule(place=st.integers(0, CAMPAIGNS - 1), who=st.sets(st.integers(0, PEOPLE - 1), min_size=1))
    def take_in(self, place: int, who: set[int]) -> None:
        """A chunk, perhaps for the second time."""
        chunk = Chunk(
            campaign=self.campaigns[place].code, rows=[{"to": self.phones[one]} for one in who]
        )
        with self.world.runtime.transaction() as connection:
            intake.run(connection, [chunk], now=self.now, lease=self.machine + LEASE)
        self.enqueued |= {(place, one) for one in who}

    @rule()
    def decide_consent(self) -> None:
        """All ids, as a chunk that comes twice or too late brings them."""
        with self.world.runtime.transaction() as connection:
            books, lease = self.world.runtime.books, self.machine + LEASE
            consent.run(connection, self.ids, books=books, now=self.now, lease=lease)

    @rule()
    def decide_window(self) -> None:
        with self.world.runtime.transaction() as connection:
            window.run(connection, self.ids, books=self.world.runtime.books, now=self.now)

    @rule(amount=st.integers(1, 10))
    def hand_out(self, amount: int) -> None:
        with self.world.runtime.transaction() as connection:
            pairs, lease = due.ready_pairs(connection), self.machine + LEASE
            ids = list(due.hand_out(connection, pairs, {self.sender.id: amount}, lease=lease))
        with self.world.runtime.transaction() as connection:
            throttle.run(connection, ids, books=self.world.runtime.books, now=self.now)

    @rule()
    def move_on(self) -> None:
        """What happens when nothing goes wrong, up to the pool of ready ones."""
        for step in (self.release, self.decide_consent, self.decide_window):
            step()
            self.every_step_is_allowed()

    @rule()
    def claim(self) -> None:
        with self.world.runtime.transaction() as connection:
            parcels = claims.load(connection, self.ids)
            claimed = delivery.claim(
                connection,
                parcels,
                directory=directory_of(connection, parcels),
                books=self.world.runtime.books,
                now=self.now,
                safe_until=self.now + SAFE,
                lease=self.machine + LEASE,
            )
        for one in claimed:
            assert one.parcel.contact_id not in self.left, "claimed after an opt-out"
            assert one.parcel.campaign_id not in self.stopped, "claimed of a stopped campaign"
            assert not self.taken[one.parcel.id], "claimed what the provider had taken"
            self.attempts.append(Attempt(one))

    @precondition(lambda self: any(not one.requested for one in self.attempts))
    @rule(data=st.data(), taken=st.booleans(), heard=st.booleans())
    def request(self, data: st.DataObject, *, taken: bool, heard: bool) -> None:
        """A request leaves; the provider takes it or not, and is heard or not."""
        attempt = data.draw(st.sampled_from([one for one in self.attempts if not one.requested]))
        attempt.requested = True
        id_ = attempt.claimed.parcel.id
        self.asked.add(id_)
        if taken:
            self.taken[id_] += 1
            assert self.taken[id_] == 1, "sent twice"
            attempt.result = Accepted(f"SM{id_}") if heard else Ambiguous("nothing came")
        else:
            action = data.draw(st.sampled_from([Action.RETRY_LATER, Action.FAIL]))
            attempt.result = (
                Rejected(action, "1", "no", None) if heard else Ambiguous("nothing came")
            )

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def record(self, data: st.DataObject) -> None:
        """Answers are written, however late; what was not begun is given back."""
        attempt = data.draw(st.sampled_from(self.attempts))
        self.attempts.remove(attempt)
        self._record([attempt])
        self.recorded.append(attempt)

    @precondition(lambda self: self.recorded)
    @rule(data=st.data())
    def record_again(self, data: st.DataObject) -> None:
        """PostgreSQL had written it, and went away before it said so."""
        self._record([data.draw(st.sampled_from(self.recorded))])

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        """The worker ends; what it has heard is lost."""
        attempt = data.draw(st.sampled_from(self.attempts))
        self.attempts.remove(attempt)
        self.asked.add(attempt.claimed.parcel.id)  # nobody knows that its request had not left

    @rule()
    def lapse(self) -> None:
        """Leases run out. Whoever held one may still be alive, and come back with an answer."""
        self.machine += 2 * LEASE
        for attempt in self.attempts:
            if not attempt.requested:
                # Its claim is too old to start a request; only its answer may come.
                attempt.requested, self.asked = True, self.asked | {attempt.claimed.parcel.id}
        self._recover()

    @rule(
        data=st.data(),
        state=st.sampled_from(
            [MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED]
        ),
    )
    @precondition(lambda self: self.taken)
    def hear(self, data: st.DataObject, state: MessageState) -> None:
        """A status of something that the provider has taken, in any order, perhaps again."""
        id_ = data.draw(st.sampled_from(sorted(self.taken)))
        told = Progress(
            message_id=id_,
            state=state,
            label=state.value,
            provider_id=f"SM{id_}",
            at=self.now,
            delivered_at=self.now if state is MessageState.DELIVERED else None,
        )
        with self.world.runtime.transaction() as connection:
            statuses.advance(connection, [told], now=self.now)

    @rule(who=st.integers(0, PEOPLE - 1))
    def leave(self, who: int) -> None:
        with self.world.runtime.transaction() as connection:
            entry = (self.people[who], BUSINESS, "opt_out", self.now)
            suppressions.add(connection, [entry], source="test", now=self.now)
        self.left.add(self.people[who])

    @rule(place=st.integers(0, CAMPAIGNS - 1), state=st.sampled_from(list(CampaignState)[:3]))
    def change_campaign(self, place: int, state: CampaignState) -> None:
        """Pause, resume or cancel; a cancelled one stays cancelled."""
        campaign = self.campaigns[place]
        with self.world.runtime.transaction() as connection:
            campaigns.set_state(connection, campaign.code, state, reason=None, now=self.now)
            (found,) = campaigns.by_codes(connection, [campaign.code]).values()
        change = self.stopped.discard if found.state is CampaignState.ACTIVE else self.stopped.add
        change(campaign.id)

    @rule(minutes=st.sampled_from([1, 60, 12 * 60]))
    def wait(self, minutes: int) -> None:
        """Business time goes on."""
        self.now += timedelta(minutes=minutes)

    @rule()
    def end_campaigns(self) -> None:
        with self.world.runtime.transaction() as connection:
            endings.sweep_ended(connection, now=self.now, most=1000)

    @rule()
    def close_windows(self) -> None:
        with self.world.runtime.transaction() as connection:
            due.close_windows(connection, now=self.now, most=1000)

    @rule()
    def release(self) -> None:
        with self.world.runtime.transaction() as connection:
            due.release(connection, now=self.now, lease=self.machine + LEASE, most=1000)

    @invariant()
    def every_step_is_allowed(self) -> None:
        """And what is in doubt was asked for, what is sent was taken, and nothing is missing."""
        if not hasattr(self, "campaigns"):
            return
        rows = self._rows()
        states = {row.id: row.state for row in rows}
        for id_, state in states.items():
            before = self.before.get(id_, state)
            allowed = FORWARD.get(before, set()) | (TOLD if self.taken[id_] else set())
            assert state == before or state in allowed, f"{before} became {state}"
            assert state not in TOLD or self.taken[id_], f"{state}, and never taken"
            assert state != "in_doubt" or id_ in self.asked, "in doubt, and never asked"
            if self.taken[id_]:
                assert state in TOLD | {"sending", "in_doubt"}, f"taken, and {state}"
        assert len(rows) == len(self.enqueued), "accepted is not the sum of the ends"
        self.before = states
        self._check_caps()

    def teardown(self) -> None:
        """Let everything come to rest: nothing may be left with work to do."""
        if not hasattr(self, "campaigns"):
            return
        self._record(self.attempts)
        for place in range(CAMPAIGNS):
            self.change_campaign(place, CampaignState.ACTIVE)
        for turn in range(CAMPAIGNS + 2):
            # At first nobody looks at the caps but the claim itself.
            self._run_through(look_at_caps=turn >= CAMPAIGNS)
        left = Counter(row.state for row in self._rows())
        assert not {"accepted", "consented", "sending"} & left.keys(), f"stuck: {left}"
        # By then every window has been open, and the dispatcher's next round takes what is due.
        assert not left["ready"], f"ready, and not sent: {left}"
        self._check_caps()

    def _check_caps(self) -> None:
        people = Counter(row.contact_id for row in self._rows() if self.taken[row.id])
        assert all(sent <= CAP for sent in people.values()), "over a cap"

    def _run_through(self, *, look_at_caps: bool) -> None:
        self.machine += 20 * LEASE
        self._recover()
        self.wait(1)
        for step in (self.end_campaigns, self.close_windows, self.release):
            step()
        self.decide_consent()
        self.decide_window()
        self.before = {row.id: row.state for row in self._rows()}
        if look_at_caps:
            self.hand_out(100)
        self.attempts = []
        self.claim()
        for attempt in self.attempts:
            attempt.requested = True
            attempt.result = Accepted("SM")
            self.taken[attempt.claimed.parcel.id] += 1
        self._record(self.attempts)

    def _record(self, attempts: Sequence[Attempt]) -> None:
        ends = [self._answer(one) for one in attempts]
        with self.world.runtime.transaction() as connection:
            books, machine = self.world.runtime.books, self.machine
            answers.record(connection, ends, books=books, now=self.now, machine_now=machine)

    def _answer(self, attempt: Attempt) -> Answer:
        if attempt.result is not None:
            return answers.read(attempt.claimed, attempt.result, sent_at=self.now)
        return answers.not_started(attempt.claimed)

    def _recover(self) -> None:
        with self.world.runtime.transaction() as connection:
            recovery.recover(
                connection,
                now=self.now,
                machine_now=self.machine,
                unstaged_before=self.machine,
                lease=self.machine + LEASE,
                most=1000,
            )

    def _rows(self) -> Sequence[Row[Any]]:
        return self.world.query(
            "SELECT id, CAST(state AS text) AS state, contact_id FROM messages"
            " WHERE campaign_id = ANY(CAST(:ids AS bigint[])) ORDER BY id",
            ids=[campaign.id for campaign in self.campaigns],
        )


_numbers = itertools.count(1)
