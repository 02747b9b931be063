"""The dispatcher's part in thresholds: looks at every sender, and tells what it has found."""

import structlog

from pipeline.stages import thresholds
from workers.runtime import Runtime

log = structlog.get_logger(__name__)

EVERY_SECONDS = 10.0
"""Machine time between two looks."""


class SenderWatch:
    """Any number may run side by side: only one of them suspends a sender."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._told: set[tuple[int, str]] = set()

    def look(self) -> None:
        """Suspend whoever is above a threshold; warn of whoever is near one, once."""
        runtime = self._runtime
        with runtime.transaction() as connection:
            found = thresholds.watch(connection, books=runtime.books, now=runtime.clock.now())
        for one in found.suspended:
            log.error("sender_suspended", sender=one.sender.code, rule=one.rule, saw=one.saw)
        near = {(sender.id, one.threshold.rule): (sender, one) for sender, one in found.near}
        for key in near.keys() - self._told:
            sender, verdict = near[key]
            rule = verdict.threshold.rule
            log.warning("sender_threshold_near", sender=sender.code, rule=rule, saw=verdict.saw)
        self._told = set(near)
