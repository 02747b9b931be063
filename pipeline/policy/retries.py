"""When a message that a provider has refused is tried again, and when no more.

Pauses grow with each refusal, and are drawn at random below their ceiling ("full jitter"), so that
messages that were refused together do not come back together.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

_MOST_GROWTH = 32
"""Doublings after which a pause is longer than anything; a power of more is of no use."""


class End(StrEnum):
    """Why a message is not tried again as it stands."""

    TOO_MANY = "too_many"
    """It was refused so often that another try is of no use."""
    EXPIRED = "expired"
    """Its campaign would be over by then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Again:
    """It is tried again.

    Attributes:
        pause: seconds.
        decide_anew: it has to be decided again by then: it waits long, or its window closes first.
        window_closed: its window closes first.
    """

    pause: float
    decide_anew: bool
    window_closed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often, and after how long.

    Attributes:
        first_pause: seconds; the first ceiling is twice that.
        longest_pause: seconds; no ceiling lies above. A provider may ask for longer.
        most_refusals: after so many a message has failed.
        most_turned_away: the same for refusals that are not about the message: its sender is over
            its rate, its account rests. There are more of them, and they say nothing about it.
        short_pause: seconds. A message waits so long as it is; after longer ones it is decided
            again, since its window may have closed or its recipient left.
    """

    first_pause: float = 1.0
    longest_pause: float = 600.0
    most_refusals: int = 8
    most_turned_away: int = 40
    short_pause: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ValueError: a pause is not above zero, or a bound below one.
        """
        if not 0 < self.first_pause <= self.longest_pause:
            raise ValueError("pauses must be above zero, and the first no longer than the longest")
        if min(self.most_refusals, self.most_turned_away) < 1:
            raise ValueError("a message must be refused at least once before it fails")

    def pause(self, refusals: int, *, retry_after: float | None, chance: float) -> float:
        """Seconds to wait after this many refusals.

        Args:
            refusals: with the one just met, from 1.
            retry_after: seconds that the provider asked for; it is never asked earlier.
            chance: from 0 to 1, drawn at random.
        """
        ceiling: float = min(
            self.longest_pause, self.first_pause * 2.0 ** min(refusals, _MOST_GROWTH)
        )
        return max(retry_after or 0.0, chance * ceiling)

    def decide(
        self,
        refusals: int,
        *,
        turned_away: bool,
        retry_after: float | None,
        chance: float,
        now: datetime,
        window_closes_at: datetime | None,
        expires_at: datetime | None,
    ) -> Again | End:
        """Whether a message is tried again, and when.

        Args:
            refusals: with the one just met, from 1.
            turned_away: the refusal was not about this message.
            retry_after, chance: see `pause`.
            now: business instant.
            window_closes_at: when its window closes; None: it never does.
            expires_at: when its campaign ends; None: never.
        """
        if refusals >= (self.most_turned_away if turned_away else self.most_refusals):
            return End.TOO_MANY
        pause = self.pause(refusals, retry_after=retry_after, chance=chance)
        moment = now + timedelta(seconds=pause)
        if expires_at is not None and moment >= expires_at:
            return End.EXPIRED
        closed = window_closes_at is not None and moment >= window_closes_at
        return Again(
            pause=pause, decide_anew=closed or pause > self.short_pause, window_closed=closed
        )
