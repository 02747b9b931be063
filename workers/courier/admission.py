"""How many messages a courier takes on at once."""

from dataclasses import dataclass

FIRST = 64
SMALLEST = 16
GROWTH = 0.25
SHRINKAGE = 0.75


@dataclass(frozen=True, slots=True)
class ClaimRound:
    """One claim: when it began and ended (monotonic seconds)."""

    began: float
    ended: float


class Admission:
    """A window of claimed and unanswered messages, like TCP's.

    It grows while every request starts in time and shrinks when one is late: a busy loop cannot
    start requests on time however many it has claimed. Until the first is late it grows by all
    that is claimed, so that it doubles in the time of an answer; afterwards by a quarter of that.

    Args:
        capacity: it never grows beyond this.
        claim_size: messages in one claim at most.
    """

    def __init__(self, capacity: int, claim_size: int) -> None:
        self._capacity = capacity
        self._claim_size = claim_size
        self._window = float(min(FIRST, capacity))
        self._growth = 1.0
        self._shrunk_at = float("-inf")
        self.in_flight = 0

    def room(self) -> int:
        """How many may be claimed now; 0 for only a few, which are not worth a commit."""
        room = int(self._window) - self.in_flight
        # A claim and a record of 16 messages cost each of them two to three times what they cost
        # in one of 64 (docs/performance.md): half is claimed while the other half is on its way.
        worth = min(self._window, self._claim_size) / 2
        return min(room, self._claim_size) if room >= max(1.0, worth) else 0

    def claimed(self, messages: int) -> None:
        """So many were claimed in time for their slots."""
        self.in_flight += messages
        self._window = min(self._capacity, self._window + self._growth * messages)

    def finished(self) -> None:
        """One was answered, or given back."""
        self.in_flight -= 1

    def late(self, claim: ClaimRound, slot: float, *, moment: float) -> None:
        """One could not start at its slot, and it is `moment` (monotonic seconds).

        It does not count when the slot had passed before the claim ended: then the claim was
        slow, and not this process's event loop. Nor when the window has shrunk since the claim
        began: one pause of the loop makes several claims late, and is one reason to shrink.
        """
        if slot >= claim.ended and claim.began > self._shrunk_at:
            self._shrunk_at = moment
            self._growth = GROWTH
            self._window = max(min(SMALLEST, self._capacity), self._window * SHRINKAGE)
