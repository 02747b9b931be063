"""Rates and numbers above which a sender is suspended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from pipeline.policy.instants import MONTHS_IN_A_YEAR, add_months, in_utc


class Measure(StrEnum):
    """What is counted of a sender."""

    OPT_OUT_RATE = "opt_out_rate"
    NONCOMPLIANCE_RATE = "noncompliance_rate"
    COMPLAINT_RATE = "complaint_rate"
    COMPLAINTS = "complaints"

    @property
    def words(self) -> str:
        """What it is called in a sentence."""
        return _WORDS[self]


_WORDS = {
    Measure.OPT_OUT_RATE: "opt-out rate",
    Measure.NONCOMPLIANCE_RATE: "non-compliance rate",
    Measure.COMPLAINT_RATE: "complaint rate",
    Measure.COMPLAINTS: "complaints",
}


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


@dataclass(frozen=True, kw_only=True, slots=True)
class RepeatBan:
    """A second suspension by a threshold within `years` takes every sender of the business."""

    rule: str
    years: int

    def since(self, now: datetime) -> datetime:
        """The instant from which on suspensions count.

        Raises:
            ValueError: `now` is naive.
        """
        return add_months(in_utc(now), -MONTHS_IN_A_YEAR * self.years)


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What was counted of one sender in one period.

    Attributes:
        sent: messages that a provider took.
        violations: messages that a provider or a carrier refused as violating.
        opt_outs: people who left, each one's first wish only.
        complainants: people who complained.
        complaints: their complaints, several of one person too.
    """

    sent: int = 0
    violations: int = 0
    opt_outs: int = 0
    complainants: int = 0
    complaints: int = 0


class Standing(StrEnum):
    """Where a sender stands under a threshold."""

    WITHIN = "within"
    NEAR = "near"
    """To be warned of: above the earlier mark, or above the limit in too small a sample."""
    OVER = "over"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What one threshold says of one sender.

    Attributes:
        counted: opt-outs, refused messages or complaints.
        sample: the messages that they are a share of; None: the number itself is limited.
    """

    threshold: Threshold
    standing: Standing
    counted: int
    sample: int | None = None

    @property
    def value(self) -> float | None:
        """Percent, or the number itself; None: a share of nothing."""
        if self.sample is None:
            return float(self.counted)
        return 100 * self.counted / self.sample if self.sample else None

    @property
    def saw(self) -> str:
        """One line: ``opt-out rate 0.625 % of 1,280 messages in 7 days, limit 0.5 %``."""
        limit, days = self.threshold.above, _days(self.threshold.within)
        name = self.threshold.measure.words
        if self.sample is None:
            return f"{self.counted:,} {name} in {days}, limit {limit:g}"
        value = "" if self.value is None else f" {self.value:.4g} %"
        return f"{name}{value} of {self.sample:,} messages in {days}, limit {limit:g} %"


def decide_thresholds(
    thresholds: Iterable[Threshold], counts: Mapping[timedelta, Counts]
) -> list[Verdict]:
    """What each threshold says of a sender, in their order.

    Args:
        counts: of the sender, by the length of the trailing period.

    Raises:
        KeyError: a threshold's period was not counted.
    """
    return [_decide(threshold, counts[threshold.within]) for threshold in thresholds]


def _decide(threshold: Threshold, counts: Counts) -> Verdict:
    match threshold.measure:
        case Measure.COMPLAINTS:
            counted, sample = counts.complaints, None
        case Measure.COMPLAINT_RATE:
            counted, sample = counts.complainants, counts.sent
        case Measure.OPT_OUT_RATE:
            counted, sample = counts.opt_outs, counts.sent
        case Measure.NONCOMPLIANCE_RATE:
            # What is refused at once was handed over, too, and nobody has counted it as sent.
            counted, sample = counts.violations, max(counts.sent, counts.violations)
    return Verdict(
        threshold=threshold,
        standing=_standing(threshold, counted, sample),
        counted=counted,
        sample=sample,
    )


def _standing(threshold: Threshold, counted: int, sample: int | None) -> Standing:
    if _is_above(counted, sample, threshold.above):
        large_enough = sample is None or sample >= max(1, threshold.minimum_sample)
        return Standing.OVER if large_enough else Standing.NEAR
    warn_above = threshold.warn_above
    if warn_above is not None and _is_above(counted, sample, warn_above):
        return Standing.NEAR
    return Standing.WITHIN


def _is_above(counted: int, sample: int | None, limit: float) -> bool:
    """Exact: as binary fractions some limits are a little more than they say."""
    exact = Fraction(str(limit))
    return counted > exact if sample is None else 100 * counted > exact * sample


def _days(period: timedelta) -> str:
    days = period / timedelta(days=1)
    return f"{days:g} day" if days == 1 else f"{days:g} days"
