"""How often one person may hear from a business: rolling caps."""

from collections.abc import Callable, Sequence
from datetime import datetime

from pipeline.policy.country import Cap
from pipeline.policy.decision import Decision, Defer, Proceed
from pipeline.policy.instants import in_utc
from pipeline.policy.vocabulary import Channel, Reason


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


def limit_of(cap: Cap, *, on_holiday: bool) -> int:
    """How many messages a cap allows within its period."""
    lowered = cap.holiday_limit
    return lowered if on_holiday and lowered is not None else cap.limit


def decide_frequencies(
    caps: Sequence[Cap],
    sent: Sequence[datetime],
    *,
    now: datetime,
    on_holiday: bool = False,
    holiday_ends: datetime | None = None,
) -> Decision:
    """As `decide_frequency`, for caps that hold together: the one that frees up last decides.

    Raises:
        ValueError: an instant is naive.
    """
    found: Decision = Proceed(rule=caps[0].rule) if caps else Proceed()
    for cap in caps:
        decision = decide_frequency(
            cap, sent, now=now, on_holiday=on_holiday, holiday_ends=holiday_ends
        )
        if isinstance(decision, Defer) and not (
            isinstance(found, Defer) and _until(found) >= _until(decision)
        ):
            found = decision
    return found


def _until(defer: Defer) -> datetime:
    if defer.until is None:
        raise ValueError("a cap always tells when it frees up")
    return defer.until


def binding_caps(
    caps: Sequence[Cap], channel: Channel, states: Callable[[], frozenset[str]]
) -> Sequence[Cap]:
    """The caps that bind a message.

    Args:
        caps: those of its category.
        states: tells the subdivisions in which the recipient may be, none being any of them;
            asked only where a cap binds some of them.
    """
    bound: list[Cap] = []
    for cap in caps:
        if channel not in cap.channels:
            continue
        if cap.states:
            possible = states()
            if possible and not cap.states & possible:
                continue
        bound.append(cap)
    return bound
