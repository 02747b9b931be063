"""What came of asking one question about one message: the line that an officer reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pipeline.policy.decision import Block, Decision, Defer, Proceed
from pipeline.policy.vocabulary import Question, Reason


class CheckOutcome(StrEnum):
    """How a check ended. `skipped`: a fact that it needs was not given, on purpose."""

    PASS = "pass"  # noqa: S105 - a public name, no password
    WARN = "warn"
    DEFER = "defer"
    BLOCK = "block"
    SKIPPED = "skipped"


_NOTHING: Mapping[str, object] = {}
_STOPPING = (CheckOutcome.DEFER, CheckOutcome.BLOCK)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One rule, and what it says of one message.

    Attributes:
        rule: its id; None where no country's rule asks, e.g. the number itself.
        reason: why it did not pass, or what is warned of.
        until: of a deferral, the first instant at which this rule allows it; None: only a
            person can tell.
        saw: what the rule looked at, JSON-like; never a number or a text in clear.
    """

    question: Question
    outcome: CheckOutcome
    rule: str | None = None
    reason: Reason | None = None
    until: datetime | None = None
    saw: Mapping[str, object] = field(default_factory=lambda: _NOTHING)

    @property
    def stops(self) -> bool:
        """Whether the message cannot go now because of it."""
        return self.outcome in _STOPPING

    @property
    def decision(self) -> Decision:
        """The check as a decision about the message."""
        if self.outcome is CheckOutcome.BLOCK and self.reason is not None:
            return Block(reason=self.reason, rule=self.rule)
        if self.outcome is CheckOutcome.DEFER and self.reason is not None:
            return Defer(until=self.until, reason=self.reason, rule=self.rule)
        return Proceed(rule=self.rule)


def passed(question: Question, rule: str | None = None, **saw: object) -> Check:
    """The rule allows it."""
    return Check(question=question, outcome=CheckOutcome.PASS, rule=rule, saw=saw or _NOTHING)


def skipped(question: Question, rule: str | None = None, **saw: object) -> Check:
    """The rule was not asked."""
    return Check(question=question, outcome=CheckOutcome.SKIPPED, rule=rule, saw=saw or _NOTHING)


def warned(question: Question, rule: str | None, reason: Reason | None, **saw: object) -> Check:
    """The rule lets it pass, and wants it to be known."""
    return Check(
        question=question,
        outcome=CheckOutcome.WARN,
        rule=rule,
        reason=reason,
        saw=saw or _NOTHING,
    )


def blocked(question: Question, rule: str | None, reason: Reason, **saw: object) -> Check:
    """The rule forbids it for good."""
    return Check(
        question=question,
        outcome=CheckOutcome.BLOCK,
        rule=rule,
        reason=reason,
        saw=saw or _NOTHING,
    )


def judged(question: Question, decision: Decision, **saw: object) -> Check:
    """A decision as a check."""
    match decision:
        case Block():
            return blocked(question, decision.rule, decision.reason, **saw)
        case Defer():
            return Check(
                question=question,
                outcome=CheckOutcome.DEFER,
                rule=decision.rule,
                reason=decision.reason,
                until=decision.until,
                saw=saw or _NOTHING,
            )
        case Proceed():
            return passed(question, decision.rule, **saw)


def first_stop(checks: Iterable[Check]) -> Check | None:
    """The check that decides: the first that does not let the message go now."""
    for check in checks:
        if check.outcome in _STOPPING:
            return check
    return None
