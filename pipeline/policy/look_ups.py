"""When a message in doubt is looked up at its provider, and what the answers prove."""

from dataclasses import dataclass

STEPS = (1, 4, 6, 5, 14, 30, 60, 120)
"""Pauses before each look-up, as multiples of the first: at 1, 5, 11, 16, 30, 60 and 120 minutes,
and at 4 hours. A provider lists a message some seconds after it took it, and a doubt that
outlasts an hour is mostly one that no look-up ends."""

SURE_AFTER = 10
"""So many times the first pause after the doubt began, a message that the provider had would be in
its list: only then does its absence count."""

ENOUGH = 2
"""Look-ups in a row that found nothing, from then on: one alone could be an index that lags."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LookUpPlan:
    """When look-ups are made.

    Attributes:
        first: seconds of machine time from the doubt to the first look-up.
    """

    first: float = 60.0

    def pause(self, looked: int) -> float | None:
        """Seconds until the next look-up, after so many; None: there is no other."""
        return self.first * STEPS[looked] if looked < len(STEPS) else None

    def counts(self, looked: int) -> bool:
        """Whether absence proves anything at the look-up after `looked` others."""
        return sum(STEPS[: looked + 1]) >= SURE_AFTER
