"""Getting send slots for notices, and claiming those whose slots are near."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.limits.pace import LONGEST_HORIZON
from pipeline.providers.base import SendResult
from pipeline.store import notice_evidence, notices
from workers.accounts import BREAKER, AccountWatch
from workers.clock import machine_now
from workers.courier.claimer import LONGEST_CALL
from workers.faultpoints import FaultPoint, reach
from workers.lane.lines import Waiting
from workers.lane.means import LaneMeans

LONGEST_LEAD = 0.15
_MARGIN = 0.005


@dataclass(slots=True)
class SlotSupply:
    """What asking for slots has brought.

    Attributes:
        granted: entries with the moments of their slots (monotonic seconds).
        returned: entries without a slot.
        again_at: when each sender's next slots come within reach (monotonic seconds).
    """

    granted: list[tuple[Waiting, float]] = field(default_factory=list)
    returned: list[Waiting] = field(default_factory=list)
    again_at: dict[int, float] = field(default_factory=dict)


class NoticeClaimer:
    """Each method runs in a thread of its own.

    Slots are asked for as far ahead as anybody may. That is the lane's precedence: campaigns ask
    for those of the next tenth of a second, so whatever slot comes next is within the lane's
    reach before it is within theirs. What has a slot is claimed only when the slot is near: a
    claim that a killed process leaves behind is in doubt, though nothing was sent.

    Attributes:
        lead: seconds before its slot at which a notice must be claimed.
        accounts: through which nothing is claimed while they rest. A confirmation whose answer is
            lost is never sent again: one that waits for a provider to recover is late, one that is
            tried meanwhile may be lost. One is enough to try an account that nobody else tries.
    """

    def __init__(self, means: LaneMeans) -> None:
        self._means = means
        self.lead = 0.02
        self.accounts = AccountWatch(
            replace(BREAKER, probe_messages=1), probe_life=means.probe_life
        )

    def take_slots(self, picked: Mapping[int, list[Waiting]]) -> SlotSupply:
        """Ask for a slot for each entry, by sender."""
        wanted = {
            sender: (entries[0].notice.rate_per_second, len(entries))
            for sender, entries in picked.items()
        }
        before = time.monotonic()
        grants = self._means.pace.take(
            wanted, lead=self.lead + 2 * _MARGIN, horizon=LONGEST_HORIZON
        )
        now = time.monotonic()
        moment = (before + now) / 2
        supply = SlotSupply()
        for sender, grant in grants.items():
            # After a slow call nobody knows where the slots lie in our time: they are unused.
            count = grant.count if now - before <= LONGEST_CALL else 0
            entries = picked[sender]
            supply.granted += [
                (entry, moment + grant.delay + place * grant.interval)
                for place, entry in enumerate(entries[:count])
            ]
            supply.returned += entries[count:]
            following = moment + grant.delay + grant.count * grant.interval
            supply.again_at[sender] = following - LONGEST_HORIZON + _MARGIN
        return supply

    def claim(self, entries: Sequence[Waiting]) -> list[Waiting]:
        """Claim the entries that are not claimed yet; those that are this process's to send.

        The others were claimed or settled by somebody else.
        """
        fresh = {entry.notice.id: entry.notice.sender_id for entry in entries if not entry.attempt}
        attempts: dict[int, int] = {}
        began = time.monotonic()
        if fresh:
            allowed = self._allowed(entries, began)
            fresh = {id_: fresh[id_] for id_ in fresh if id_ in allowed}
            lease = machine_now() + self._means.sending_lease
            with self._means.transaction() as connection:
                attempts = notices.claim(connection, fresh, lease=lease)
            self._learn(time.monotonic() - began)
            reach(FaultPoint.NOTICE_CLAIMED)
        return [
            entry if entry.attempt else Waiting(entry.notice, attempts[entry.notice.id], began)
            for entry in entries
            if entry.attempt or entry.notice.id in attempts
        ]

    def stale(self, entry: Waiting) -> bool:
        """Whether its claim is too old for a request to begin.

        One that has missed its slot may wait for the next as long as Redis is away. Its lease runs
        out, an operator has it sent again, and then it is another process's: two would leave.
        """
        return time.monotonic() - entry.claimed_at > self._means.start_within.total_seconds()

    def judge(self, entry: Waiting, result: SendResult) -> None:
        """Learn from an answer how its account is."""
        account = entry.notice.provider.lower()
        self.accounts.note(account, result, began=entry.claimed_at, moment=time.monotonic())

    def _allowed(self, entries: Sequence[Waiting], began: float) -> set[int]:
        """The notices whose account does not rest, and one of each that may be tried."""
        wanted = {entry.notice.provider.lower() for entry in entries}
        # On its own: whoever holds a probe's row waits for no other.
        with self._means.transaction() as connection:
            view = self.accounts.look(connection, wanted, machine_now=machine_now())
        self.accounts.learn(view, moment=began)
        limits = self.accounts.limits
        allowed = set()
        for entry in entries:
            account = entry.notice.provider.lower()
            if limits.get(account, 1) > 0:
                allowed.add(entry.notice.id)
            if account in limits:
                limits[account] -= 1
                self.accounts.claimed(account, 1)
        return allowed

    def give_back(self, ids: Sequence[int]) -> None:
        """Return notices that wait here and were not claimed."""
        with self._means.transaction() as connection:
            notice_evidence.give_back(connection, ids)

    def _learn(self, seconds: float) -> None:
        """How long a claim takes: at once when one was slower, slowly when they get faster."""
        took = seconds + _MARGIN
        self.lead = min(LONGEST_LEAD, max(took, self.lead + 0.1 * (took - self.lead)))
