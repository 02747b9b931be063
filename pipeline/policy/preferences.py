"""What a person prefers beyond their consent: channel, topics, hours. It only ever narrows."""

from dataclasses import dataclass
from datetime import time

from pipeline.policy.country import Window
from pipeline.policy.vocabulary import Channel

WeeklyHours = tuple[tuple[int, tuple[tuple[time, time], ...]], ...]
"""(weekday from 0 = Monday, its half-open spans), ascending; a day that is not named is closed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preference:
    """One person's wishes towards one business.

    Attributes:
        channels: the channels that they want; None: any.
        topics: the topics that they want, compared without case; None: any.
        hours: local hours in which they want to be written to; None: any.
    """

    channels: frozenset[Channel] | None = None
    topics: frozenset[str] | None = None
    hours: WeeklyHours | None = None

    def window(self, rule: str) -> Window | None:
        """The preferred hours as a window of that rule; None: any hour."""
        return None if self.hours is None else Window(rule=rule, hours=dict(self.hours))
