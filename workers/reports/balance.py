"""The balance of a campaign: where each of its messages is, and that none is missing.

accepted = sent + blocked + expired + cancelled + failed + in doubt + deferred + waiting
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.policy.vocabulary import HANDED_STATES, MessageState

_LINES = {
    MessageState.BLOCKED: "blocked",
    MessageState.EXPIRED: "expired",
    MessageState.CANCELLED: "cancelled",
    MessageState.FAILED: "failed",
    MessageState.IN_DOUBT: "in_doubt",
    MessageState.DEFERRED: "deferred",
} | dict.fromkeys(HANDED_STATES, "sent")
"""State of a message → line of the balance; every other state is ``waiting``."""

ENDS = ("sent", "blocked", "expired", "cancelled", "failed", "in_doubt")
OPEN = ("deferred", "waiting")


@dataclass(frozen=True, kw_only=True, slots=True)
class Balance:
    """Counts of messages.

    Attributes:
        lines: every line of the balance, zeros included, by its public name.
        reasons: line → reason → messages, for the lines whose messages have reasons.
        states: the states themselves, for who looks closer.
    """

    accepted: int
    lines: Mapping[str, int]
    reasons: Mapping[str, Mapping[str, int]]
    states: Mapping[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """Messages that are on their way through the stages."""
        return self.lines["waiting"]

    def as_json(self) -> dict[str, object]:
        """The balance as ``--json`` shows it."""
        return {"accepted": self.accepted, **self.lines, "reasons": self.reasons}


def balance_of(counts: Mapping[tuple[str, str | None], int]) -> Balance:
    """The balance of messages counted by state and reason."""
    lines: Counter[str] = Counter()
    states: Counter[str] = Counter()
    reasons: dict[str, Counter[str]] = {}
    for (state, reason), messages in counts.items():
        line = _LINES.get(MessageState(state), "waiting")
        lines[line] += messages
        states[state] += messages
        if reason is not None:
            reasons.setdefault(line, Counter())[reason] += messages
    return Balance(
        accepted=sum(counts.values()),
        lines={name: lines[name] for name in (*ENDS, *OPEN)},
        reasons={
            line: dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
            for line, found in sorted(reasons.items())
        },
        states=dict(states),
    )
