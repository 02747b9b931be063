"""What `recado bench olddata` found, as figures to print."""

from statistics import median
from typing import Any

from benchmarks.olddata import ASKED, Found, Side

STEPS = ("take_in", "decide", "deliver")


def figures(found: Found) -> dict[str, Any]:
    """Each step of today's messages in both databases, and what retention removed."""
    filling = found.filling
    told: dict[str, Any] = {
        "old_messages": filling.messages,
        "old_decisions": filling.decisions,
        "fill_seconds": round(filling.seconds),
        "messages_megabytes": round(filling.messages_bytes / 1e6),
        "decisions_megabytes": round(filling.decisions_bytes / 1e6),
        "messages_a_round": found.per_round,
        "rounds": len(found.full.seconds["deliver"]),
    }
    for step in STEPS:
        told[f"{step}_per_second_empty"] = round(found.per_round / found.empty.middle(step))
        told[f"{step}_per_second_full"] = round(found.per_round / found.full.middle(step))
        told[f"{step}_full_over_empty"] = _ratio(found, step)
    for step, amount in (("explain", ASKED), ("status", 1), ("look", 1)):
        told[f"{step}_milliseconds_empty"] = _milliseconds(found.empty, step, amount)
        told[f"{step}_milliseconds_full"] = _milliseconds(found.full, step, amount)
    told["removed"] = found.removed
    told["removal_seconds"] = {kind: round(s, 2) for kind, s in found.removal_seconds.items()}
    return told


def _ratio(found: Found, step: str) -> float:
    """How fast the full database is, of the empty one's speed: 1 is as fast; the middle round."""
    pairs = zip(found.empty.seconds[step], found.full.seconds[step], strict=True)
    return round(median(empty / full for empty, full in pairs), 3)


def _milliseconds(side: Side, step: str, amount: int) -> float:
    return round(side.middle(step) / amount * 1000, 2)
