"""What a person prefers beyond their consent: channel, topics, hours. It only ever narrows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time

from pipeline.policy.checks import Check, blocked, passed
from pipeline.policy.country import Window
from pipeline.policy.vocabulary import Category, Channel, Question, Reason

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


def check_preference(
    rule: str,
    preference: Preference,
    *,
    category: Category,
    channel: Channel,
    topic: str | None,
) -> Iterator[Check]:
    """Block for the channel and for the topic that the person does not want, else pass.

    Transactional messages are what a person is owed, and are not held to it. A message without a
    topic is of none that somebody who names topics wants.
    """
    if category is Category.TRANSACTIONAL:
        return
    channels, topics = preference.channels, preference.topics
    other_channel = channels is not None and channel not in channels
    other_topic = topics is not None and _plain(topic or "") not in {_plain(one) for one in topics}
    if other_channel:
        reason = Reason.CHANNEL_NOT_ALLOWED
        yield blocked(Question.CONSENT, rule, reason, wanted=sorted(channels or ()))
    if other_topic:
        yield blocked(Question.CONSENT, rule, Reason.TOPIC_MISMATCH, wanted=sorted(topics or ()))
    if not other_channel and not other_topic:
        yield passed(Question.CONSENT, rule)


def _plain(topic: str) -> str:
    return topic.strip().casefold()
