"""What the life of messages is made of: the real functions, each in a transaction of its own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.engine import Row

from pipeline.policy.look_ups import LookUpPlan
from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import CannotTell, Found, NotFound, SendResult
from pipeline.stages import answers, consent, delivery, doubts, intake, throttle, window
from pipeline.stages.attempts import Answer
from pipeline.stages.delivery import Claimed
from pipeline.stages.doubts import Verdict
from pipeline.stages.intake import Chunk
from pipeline.store import claims, due, endings, look_ups, recovery, set_aside
from pipeline.store.campaigns import Campaign
from tests.integration.world import NOW, World, directory_of

LEASE = timedelta(seconds=60)
SAFE = timedelta(seconds=0.2)
PLAN = LookUpPlan(first=1.0)
LONGER = timedelta(minutes=2)
"""Than any pause of the plan."""


@dataclass(slots=True, repr=False)
class Attempt:
    """One claim in somebody's hands.

    Attributes:
        requested: whether its request has left.
        result: what the provider said; None: nothing yet, or nothing ever.
    """

    claimed: Claimed
    requested: bool = False
    result: SendResult | None = None

    def __repr__(self) -> str:
        """What tells it from others, where Hypothesis prints a failing example."""
        return f"message {self.id}, attempt {self.claimed.attempt}"

    @property
    def id(self) -> int:
        """The message's."""
        return self.claimed.parcel.id

    def answer(self) -> Answer:
        """What its worker writes of it."""
        if self.result is not None:
            return answers.read(self.claimed, self.result, sent_at=self.claimed.claimed_at)
        return answers.not_started(self.claimed)


class Calls:
    """The steps, at business instant `now` and machine instant `machine`; `world` is the test's."""

    world: World
    campaigns: list[Campaign]

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.machine = NOW

    def call_intake(self, campaign: Campaign, phones: Sequence[str]) -> None:
        chunk = Chunk(campaign=campaign.code, rows=[{"to": phone} for phone in phones])
        with self.world.runtime.transaction() as connection:
            intake.run(connection, [chunk], now=self.now, lease=self.machine + LEASE)

    def call_consent(self, ids: Sequence[int]) -> None:
        with self.world.runtime.transaction() as connection:
            books, lease = self.world.runtime.books, self.machine + LEASE
            consent.run(connection, ids, books=books, now=self.now, lease=lease)

    def call_window(self, ids: Sequence[int]) -> None:
        with self.world.runtime.transaction() as connection:
            window.run(connection, ids, books=self.world.runtime.books, now=self.now)

    def call_hand_out(self, sender: int, amount: int) -> None:
        with self.world.runtime.transaction() as connection:
            pairs, lease = due.ready_pairs(connection), self.machine + LEASE
            ids = list(due.hand_out(connection, pairs, {sender: amount}, lease=lease))
        with self.world.runtime.transaction() as connection:
            throttle.run(connection, ids, books=self.world.runtime.books, now=self.now)

    def call_claim(self, ids: Sequence[int]) -> list[Attempt]:
        # A claim's instant names its reservation: no two have the same.
        self.now += timedelta(milliseconds=1)
        with self.world.runtime.transaction() as connection:
            parcels = claims.load(connection, ids)
            claimed = delivery.claim(
                connection,
                parcels,
                directory=directory_of(connection, parcels),
                books=self.world.runtime.books,
                now=self.now,
                safe_until=self.now + SAFE,
                lease=self.machine + LEASE,
            )
        return [Attempt(one) for one in claimed]

    def call_record(self, attempts: Sequence[Attempt]) -> None:
        ends = [attempt.answer() for attempt in attempts]
        with self.world.runtime.transaction() as connection:
            books, machine = self.world.runtime.books, self.machine
            answers.record(connection, ends, books=books, now=self.now, machine_now=machine)

    def call_recover(self) -> None:
        with self.world.runtime.transaction() as connection:
            recovery.recover(
                connection,
                now=self.now,
                machine_now=self.machine,
                unstaged_before=self.machine,
                lease=self.machine + LEASE,
                most=1000,
            )

    def call_take_up(self, id_: int, state: MessageState) -> None:
        """A worker takes a message up, and ends."""
        with self.world.runtime.transaction() as connection:
            recovery.take_up(connection, [id_], state=state)

    def call_retry(self, ids: Collection[int]) -> None:
        """An operator has messages decided anew that were set aside."""
        with self.world.runtime.transaction() as connection:
            set_aside.retry(connection, ids, actor="op", now=self.now, lease=self.machine)

    def call_operator(self, id_: int, verdict: Verdict) -> None:
        with self.world.runtime.transaction() as connection:
            doubts.settle_by_operator(
                connection,
                [id_],
                verdict,
                actor="op",
                reason="known",
                now=self.now,
                machine_now=self.machine,
            )

    def call_look_up(self, account: str, taken: Collection[int], *, tells: bool) -> None:
        """Look up what is in doubt; the provider answers by what it has taken, or not at all."""
        with self.world.runtime.transaction() as connection:
            machine = self.machine
            look_ups.tidy(connection, [account], first=machine, machine_now=machine, most=1000)
            found = look_ups.take(
                connection, account, machine_now=machine, lease=machine + LEASE, most=1000
            )
            findings = [
                (
                    message,
                    CannotTell("no")
                    if not tells
                    else Found(f"SM{message.id}")
                    if message.id in taken
                    else NotFound(),
                )
                for message in found
            ]
            doubts.settle_by_look_up(
                connection, findings, plan=PLAN, now=self.now, machine_now=machine
            )
        self.machine += LONGER

    def call_release(self) -> None:
        with self.world.runtime.transaction() as connection:
            due.release(connection, now=self.now, lease=self.machine + LEASE, most=1000)

    def call_close_windows(self) -> None:
        with self.world.runtime.transaction() as connection:
            due.close_windows(connection, now=self.now, most=1000)

    def call_end_campaigns(self) -> None:
        with self.world.runtime.transaction() as connection:
            endings.sweep_ended(connection, now=self.now, most=1000)

    def rows(self) -> Sequence[Row[Any]]:
        """id, state, contact_id, campaign_id of every message."""
        return self.world.query(
            "SELECT id, CAST(state AS text) AS state, contact_id, campaign_id FROM messages"
            " WHERE campaign_id = ANY(CAST(:ids AS bigint[])) ORDER BY id",
            ids=[campaign.id for campaign in self.campaigns],
        )
