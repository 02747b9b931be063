"""What a decision is: a value with its reason, never a boolean."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.policy.vocabulary import Outcome, Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Proceed:
    """No rule stands in the way now. `rule` names the rule that was checked, where there is one."""

    rule: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The public name of this decision."""
        return Outcome.SEND


@dataclass(frozen=True, kw_only=True, slots=True)
class Defer:
    """A rule forbids it now and allows it later.

    Attributes:
        until: the first instant (aware, UTC) at which this rule allows it; None when only a
            person can tell (a suspended sender, a paused campaign).
        reason: the public code.
        rule: the rule's id, e.g. ``br_window_marketing``; None for what is no country's rule.
    """

    until: datetime | None
    reason: Reason
    rule: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The public name of this decision."""
        return Outcome.DEFER


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A rule forbids it, and no waiting will change that."""

    reason: Reason
    rule: str | None = None

    @property
    def outcome(self) -> Outcome:
        """The public name of this decision."""
        return Outcome.BLOCK


Decision = Proceed | Defer | Block
