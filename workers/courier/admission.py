"""How many messages a courier takes on at once."""

from dataclasses import dataclass

FIRST = 64
SMALLEST = 16
GROWTH = 4
SHRINKAGE = 0.75


@dataclass(slots=True)
class ClaimRound:
    """One claim: when it began and ended (monotonic seconds), and whether it counted as late."""

    began: float
    ended: float
    late: bool = False


class Admission:
    """A window of claimed and unanswered messages, like TCP's.

    It grows while every request starts in time and shrinks when one is late: a busy loop cannot
    start requests on time however many it has claimed.

    Args:
        capacity: it never grows beyond this.
        claim_size: messages in one claim at most.
    """

    def __init__(self, capacity: int, claim_size: int) -> None:
        self._capacity = capacity
        self._claim_size = claim_size
        self._window = float(min(FIRST, capacity))
        self.in_flight = 0

    def room(self) -> int:
        """How many may be claimed now; 0 for only a few, which are not worth a commit."""
        room = int(self._window) - self.in_flight
        return min(room, self._claim_size) if room >= max(1.0, self._window / 4) else 0

    def claimed(self, messages: int) -> None:
        """So many were claimed in time for their slots."""
        self.in_flight += messages
        self._window = min(self._capacity, self._window + GROWTH)

    def finished(self) -> None:
        """One was answered, or given back."""
        self.in_flight -= 1

    def late(self, claim: ClaimRound, slot: float) -> None:
        """One could not start at its slot; counts once a claim.

        It does not count when the slot had passed before the claim ended: then the claim was
        slow, and not this process's event loop.
        """
        if not claim.late and slot >= claim.ended:
            claim.late = True
            self._window = max(min(SMALLEST, self._capacity), self._window * SHRINKAGE)
