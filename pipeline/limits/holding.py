"""What holds producers back, and what to do about it."""

from collections.abc import Iterable, Sequence

from pipeline.limits.belt import Belt
from pipeline.policy.pressure import Load, Pressure, Strain, strains

FULL = Strain(pressure=Pressure.REDIS_MEMORY, share=1.0, producers_wait=True)
"""Redis had no memory a moment ago."""


def strains_of(belt: Belt, room: int) -> list[Strain]:
    """What is under pressure when the stream may hold `room` entries."""
    return strains(
        Load(
            memory=belt.memory,
            memory_limit=belt.memory_limit,
            stream=belt.stream,
            stream_limit=room,
        )
    )


def holding(found: Iterable[Strain]) -> list[Strain]:
    """Those for which producers wait."""
    return [one for one in found if one.producers_wait]


def why_to_wait(found: Sequence[Strain], belt: Belt, patience: float) -> str:
    """What has held a producer back for `patience` seconds, and the remedy."""
    first = found[0]
    if first.pressure is Pressure.REDIS_MEMORY:
        return (
            f"Redis has used {first.share:.0%} of its memory for {patience:g} s; start more of "
            "recado intake or raise its maxmemory, then send again"
        )
    return (
        f"the stream has held {belt.stream} entries for {patience:g} s and none was taken; "
        "start recado intake or, if it waits for the stages, more of their workers, then send again"
    )
