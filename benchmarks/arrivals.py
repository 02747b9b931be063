"""What the instants at which a provider took messages say: the pace, and how many were in flight.

All instants are seconds, in order.
"""

from collections.abc import Sequence


def most_within(arrivals: Sequence[float], span: float) -> int:
    """The most that arrived within `span` seconds, wherever those begin.

    Of requests that each take `span` seconds to answer, that is how many were in flight at once.
    """
    most = first = 0
    for last, at in enumerate(arrivals):
        while arrivals[first] <= at - span:
            first += 1
        most = max(most, last - first + 1)
    return most


def each_second(arrivals: Sequence[float], *, began: float, seconds: int) -> list[int]:
    """How many arrived in each of the whole seconds from `began` on."""
    counts = [0] * seconds
    for at in arrivals:
        second = int(at - began)
        if at >= began and second < seconds:
            counts[second] += 1
    return counts


def steady_rate(arrivals: Sequence[float]) -> float:
    """Arrivals a second in the middle half of them: neither the start nor the end is in it."""
    quarter = len(arrivals) // 4
    middle = arrivals[quarter : len(arrivals) - quarter]
    if len(middle) < 2 or middle[-1] <= middle[0]:  # noqa: PLR2004 - a rate needs two instants
        return 0.0
    return (len(middle) - 1) / (middle[-1] - middle[0])
