"""The life of messages as a state machine: what may happen to them, in any order.

The rules call the real functions over the real store; beside them stands a model of the world
outside: what the provider took, who has left, which campaigns may send.
"""

import itertools
from collections import Counter
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline.policy.vocabulary import CampaignState, MessageState
from pipeline.providers.base import Accepted, Action, Ambiguous, Rejected
from pipeline.stages.doubts import Verdict
from pipeline.store import campaigns, statuses, suppressions
from pipeline.store.recovery import MOST_TRIES
from pipeline.store.statuses import Progress
from tests.integration.store.life_calls import LEASE, Attempt, Calls
from tests.integration.world import BUSINESS, NOW

PEOPLE = 2
CAMPAIGNS = 5
"""More than the cap of the United States lets one person have in a month."""

CAP = 3

# All in one city: what an example does must not hang on where its people happen to live.
_phones = (f"+1212{number}" for number in itertools.count(2_200_000))
_numbers = itertools.count(1)

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
sent one, an answer that was late may give back one that was in doubt, and an operator may have one
decided anew."""

TOLD = {"sent", "delivered", "undelivered"}


class Life(Calls, RuleBasedStateMachine):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.enqueued: set[tuple[int, int]] = set()
        self.attempts: list[Attempt] = []
        self.recorded: list[Attempt] = []
        self.taken: Counter[int] = Counter()
        self.left: set[int] = set()
        self.stopped: set[int] = set()
        self.before: dict[int, str] = {}
        self.asked: set[int] = set()
        self.aside: set[int] = set()
        self.anew: set[int] = set()
        self.places: dict[int, int] = {}

    @initialize()
    def furnish(self) -> None:
        """People of their own, and campaigns to them, of which the first one ends soon."""
        number = next(_numbers)
        # An account of its own, too: what one example is refused must not slow the next one.
        self.account = f"life-{number}"
        self.sender = self.world.sender(self.account, provider=self.account, rate_per_second=1000.0)
        self.campaigns = [
            self.world.campaign(
                f"life-{number}-{place}",
                sender_code=self.sender.code,
                expires_at=NOW + (timedelta(hours=2) if place == 0 else timedelta(days=20)),
            )
            for place in range(CAMPAIGNS)
        ]
        self.phones = [next(_phones) for _ in range(PEOPLE)]
        self.people = [person for phone in self.phones for person in self.world.contacts([phone])]
        self.world.consent(self.people)
        for place in range(CAMPAIGNS - 1):
            self.take_in(place, set(range(PEOPLE)))
        self.move_on()

    @property
    def ids(self) -> list[int]:
        """All of them: a chunk may come twice, or too late."""
        return sorted(self.before)

    def in_state(self, state: MessageState) -> list[int]:
        """In an order that is the same whenever an example is tried again; so is `attempts`."""
        return [id_ for id_ in self.places if self.before.get(id_) == state]

    @rule(place=st.integers(0, CAMPAIGNS - 1), who=st.sets(st.integers(0, PEOPLE - 1), min_size=1))
    def take_in(self, place: int, who: set[int]) -> None:
        """A chunk, perhaps for the second time."""
        self.call_intake(self.campaigns[place], [self.phones[one] for one in sorted(who)])
        self.enqueued |= {(place, one) for one in who}

    @rule(data=st.data())
    def take_a_step(self, data: st.DataObject) -> None:
        """One of those that anybody may take at any time, with whatever ids."""
        steps = {
            "consent": lambda: self.call_consent(self.ids),
            "window": lambda: self.call_window(self.ids),
            "hand out": lambda: self.call_hand_out(self.sender.id, 4),
            "release": self.call_release,
            "end campaigns": self.call_end_campaigns,
            "close windows": self.call_close_windows,
        }
        steps[data.draw(st.sampled_from(sorted(steps)))]()

    @rule()
    def move_on(self) -> None:
        """What happens when nothing goes wrong, up to the pool of ready ones."""
        for step in (
            self.call_release,
            lambda: self.call_consent(self.ids),
            lambda: self.call_window(self.ids),
        ):
            step()
            self.every_step_is_allowed()

    @rule()
    def claim(self) -> None:
        """Whatever may be claimed, or has been given back a moment ago."""
        for one in self.call_claim(self.ids):
            assert one.claimed.parcel.contact_id not in self.left, "claimed after an opt-out"
            assert one.claimed.parcel.campaign_id not in self.stopped, "claimed of a stopped one"
            assert not self.taken[one.id], "claimed what the provider had taken"
            self.attempts.append(one)
        self.attempts.sort(key=lambda one: self.places[one.id])

    @precondition(lambda self: any(not one.requested for one in self.attempts))
    @rule(data=st.data(), taken=st.booleans(), heard=st.booleans())
    def request(self, data: st.DataObject, *, taken: bool, heard: bool) -> None:
        """A request leaves; the provider takes it or not, and is heard or not."""
        attempt = data.draw(st.sampled_from([one for one in self.attempts if not one.requested]))
        attempt.requested = True
        self.asked.add(attempt.id)
        if taken:
            self.taken[attempt.id] += 1
            assert self.taken[attempt.id] == 1, "sent twice"
            attempt.result = Accepted(f"SM{attempt.id}") if heard else Ambiguous("nothing came")
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
        self.call_record([attempt])
        self.recorded.append(attempt)

    @precondition(lambda self: any(not one.requested for one in self.attempts))
    @rule(twice=st.booleans())
    def change_hands(self, *, twice: bool) -> None:
        """Who has claimed gives back what it has not begun, and somebody else claims it.

        Perhaps the first one did not hear that it was written, and writes it once more.
        """
        unbegun = [one for one in self.attempts if not one.requested]
        self.attempts = [one for one in self.attempts if one.requested]
        self.call_record(unbegun)
        self.recorded += unbegun
        self.every_step_is_allowed()
        self.claim()
        if twice:
            self.call_record(unbegun)

    @precondition(lambda self: self.recorded)
    @rule(data=st.data())
    def record_again(self, data: st.DataObject) -> None:
        """PostgreSQL had written it, and went away before it said so.

        Rather of a message that somebody else has claimed since: it is none of theirs any more.
        """
        claimed = {one.id for one in self.attempts}
        again = [one for one in self.recorded if one.id in claimed]
        self.call_record([data.draw(st.sampled_from(again or self.recorded))])

    @precondition(lambda self: self.attempts)
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        """The worker ends; what it has heard is lost."""
        attempt = data.draw(st.sampled_from(self.attempts))
        self.attempts.remove(attempt)
        self.asked.add(attempt.id)  # nobody knows that its request had not left

    @rule()
    def lapse(self) -> None:
        """Leases run out. Whoever held one may still be alive, and come back with an answer."""
        self.machine += 2 * LEASE
        for attempt in self.attempts:
            # Its claim is too old to start a request; only its answer may come.
            attempt.requested, self.asked = True, self.asked | {attempt.id}
        self.call_recover()
        states = {row.id: row.state for row in self.rows()}
        for id_ in self.in_state(MessageState.SENDING):
            assert states[id_] == "in_doubt", f"nobody knows of it, and it is {states[id_]}"

    @precondition(lambda self: self.in_state(MessageState.IN_DOUBT))
    @rule(data=st.data(), again=st.booleans())
    def operate(self, data: st.DataObject, *, again: bool) -> None:
        """An operator asks the provider, who tells the truth."""
        id_ = data.draw(st.sampled_from(self.in_state(MessageState.IN_DOUBT)))
        if self.taken[id_]:
            self.call_operator(id_, Verdict.SENT)
        else:
            self.call_operator(id_, Verdict.AGAIN if again else Verdict.UNSENT)
            self.anew |= {id_} if again else set()

    @precondition(lambda self: self.in_state(MessageState.IN_DOUBT))
    @rule(times=st.integers(1, 4), tells=st.booleans())
    def look_up(self, times: int, *, tells: bool) -> None:
        """Our own look-ups, as often as proves that the provider never had a message."""
        for _ in range(times):
            self.call_look_up(self.account, self.taken.keys(), tells=tells)

    @precondition(lambda self: self.in_state(MessageState.ACCEPTED))
    @rule(data=st.data())
    def poison(self, data: st.DataObject) -> None:
        """Who takes up a message ends, again and again, until it is set aside."""
        id_ = data.draw(st.sampled_from(self.in_state(MessageState.ACCEPTED)))
        for _ in range(MOST_TRIES + 1):
            self.lapse()
            self.call_take_up(id_, MessageState.ACCEPTED)
        self.aside.add(id_)

    @precondition(lambda self: self.aside)
    @rule()
    def retry(self) -> None:
        """An operator has what was set aside decided anew."""
        self.call_retry(self.aside)
        self.anew |= self.aside
        self.aside = set()

    @rule(
        data=st.data(),
        state=st.sampled_from(
            [MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED]
        ),
    )
    @precondition(lambda self: self.taken)
    def hear(self, data: st.DataObject, state: MessageState) -> None:
        """A status of something that the provider has taken, in any order, perhaps again."""
        id_ = data.draw(st.sampled_from(sorted(self.taken, key=self.places.__getitem__)))
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
        """Somebody opts out."""
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

    @invariant()
    def every_step_is_allowed(self) -> None:
        """And what is in doubt was asked for, what is sent was taken, and nothing is missing."""
        if not hasattr(self, "campaigns"):
            return
        rows = self.rows()
        states = {row.id: row.state for row in rows}
        rows_in_order = sorted(rows, key=lambda row: (row.campaign_id, row.contact_id))
        self.places = {row.id: place for place, row in enumerate(rows_in_order)}
        for id_, state in states.items():
            before = self.before.get(id_, state)
            allowed = FORWARD.get(before, set()) | (TOLD if self.taken[id_] else set())
            allowed |= {"accepted"} if id_ in self.anew else set()
            assert state == before or state in allowed, f"{before} became {state}"
            assert state not in TOLD or self.taken[id_], f"{state}, and never taken"
            assert state != "in_doubt" or id_ in self.asked, "in doubt, and never asked"
            if self.taken[id_]:
                assert state in TOLD | {"sending", "in_doubt"}, f"taken, and {state}"
        for attempt in self.attempts:
            # Whoever may still send it is the only one who has it.
            held = attempt.requested or states[attempt.id] == "sending" or self.taken[attempt.id]
            assert held, f"about to be sent, and {states[attempt.id]}"
        assert len(rows) == len(self.enqueued), "accepted is not the sum of the ends"
        self.before, self.anew = states, set()
        self._check_caps()

    def teardown(self) -> None:
        """Let everything come to rest: nothing may be left with work to do."""
        if not hasattr(self, "campaigns"):
            return
        self.call_record(self.attempts)
        for place in range(CAMPAIGNS):
            self.change_campaign(place, CampaignState.ACTIVE)
        for turn in range(CAMPAIGNS + 2):
            # At first nobody looks at the caps but the claim itself.
            self._run_through(look_at_caps=turn >= CAMPAIGNS)
        left = Counter(row.state for row in self.rows())
        assert not {"accepted", "consented", "sending"} & left.keys(), f"stuck: {left}"
        # By then every window has been open, and the dispatcher's next round takes what is due.
        assert not left["ready"], f"ready, and not sent: {left}"
        self._check_caps()

    def _check_caps(self) -> None:
        people = Counter(row.contact_id for row in self.rows() if self.taken[row.id])
        assert all(sent <= CAP for sent in people.values()), "over a cap"

    def _run_through(self, *, look_at_caps: bool) -> None:
        self.machine += 20 * LEASE
        self.call_recover()
        self.wait(1)
        for step in (self.call_end_campaigns, self.call_close_windows, self.call_release):
            step()
        self.call_consent(self.ids)
        self.call_window(self.ids)
        if look_at_caps:
            self.call_hand_out(self.sender.id, 100)
        self.attempts = []
        self.claim()
        for attempt in self.attempts:
            attempt.result = Accepted("SM")
            self.taken[attempt.id] += 1
        self.call_record(self.attempts)
