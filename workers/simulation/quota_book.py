"""One sender's quotas while a campaign is decided: what it has sent, and what it will have.

A message that waits takes its room at its own instant, and whatever is decided after it has to
leave it that room: in no rolling period, wherever it lies, the sender sends more than its quota.
"""

import sys
from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from datetime import datetime

from pipeline.policy.decision import Defer
from pipeline.policy.quota import BUCKET, bucket_of, decide_quotas
from pipeline.policy.sender_rules import Quota
from pipeline.stages.books import Books
from pipeline.stages.caps import quotas_on
from pipeline.store.senders import Sender


class QuotaBook:
    """The quotas of one sender.

    What was full at an instant stays full, since messages are only added: each instant is counted
    once while it has room, and never again when it has none.

    Args:
        used: (bucket label, messages) that the sender has sent before.
    """

    def __init__(self, sender: Sender, used: Iterable[tuple[datetime, int]], books: Books) -> None:
        self._sender = sender
        self._books = books
        self._used = dict(used)
        self._labels = sorted(self._used)
        self._taken = 0
        self._room: dict[datetime, int] = {}
        self._full: dict[datetime, Defer] = {}
        self._rules: dict[datetime, str | None] = {}

    def decide(self, moment: datetime) -> Defer | None:
        """Whether there is room at an instant; else until when there is certainly none."""
        known = self._full.get(moment)
        if known is not None:
            return self._later(moment, known)
        # Each message taken since, whenever it goes, leaves room for one fewer at most.
        if self._room.get(moment, 0) > self._taken:
            return None
        quotas = quotas_on(self._sender, books=self._books, now=moment)
        if not quotas:
            self._room[moment] = sys.maxsize
            return None
        rooms = [self._count(quota, moment) for quota in quotas]
        found = max((one for one in rooms if isinstance(one, Defer)), key=until_of, default=None)
        if found is not None:
            self._full[moment] = found
            return found
        self._room[moment] = self._taken + min(one for one in rooms if isinstance(one, int))
        return None

    def rule(self, moment: datetime) -> str | None:
        """The first quota's rule at an instant; None: there is no quota."""
        if moment not in self._rules:
            quotas = quotas_on(self._sender, books=self._books, now=moment)
            self._rules[moment] = quotas[0].rule if quotas else None
        return self._rules[moment]

    def take(self, moment: datetime) -> None:
        """A message goes at that instant."""
        label = bucket_of(moment)
        if label not in self._used:
            self._used[label] = 0
            insort(self._labels, label)
        self._used[label] += 1
        self._taken += 1

    def _later(self, moment: datetime, known: Defer) -> Defer:
        """The furthest wait that is known; every step on the way to it remembers it."""
        passed = [moment]
        found = known
        while (following := self._full.get(until_of(found))) is not None:
            passed.append(until_of(found))
            found = following
        for each in passed:
            self._full[each] = found
        return found

    def _count(self, quota: Quota, moment: datetime) -> int | Defer:
        """The room at an instant in every period that holds it, or until when there is none."""
        label = bucket_of(moment)
        labels, used = self._labels, self._used
        first = bisect_right(labels, moment - quota.period)
        following = bisect_right(labels, label)
        last = bisect_right(labels, label + quota.period)
        total = sum(used[one] for one in labels[first:following])
        most, fullest = total, (first, following, moment)
        for place in range(following, last):
            total += used[labels[place]]
            begun = labels[place] - BUCKET  # the earliest that its messages can have gone
            while labels[first] + quota.period <= begun:
                total -= used[labels[first]]
                first += 1
            if total >= most:
                most, fullest = total, (first, place + 1, begun)
        if most < quota.limit:
            return quota.limit - most
        return self._wait(quota, labels[fullest[0] : fullest[1]], fullest[2])

    def _wait(self, quota: Quota, labels: Sequence[datetime], moment: datetime) -> int | Defer:
        """Until when a period that is full stays so; the policy itself has the last word."""
        decision = decide_quotas([quota], [(one, self._used[one]) for one in labels], now=moment)
        return decision if isinstance(decision, Defer) else 1


def until_of(defer: Defer) -> datetime:
    """The end of a wait that has one, as those of windows, caps and quotas have.

    Raises:
        ValueError: only a person can end it.
    """
    if defer.until is None:
        raise ValueError(f"{defer.reason}: nobody can tell how long it lasts")
    return defer.until
