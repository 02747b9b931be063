"""When the messages would really leave: senders send at their rate, windows shut in between.

The decisions themselves know no rates: a message that may go at nine may have to wait its turn
until ten. Each sender sends, in the order in which messages may go and then in the file's, one
message at a time; what has not left when its window shuts goes on at the next opening, and what
has not left when the campaign ends has expired. Quotas were placed by the decisions: a message
that waits for one goes no earlier here either.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pipeline.policy.decision import Block, Defer
from pipeline.policy.vocabulary import Outcome
from pipeline.store.senders import Sender
from workers.simulation.lanes import Lane
from workers.simulation.quota_book import until_of
from workers.simulation.rulings import Ruling


@dataclass(slots=True)
class Departures:
    """What leaves when.

    Attributes:
        hours: the beginning of each hour in UTC → messages that leave in it.
        last: the instant of the last; None: nothing leaves.
        late: messages whose turn does not come before the campaign ends.
    """

    hours: Counter[datetime] = field(default_factory=Counter)
    last: datetime | None = None
    late: int = 0

    def add(self, moment: datetime) -> None:
        """A message leaves."""
        self.hours[moment.replace(minute=0, second=0, microsecond=0)] += 1
        if self.last is None or moment > self.last:
            self.last = moment


@dataclass(slots=True)
class _Queue:
    """One lane's messages: those that may go, by when they may and then by their place."""

    lane: Lane
    waiting: list[tuple[datetime, int]] = field(default_factory=list)
    opens: datetime | None = None

    def turn(self) -> tuple[datetime, int]:
        """When the first may go, and its place."""
        release, place = self.waiting[0]
        return (release if self.opens is None else max(release, self.opens)), place


class Timeline:
    """The departures of one campaign.

    Args:
        ends: nothing leaves at or past this instant; None: never.
    """

    def __init__(self, ends: datetime | None) -> None:
        self._ends = ends
        self._places = 0
        self._senders: dict[int, Sender | None] = {}
        self._queues: dict[int, dict[Lane, _Queue]] = {}

    def add(self, ruling: Ruling, at: datetime) -> None:
        """Take in a decision, in the order of the file; those without an instant are left out."""
        release = at if ruling.outcome is Outcome.SEND else ruling.not_before
        lane = ruling.lane
        if ruling.outcome is Outcome.BLOCK or release is None or lane is None:
            return
        self._places += 1
        sender_id = ruling.sender.id if ruling.sender else 0
        self._senders[sender_id] = ruling.sender
        queues = self._queues.setdefault(sender_id, {})
        if lane not in queues:
            queues[lane] = _Queue(lane)
        queues[lane].waiting.append((release, self._places))

    def departures(self) -> Departures:
        """Play the campaign through; asked once, at the end."""
        found = Departures()
        for sender_id, queues in self._queues.items():
            sender = self._senders[sender_id]
            gap = timedelta(seconds=1 / sender.rate_per_second) if sender else timedelta(0)
            for moment in self._play(list(queues.values()), gap):
                if moment is None:
                    found.late += 1
                else:
                    found.add(moment)
        return found

    def _play(self, queues: list[_Queue], gap: timedelta) -> Iterator[datetime | None]:
        """When each message of one sender leaves; None: it does not."""
        for queue in queues:
            heapq.heapify(queue.waiting)
        turns = [(*queue.turn(), number) for number, queue in enumerate(queues)]
        heapq.heapify(turns)
        free: datetime | None = None
        while turns:
            release, _, number = heapq.heappop(turns)
            queue = queues[number]
            moment = release if free is None else max(release, free)
            verdict = queue.lane.window(moment).decision if moment > release else None
            if self._is_over(moment) or isinstance(verdict, Block):
                heapq.heappop(queue.waiting)
                yield None
            elif isinstance(verdict, Defer):
                queue.opens = until_of(verdict)
            else:
                heapq.heappop(queue.waiting)
                yield moment
                free = moment + gap
            if queue.waiting:
                heapq.heappush(turns, (*queue.turn(), number))

    def _is_over(self, moment: datetime) -> bool:
        return self._ends is not None and moment >= self._ends
