"""When an account is given a rest because its provider fails, and when it is tried again.

A circuit breaker: `Tally` watches the answers of one account in one process and says when they are
too bad to go on; `BreakerPolicy` says how long the rest is. Who keeps the rest, and who may try the
account first when it is over, is the store's business.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

PROBE_LIFE = timedelta(seconds=30)
"""Machine time after which another process may try an account: whoever tried it is lost."""

_ANSWER_MARGIN = 10.0


def probe_life(request_timeouts: Iterable[float]) -> timedelta:
    """How long one process may try an account: longer than any request of its takes.

    Otherwise the next would try it before the first has its answer, and no rest would be longer.

    Args:
        request_timeouts: seconds, of every account.
    """
    longest = max(request_timeouts, default=0.0) + _ANSWER_MARGIN
    return max(PROBE_LIFE, timedelta(seconds=longest))


class Sign(StrEnum):
    """What one attempt tells of the account's health."""

    ANSWERED = "answered"
    """It said something definite; a person's mistake is no fault of the provider's."""
    FAILED = "failed"
    """It could not be reached, did not answer in time, or is broken."""
    FULL = "full"
    """It is well, and takes no more from this account for now."""
    UNREADY = "unready"
    """No connection was there in time: as usual with the first requests, a sign if it goes on."""
    NOTHING = "nothing"
    """It tells nothing: a single sender's rate, or our own failure."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakerPolicy:
    """How much is borne, and how long an account rests.

    Attributes:
        failures: so many within `window` are needed.
        share: and they are at least this part of the answers in it, from 0 to 1.
        window: seconds that are looked at; without any connection for as long, an account rests.
        first_rest: seconds; each further rest in a row is twice as long.
        longest_rest: seconds; no rest is longer, unless the provider asks for it.
        probe_messages: messages with which it is tried after a rest.
    """

    failures: int = 5
    share: float = 0.5
    window: float = 10.0
    first_rest: float = 5.0
    longest_rest: float = 300.0
    probe_messages: int = 5

    def rest(self, rests: int, *, chance: float, retry_after: float | None = None) -> float:
        """Seconds of the rest that is the `rests`-th in a row, from 1.

        Args:
            chance: from 0 to 1, drawn at random: accounts that failed together are not tried
                together. A rest is shortened by at most a quarter.
            retry_after: seconds that the provider asked for; never asked earlier.
        """
        whole: float = min(self.longest_rest, self.first_rest * 2.0 ** min(rests - 1, 32))
        return max(retry_after or 0.0, whole * (1 - chance / 4))


@dataclass(slots=True)
class Tally:
    """The answers of one account, in one process; moments are monotonic seconds."""

    policy: BreakerPolicy
    _signs: deque[tuple[float, bool]] = field(default_factory=deque)
    _failures: int = 0
    _unready_since: float | None = None

    def add(self, sign: Sign, moment: float) -> bool:
        """Count one; say whether the account needs a rest now. Then the count begins anew."""
        if sign is Sign.UNREADY:
            if self._unready_since is None:
                self._unready_since = moment
            exhausted = moment - self._unready_since >= self.policy.window
        elif sign in (Sign.ANSWERED, Sign.FAILED):
            self._unready_since = None
            exhausted = self._count(failed=sign is Sign.FAILED, moment=moment)
        else:
            exhausted = sign is Sign.FULL
        if exhausted:
            self.clear()
        return exhausted

    def clear(self) -> None:
        """Forget everything."""
        self._signs.clear()
        self._failures = 0
        self._unready_since = None

    def _count(self, *, failed: bool, moment: float) -> bool:
        self._signs.append((moment, failed))
        self._failures += failed
        while self._signs[0][0] <= moment - self.policy.window:
            self._failures -= self._signs.popleft()[1]
        enough = self._failures >= self.policy.failures
        return failed and enough and self._failures >= self.policy.share * len(self._signs)
