"""How exactly a limited sender keeps its rate, by the provider's own log."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import arrivals
from benchmarks.delivery import send_all, site

LIMITS = {80.0: 60, 1000.0: 20}
"""Of `--full`: messages a second → for how many seconds."""

PROCESSES = 2

SETTLING = 2
"""Seconds after the first message that are not counted, and as many before the last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pacing:
    """What the provider took from one sender.

    Attributes:
        rate: the sender's limit, in messages a second.
        each_second: how many in each whole second.
        most: the most within any second, wherever it begins.
    """

    rate: float
    each_second: Sequence[int]
    most: int

    @property
    def per_second(self) -> float:
        """Messages a second over the whole time."""
        return sum(self.each_second) / len(self.each_second)


def measure(rate: float, *, seconds: int) -> Pacing:
    """Have two delivery processes send for one sender, and look for so many seconds."""
    messages = int(rate * (seconds + 2 * SETTLING) / _READY_SHARE)
    with site(messages, processes=PROCESSES, countries={"BR": 1}, rate_per_second=rate) as here:
        taken, _ = send_all(here)
    began = taken[0] + SETTLING
    return Pacing(
        rate=rate,
        each_second=arrivals.each_second(taken, began=began, seconds=seconds),
        most=arrivals.most_within(taken, 1.0),
    )


_READY_SHARE = 0.9
"""Of the crowd, how many at least have a consent."""
