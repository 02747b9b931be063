"""`recado bench olddata`: what years of old messages cost those of today.

Two laboratories side by side, one with nothing in it and one with old campaigns. The same messages
go through both in turns: from rows to the table, through consent and window, and from the pool over
the claim to the recorded answer. Without workers and without a provider: it is the tables that are
measured.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from statistics import median

from benchmarks import world
from benchmarks.history import Filling, fill
from benchmarks.lab import Lab, laboratory
from pipeline.policy.vocabulary import MessageState
from pipeline.stages import consent, delivery, intake, throttle, window
from pipeline.stages.delivery import Directory
from pipeline.stages.intake import Chunk
from pipeline.store import (
    campaigns,
    claims,
    due,
    endings,
    history,
    load,
    outcomes,
    overview,
    recovery,
    senders,
)
from pipeline.store.outcomes import SendOutcome
from workers.clock import machine_now
from workers.retention import Removal, make_months

CHUNK = 1000
CLAIM = 128
ASKED = 25
"""Old messages that are explained each round."""

LEASE = timedelta(seconds=90)

_numbers = count(1)


@dataclass(slots=True)
class Side:
    """One laboratory and what was measured in it.

    Attributes:
        seconds: step → seconds for each round.
    """

    lab: Lab
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def timed(self, step: str, work: Callable[[], None]) -> None:
        """Do a step, and keep what it took."""
        began = time.perf_counter()
        work()
        self.seconds.setdefault(step, []).append(time.perf_counter() - began)

    def middle(self, step: str) -> float:
        """Seconds of the middle round."""
        return median(self.seconds[step])


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was measured.

    Attributes:
        per_round: messages that each round passes.
        removed: rows that retention removed, by kind; decisions in whole months.
        removal_seconds: what that took, by kind; ``nothing``: to find that there is no more.
    """

    per_round: int
    filling: Filling
    empty: Side
    full: Side
    removed: dict[str, int]
    removal_seconds: dict[str, float]


def measure(old_messages: int, *, per_round: int, rounds: int) -> Found:
    """Fill one laboratory, pass messages through both in turns, and remove what is old."""
    crowd = world.people(per_round, countries={"ES": 1})
    with laboratory(()) as empty, laboratory(()) as full:
        sides = Side(empty), Side(full)
        for side in sides:
            side.lab.populate(crowd)
            make_months(side.lab.runtime)
        filling = fill(full, old_messages)
        full.vacuum()
        for number in range(rounds + 1):
            if number == 1:  # the first one warms up
                for side in sides:
                    side.seconds.clear()
            # In turns, so that neither always comes second.
            for side in sides if number % 2 else reversed(sides):
                _round(side, crowd, filling.some_ids if side is sides[1] else ())
        removed, removal_seconds = _remove(full)
        return Found(
            per_round=per_round,
            filling=filling,
            empty=sides[0],
            full=sides[1],
            removed=removed,
            removal_seconds=removal_seconds,
        )


def _round(side: Side, crowd: Sequence[world.Person], old: Sequence[int]) -> None:
    lab = side.lab
    runtime, now = lab.runtime, lab.runtime.clock.now()
    code = f"round-{next(_numbers)}"
    with runtime.transaction() as connection:
        campaigns.create(connection, replace(lab.campaigns["ES"], code=code), now=now)
    rows = list(world.rows(crowd, "ES"))
    ids: list[int] = []
    side.timed("take_in", lambda: ids.extend(_take_in(lab, code, rows)))
    side.timed("decide", lambda: _decide(lab, ids, now))
    side.timed("deliver", lambda: _deliver(lab, now))
    if old:
        asked = [old[(place * 7919) % len(old)] for place in range(ASKED)]
        side.timed("explain", lambda: _explain(lab, asked))
    else:
        side.timed("explain", lambda: _explain(lab, ids[:ASKED]))
    side.timed("status", lambda: _status(lab, now))
    side.timed("look", lambda: _look(lab, now))


def _take_in(lab: Lab, code: str, rows: Sequence[object]) -> list[int]:
    taken: list[int] = []
    for start in range(0, len(rows), CHUNK):
        chunk = Chunk(campaign=code, rows=rows[start : start + CHUNK])
        with lab.runtime.transaction() as connection:
            now, lease = lab.runtime.clock.now(), machine_now() + LEASE
            taken += intake.run(connection, [chunk], now=now, lease=lease).ids
    return taken


def _decide(lab: Lab, ids: Sequence[int], now: datetime) -> None:
    books = lab.runtime.books
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        with lab.runtime.transaction() as connection:
            lease = machine_now() + LEASE
            onward = consent.run(connection, chunk, books=books, now=now, lease=lease)
        with lab.runtime.transaction() as connection:
            window.run(connection, onward, books=books, now=now)


def _deliver(lab: Lab, now: datetime) -> None:
    """As the dispatcher, the throttle stage and a courier do it, and the provider takes all."""
    runtime = lab.runtime
    while True:
        with runtime.transaction() as connection:
            pairs = due.ready_pairs(connection)
            amounts = {sender: CHUNK for sender, _ in pairs}
            handed = due.hand_out(connection, pairs, amounts, lease=machine_now() + LEASE)
        ids = sorted(handed)
        if not ids:
            return
        with runtime.transaction() as connection:
            passed = throttle.run(connection, ids, books=runtime.books, now=now)
        for start in range(0, len(passed), CLAIM):
            _send(lab, passed[start : start + CLAIM], now)


def _send(lab: Lab, ids: Sequence[int], now: datetime) -> None:
    runtime = lab.runtime
    with runtime.transaction() as connection:
        parcels = claims.load(connection, ids)
        found = senders.select_senders(connection, ids={one.sender_id for one in parcels})
        directory = Directory(
            campaigns.by_ids(connection, {one.campaign_id for one in parcels}),
            {sender.id: sender for sender in found},
        )
        claimed = delivery.claim(
            connection,
            parcels,
            directory=directory,
            books=runtime.books,
            now=now,
            safe_until=now + timedelta(seconds=0.2),
            lease=machine_now() + LEASE,
        )
    with runtime.transaction() as connection:
        answers = [
            SendOutcome(
                id=one.parcel.id,
                attempt=one.attempt,
                state=MessageState.SENT,
                label="sent",
                claimed_at=now,
                provider_id=f"SM{one.parcel.id}",
                sent_at=now,
            )
            for one in claimed
        ]
        outcomes.record(connection, answers, now=now)


def _explain(lab: Lab, ids: Sequence[int]) -> None:
    for message_id in ids:
        with lab.runtime.transaction() as connection:
            if not history.by_ids(connection, [message_id]):
                raise RuntimeError(f"message {message_id} is not there")
            if not history.decisions(connection, [message_id])[message_id]:
                raise RuntimeError(f"message {message_id} has no decisions")


def _status(lab: Lab, now: datetime) -> None:
    with lab.runtime.transaction() as connection:
        overview.overview(connection, sent_since=now - timedelta(minutes=1), now=now)


def _look(lab: Lab, now: datetime) -> None:
    """What a dispatcher asks every round, when nothing is due."""
    with lab.runtime.transaction() as connection:
        due.close_windows(connection, now=now, most=CHUNK)
        due.release(connection, now=now, lease=machine_now(), most=CHUNK)
        due.ready_pairs(connection)
        due.handed_out(connection)
        endings.sweep_ended(connection, now=now, most=CHUNK)
        load.undecided(connection, most=CHUNK)
        machine = machine_now()
        recovery.recover(
            connection,
            now=now,
            machine_now=machine,
            unstaged_before=machine,
            lease=machine,
            most=CHUNK,
        )


def _remove(lab: Lab) -> tuple[dict[str, int], dict[str, float]]:
    """Run the retention job to its end: kind → rows, kind → seconds."""
    removal = Removal(lab.runtime)
    seconds: dict[str, float] = {}
    more = True
    while more:
        before, began = removal.removed.copy(), time.perf_counter()
        more = removal.step()
        for kind in (removal.removed - before).keys() or {"nothing"}:
            seconds[kind] = seconds.get(kind, 0.0) + time.perf_counter() - began
    return {kind: rows for kind, rows in removal.removed.items() if rows}, seconds
