"""Pacing: when each message of a sender may leave, over all workers together.

A sender's rate is a sequence of slots, each an instant on Redis' clock, no two closer than the
sender's interval. A worker asks for the slots of the next moment for all its senders in one
call, and starts each request at its slot or gives the message back.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from redis import Redis

KEY_PREFIX = "recado:{pace}:"
"""The braces keep every sender's key on one node of a Redis cluster, for one script to see."""

SAFETY = 0.958
"""Share of a sender's rate that is used. What is left, 1 / 0.958 - 1 = 43 ms of every second, pays
for all that brings two requests nearer to each other than their slots are: `LATEST_START`, an
error in the slots' place (half of the courier's longest call, 8 ms), and 17 ms for the wire."""

LATEST_START = 0.018
"""Seconds after its slot at which a request may still start; past them the slot is forfeited."""

LONGEST_PHASE = 1.0
"""Seconds by which a new sender's first slot is put off at most, so that senders spread out."""

KEEPS = 0.5
"""Share of its present rate that a sender keeps when its provider finds it too fast."""

LEAST = 0.05
"""Share of its own rate that a sender always keeps: without sending nobody learns that it may."""

ONE_EVENT = 2.0
"""Seconds in which refusals for the rate are one event: what was on the wire is refused, too."""

RECOVERY = 60.0
"""Seconds in which a sender at its own rate would come back from nothing. It comes back by messages
that its provider takes: from half of its rate in 42 s, from the least in three minutes."""

MEMORY = 3600.0
"""Seconds after which a slowing is forgotten, though nothing was sent."""

SLOWED_KEY = KEY_PREFIX + "slowed"

_GOLDEN = 0.618034
"""Multiples of it, modulo 1, spread evenly, however many there are."""

LONGEST_HORIZON = 0.25
"""Seconds after which no caller may ask for slots. When Redis has lost its data the first new slot
lies behind it: some other caller may hold slots up to there."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Slots for one sender.

    Attributes:
        delay: seconds from the call's moment to the first slot.
        interval: seconds between two slots; longer than the rate's own where it was slowed.
        count: how many were granted; 0: the first free slot lies beyond the horizon.
    """

    delay: float
    interval: float
    count: int


class Pace:
    """The slots of all senders, kept in Redis.

    Args:
        client: a connection without retries: a call whose answer is lost has granted slots
            already, and losing them is harmless where granting them twice is not.
    """

    def __init__(self, client: "Redis") -> None:
        folder = files("pipeline.limits")
        self._client = client
        self._script = client.register_script(folder.joinpath("pace.lua").read_text())
        self._slow = client.register_script(folder.joinpath("slow.lua").read_text())

    def take(
        self,
        wanted: Mapping[int, tuple[float, int]],
        *,
        lead: float,
        horizon: float,
        taken: Mapping[int, int] | None = None,
    ) -> dict[int, Grant]:
        """Ask for slots: sender id → (messages a second, slots wanted).

        Args:
            taken: messages of each sender that its provider has taken since the last call: they
                raise the rate of one that was slowed.
            lead: seconds before which no slot lies: what claiming the messages takes.
            horizon: seconds after which no slot lies; at most `LONGEST_HORIZON`.

        Raises:
            ValueError: the horizon is too long.
            redis.RedisError: Redis does not answer; nothing may be sent without slots.
        """
        if horizon > LONGEST_HORIZON:
            raise ValueError(f"horizon is {horizon} s; at most {LONGEST_HORIZON}")
        arguments = [
            _microseconds(seconds) for seconds in (lead, horizon, LONGEST_HORIZON, RECOVERY, MEMORY)
        ]
        for sender, (rate, slots) in wanted.items():
            interval = interval_of(rate)
            phase = min(interval, LONGEST_PHASE) * (sender * _GOLDEN % 1)
            known = 0 if taken is None else taken.get(sender, 0)
            arguments += [
                sender,
                _microseconds(interval),
                slots,
                _microseconds(phase),
                known,
            ]
        answer: Sequence[bytes | str | int] = self._script(
            keys=[*(f"{KEY_PREFIX}{sender}" for sender in wanted), SLOWED_KEY], args=arguments
        )
        now = int(answer[0])
        return {
            sender: Grant(
                delay=(int(answer[1 + 3 * i]) - now) / 1e6,
                interval=int(answer[3 + 3 * i]) / 1e6,
                count=int(answer[2 + 3 * i]),
            )
            for i, sender in enumerate(wanted)
        }

    def slow(self, sender_id: int, *, retry_after: float | None) -> float | None:
        """Lower a sender's rate, for all workers: its provider found it too fast.

        Args:
            retry_after: seconds for which it gets no slots at all; those that were granted ahead
                lie within `LONGEST_HORIZON`.

        Returns:
            The share of its own rate that it has now; None: it was lowered a moment ago, for
            messages that left at the same time.

        Raises:
            redis.RedisError: Redis does not answer; the next refusal says the same.
        """
        pause = min(retry_after or 0.0, MEMORY)
        lowered, share = self._slow(
            keys=[SLOWED_KEY, f"{KEY_PREFIX}{sender_id}"],
            args=[
                sender_id,
                KEEPS,
                LEAST,
                _microseconds(ONE_EVENT),
                math.ceil(pause * 1e6),
                _microseconds(LONGEST_HORIZON),
            ],
        )
        return int(share) / 1e6 if int(lowered) else None

    def slowed(self) -> dict[int, float]:
        """The senders that are slowed, each with the share of its own rate that it has.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        seconds, _ = self._client.time()
        held: Any = self._client.hgetall(SLOWED_KEY)
        shares = {int(field): value.split(b":") for field, value in held.items()}
        return {
            sender: float(share)
            for sender, (share, lowered) in shares.items()
            if seconds - int(lowered) / 1e6 <= MEMORY
        }


def interval_of(rate_per_second: float) -> float:
    """Seconds between two slots of a sender with this rate."""
    return 1.0 / (rate_per_second * SAFETY)


def _microseconds(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1e6))
