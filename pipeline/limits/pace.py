"""Pacing: when each message of a sender may leave, over all workers together.

A sender's rate is a sequence of slots, each an instant on Redis' clock, no two closer than the
sender's interval. A worker asks for the slots of the next moment for all its senders in one
call, and starts each request at its slot or gives the message back.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

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
        interval: seconds between two slots.
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
        script = files("pipeline.limits").joinpath("pace.lua").read_text()
        self._script = client.register_script(script)

    def take(
        self,
        wanted: Mapping[int, tuple[float, int]],
        *,
        lead: float,
        horizon: float,
    ) -> dict[int, Grant]:
        """Ask for slots: sender id → (messages a second, slots wanted).

        Args:
            lead: seconds before which no slot lies: what claiming the messages takes.
            horizon: seconds after which no slot lies; at most `LONGEST_HORIZON`.

        Raises:
            ValueError: the horizon is too long.
            redis.RedisError: Redis does not answer; nothing may be sent without slots.
        """
        if horizon > LONGEST_HORIZON:
            raise ValueError(f"horizon is {horizon} s; at most {LONGEST_HORIZON}")
        senders = list(wanted)
        intervals = [interval_of(wanted[sender][0]) for sender in senders]
        arguments: list[int] = [
            _microseconds(lead),
            _microseconds(horizon),
            _microseconds(LONGEST_HORIZON),
        ]
        for sender, interval in zip(senders, intervals, strict=True):
            phase = min(interval, LONGEST_PHASE) * (sender * _GOLDEN % 1)
            arguments += [_microseconds(interval), wanted[sender][1], _microseconds(phase)]
        answer: Sequence[bytes | str | int] = self._script(
            keys=[f"{KEY_PREFIX}{sender}" for sender in senders], args=arguments
        )
        now = int(answer[0])
        return {
            sender: Grant(
                delay=(int(answer[1 + 2 * i]) - now) / 1e6,
                interval=intervals[i],
                count=int(answer[2 + 2 * i]),
            )
            for i, sender in enumerate(senders)
        }


def interval_of(rate_per_second: float) -> float:
    """Seconds between two slots of a sender with this rate."""
    return 1.0 / (rate_per_second * SAFETY)


def _microseconds(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1e6))
