"""What the sandbox does with a message, by its behaviour of the moment."""

from collections.abc import Mapping

from workers.sandbox import answers
from workers.sandbox.options import Behaviour, Outcome
from workers.sandbox.requestlog import SenderCount
from workers.sandbox.requests import Sending

_GOLDEN = 0.6180339887498949


class Conduct:
    """Decides on messages, the same in every run.

    Args:
        behaviour: how it begins.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._answered = 0
        self._errors_due = 0.0

    def change(self, changes: Mapping[str, object]) -> None:
        """Replace some fields of the behaviour.

        Raises:
            BehaviourError: see `Behaviour.changed`; nothing was changed.
        """
        self.behaviour = self.behaviour.changed(changes)

    def outcome(
        self, sending: Sending, count: SenderCount, at: float
    ) -> tuple[Outcome | None, float]:
        """What happens to a message, and for a rate limit the seconds to wait."""
        behaviour = self.behaviour
        limit = behaviour.rate_limit
        if limit is not None and count.within_last_second(at) >= limit:
            return answers.RATE_LIMITED[sending.dialect], count.wait(at)
        outcome = behaviour.recipients.get(sending.to) if behaviour.recipients else None
        if outcome is None and behaviour.error_rate and self._error_is_due():
            outcome = behaviour.error_code
        return outcome, 0.0

    def _error_is_due(self) -> bool:
        self._errors_due += self.behaviour.error_rate
        if self._errors_due < 1.0 - 1e-9:  # a tenth ten times is a little less than one
            return False
        self._errors_due -= 1.0
        return True

    def delay(self) -> float:
        """Seconds until the next answer."""
        behaviour = self.behaviour
        if not behaviour.jitter_ms:
            return behaviour.latency_ms / 1000
        # Spread evenly and the same in every run: multiples of the golden ratio.
        self._answered += 1
        share = (self._answered * _GOLDEN) % 1.0
        return max(0.0, behaviour.latency_ms + behaviour.jitter_ms * (2 * share - 1)) / 1000
