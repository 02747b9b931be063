"""How often one person may hear from a business: rolling caps."""

from collections.abc import Sequence
from datetime import datetime

from pipeline.policy.country import Cap
from pipeline.policy.decision import Decision, Defer, Proceed
from pipeline.policy.instants import in_utc
from pipeline.policy.vocabulary import Reason


def decide_frequency(
    cap: Cap | None,
    sent: Sequence[datetime],
    *,
    now: datetime,
    on_holiday: bool = False,
    holiday_ends: datetime | None = None,
) -> Decision:
    """Whether one more message fits under the cap now, else when it first fits.

    A message counts from the moment of its sending until `cap.period` later, exclusive, so that
    no period of that length, wherever it starts, holds more than the limit.

    Args:
        cap: the country's cap for the category; None: no cap.
        sent: when messages of the categories in `cap.counts` were sent or reserved, of this
            business to this person, in any order; those in the future count as well.
        now: the instant of the decision.
        on_holiday: whether `now` lies on one of the recipient's public holidays.
        holiday_ends: when that holiday (or run of holidays) is over, where that is known; the
            holiday's lower limit ends with it.

    Raises:
        ValueError: an instant is naive.
    """
    if cap is None:
        return Proceed()
    moment = in_utc(now)
    frees_at = sorted(
        instant + cap.period for instant in map(in_utc, sent) if instant + cap.period > moment
    )
    if not on_holiday or cap.holiday_limit is None:
        until = _fits_at(frees_at, cap.limit, moment)
        rule = cap.rule
    else:
        until = _fits_at(frees_at, cap.holiday_limit, moment)
        rule = cap.holiday_rule or cap.rule
        if holiday_ends is not None:
            after_holiday = max(in_utc(holiday_ends), _fits_at(frees_at, cap.limit, moment))
            until = min(until, after_holiday)
    if until <= moment:
        return Proceed(rule=rule)
    return Defer(until=until, reason=Reason.FREQUENCY_CAP, rule=rule)


def _fits_at(frees_at: Sequence[datetime], limit: int, now: datetime) -> datetime:
    """The first instant at which fewer than `limit` messages count."""
    surplus = len(frees_at) - limit
    return now if surplus < 0 else frees_at[surplus]
