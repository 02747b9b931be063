"""Rates and numbers above which a sender is suspended."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Measure(StrEnum):
    """What is counted of a sender."""

    OPT_OUT_RATE = "opt_out_rate"
    NONCOMPLIANCE_RATE = "noncompliance_rate"
    COMPLAINT_RATE = "complaint_rate"
    COMPLAINTS = "complaints"


@dataclass(frozen=True, kw_only=True, slots=True)
class Threshold:
    """A limit on one measure; strictly above it the sender is suspended.

    Attributes:
        above: percent of the messages sent, or for `Measure.COMPLAINTS` a number of them.
        warn_above: from above this on it is warned of; None: never before.
        within: the trailing period that is counted.
        minimum_sample: a rate counts only once so many messages were sent in the period; below
            it a rate above the limit only warns.
    """

    rule: str
    measure: Measure
    above: float
    warn_above: float | None = None
    within: timedelta
    minimum_sample: int = 0
