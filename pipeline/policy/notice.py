"""What the lane writes to people of its own accord: in which language, and how often."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

FALLBACK = "en"

SHORT_SPAN, MOST_IN_SHORT = timedelta(minutes=10), 1
LONG_SPAN, MOST_IN_LONG = timedelta(hours=24), 5
"""How many answers one person gets from one sender, so that two machines do not talk for ever.
A confirmation is not counted: it is owed."""


def choose_language(available: Collection[str], wanted: Sequence[str | None], default: str) -> str:
    """The tag among `available` that suits best.

    Each wanted tag is tried in its turn: first itself, then any of the same language, so that
    ``es-PE`` finds ``es`` and ``pt`` finds ``pt-BR``.

    Raises:
        ValueError: nothing is available.
    """
    exact = {_normal(tag): tag for tag in sorted(available, reverse=True)}
    primary = {_primary(tag): tag for tag in sorted(available, reverse=True)}
    for tag in (*wanted, default, FALLBACK):
        if tag:
            found = exact.get(_normal(tag)) or primary.get(_primary(tag))
            if found is not None:
                return found
    if not available:
        raise ValueError("there is no text in any language")
    return min(available)


def may_answer(earlier: Sequence[datetime], *, now: datetime) -> bool:
    """Whether a person may get one more answer from a sender that gave these before."""
    within_short = sum(moment > now - SHORT_SPAN for moment in earlier)
    within_long = sum(moment > now - LONG_SPAN for moment in earlier)
    return within_short < MOST_IN_SHORT and within_long < MOST_IN_LONG


def _normal(tag: str) -> str:
    return tag.replace("_", "-").casefold()


def _primary(tag: str) -> str:
    return _normal(tag).partition("-")[0]
