"""Window decisions for many messages: computed once for a set of zones, then looked up."""

from collections.abc import Iterable
from datetime import date, datetime

from pipeline.policy.calendar import HolidayCalendar
from pipeline.policy.country import CountryPolicy, HolidayRules, Window
from pipeline.policy.instants import in_utc
from pipeline.policy.vocabulary import Category, Channel
from pipeline.policy.window import UNRESTRICTED, Outlook, WindowDecision, look_ahead


class WindowTable:
    """Window decisions for many messages: what `decide_window` says, at a dict look-up each.

    The interval found for a set of zones is kept until it closes or the UTC date changes.
    Nothing is shared between processes and nothing needs to be: every process comes to the same
    answer.

    Args:
        closed_days: dates that the operator closes in every country, besides those in each
            policy's own rules; like holidays they matter only to windows that close on holidays.
        capacity: how many intervals are kept; beyond it the oldest goes.
    """

    def __init__(self, closed_days: Iterable[date] = (), *, capacity: int = 4096) -> None:
        self._closed_days = frozenset(closed_days)
        self._capacity = capacity
        self._calendars: dict[HolidayRules, HolidayCalendar] = {}
        self._outlooks: dict[tuple[object, ...], Outlook] = {}

    def calendar(self, policy: CountryPolicy) -> HolidayCalendar:
        """The holidays of a policy's country, with the operator's days."""
        known = self._calendars.get(policy.holidays)
        if known is None:
            known = HolidayCalendar(policy.holidays, self._closed_days)
            self._calendars[policy.holidays] = known
        return known

    def decide(
        self,
        policy: CountryPolicy,
        category: Category,
        *,
        zones: tuple[str, ...],
        state: str | None,
        now: datetime,
        channel: Channel | None = None,
        states: frozenset[str] = frozenset(),
        preferred: Window | None = None,
    ) -> WindowDecision:
        """As `decide_window`, with every window of the policy that binds the message.

        Args:
            channel: how the message travels; None: whatever binds any channel.
            states: the subdivisions in which the recipient may be; none: any of them.
            preferred: the person's own hours; transactional messages are not held to them.

        Raises:
            ValueError: `now` is naive.
        """
        instant = in_utc(now)
        windows = binding_windows(policy, category, channel, states)
        if preferred is not None and category is not Category.TRANSACTIONAL:
            windows = (*windows, preferred)
        if not windows:
            return UNRESTRICTED
        # The date, so that messages of now and of a campaign that starts next week, decided in
        # turn, do not drive out each other's interval.
        key = (
            policy.version,
            policy.country,
            category,
            tuple(window.rule for window in windows),
            None if preferred is None else tuple(sorted(preferred.hours.items())),
            zones,
            state,
            instant.date(),
        )
        outlook = self._outlooks.get(key)
        if outlook is None or not outlook.since <= instant < outlook.until:
            outlook = look_ahead(windows, zones, self.calendar(policy), state, instant)
            self._keep(key, outlook)
        return outlook.decide(instant)

    def _keep(self, key: tuple[object, ...], outlook: Outlook) -> None:
        self._outlooks.pop(key, None)
        if len(self._outlooks) >= self._capacity:
            del self._outlooks[next(iter(self._outlooks))]
        self._outlooks[key] = outlook


def has_state_windows(policy: CountryPolicy, category: Category) -> bool:
    """Whether any window of a category binds some subdivisions only."""
    return any(window.states for window in policy.windows.get(category, ()))


def binding_windows(
    policy: CountryPolicy, category: Category, channel: Channel | None, states: frozenset[str]
) -> tuple[Window, ...]:
    """The windows of a category that bind a message, those of a state included."""
    windows = policy.windows.get(category, ())
    if len(windows) == 1 and not windows[0].states and len(windows[0].channels) == len(Channel):
        return windows
    return tuple(
        window
        for window in windows
        if (channel is None or channel in window.channels)
        and (not window.states or not states or window.states & states)
    )
