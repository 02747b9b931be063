"""How ``recado explain`` shows one message: what was decided, and what the rules say now."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.policy.checks import Check, CheckOutcome
from pipeline.policy.country import Rule
from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import CampaignState, MessageState, Reason
from pipeline.store.history import MessageHistory, PastDecision
from workers.reports.examination import Examination


def next_chance(message: MessageHistory) -> str:
    """What has to happen before the message can leave, in words."""
    state = MessageState(message.state)
    if state is MessageState.DEFERRED and message.not_before is not None:
        again = f"decided again at {message.not_before.isoformat()}"
        if message.reason == Reason.SUPPRESSED:
            return f"{again}, or when the reply that holds it is decided on: recado reviews list"
        return again
    if state is MessageState.DEFERRED:
        return "when a person lifts what holds it"
    if state in (MessageState.ACCEPTED, MessageState.CONSENTED):
        return "on its way through the stages"
    if state is MessageState.READY:
        return _turn(message)
    if state is MessageState.SENDING:
        return "it is being sent"
    if state is MessageState.IN_DOUBT:
        return "none: only evidence from the provider settles it; it is never sent blindly again"
    return "none: this is its end"


def _turn(message: MessageHistory) -> str:
    if message.campaign_state == CampaignState.PAUSED:
        return f"when its campaign is resumed: recado campaign resume {message.campaign}"
    if message.sender_state == SenderState.SUSPENDED:
        return f"when its sender {message.sender} is active again"
    closes = message.window_closes_at
    until = f", until its window closes at {closes.isoformat()}" if closes else ""
    return f"when its sender's turn comes{until}"


def explained(rule: str | None, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """A rule's id with what it says and where it comes from."""
    known = rules.get(rule) if rule is not None else None
    return {
        "rule": rule,
        "summary": known.summary if known else None,
        "source": known.source if known else None,
    }


def examination_as_json(found: Examination, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """Every rule as it is now, and what it saw."""
    return {
        "at": found.at,
        "policy": found.policy,
        "outcome": found.outcome,
        "reason": found.reason,
        "not_before": found.not_before,
        **explained(found.rule, rules),
        "checks": [
            {
                "question": check.question,
                "outcome": check.outcome,
                "reason": check.reason,
                "until": check.until,
                "saw": dict(check.saw),
                **explained(check.rule, rules),
            }
            for check in found.checks
        ],
    }


def print_message(
    message: MessageHistory,
    *,
    key: str,
    to: str | None,
    decided: Sequence[PastDecision],
    now: Examination | None,
    rules: Mapping[str, Rule],
) -> None:
    """The whole story in plain words.

    Args:
        key, to: the producer's id and the number, as far as they may be shown.
        now: None where the message has left, or its number is not known.
    """
    where = f"{message.country or '?'} ({', '.join(message.zones) or 'no zone'})"
    person = to or "an unusable number"
    print(f"Message {message.id} of campaign {message.campaign} to {person}, {where}")
    print(f"  id of the producer: {key}")
    sender = f", sender {message.sender}" if message.sender else ""
    times = {"sent": message.sent_at, "delivered": message.delivered_at, "read": message.read_at}
    reached = "".join(f", {name} at {at.isoformat()}" for name, at in times.items() if at)
    reason = f" ({message.reason})" if message.reason else ""
    print(f"  now: {message.state}{reason}{sender}{reached}")
    print(f"  next: {next_chance(message)}")
    for one in decided:
        _print_decision(one, rules)
    if now is not None:
        _print_examination(now, rules)
    print()


def _print_decision(one: PastDecision, rules: Mapping[str, Rule]) -> None:
    reason = f" {one.reason}" if one.reason else ""
    print(f"  {one.decided_at.isoformat()}  {one.stage}: {one.outcome}{reason}")
    told = explained(one.rule, rules)
    if one.rule is not None:
        print(f"      rule {one.rule}: {told['summary'] or 'no longer in the packs'}")
        print(f"      source: {told['source'] or 'unknown'}; policy {one.policy}")
    detail = dict(one.detail or {})
    saw = detail.pop("saw", {})
    if saw:
        print(f"      saw {_told(saw)}")
    for rule in detail.pop("warnings", []):
        print(f"      warned by {rule}: {explained(rule, rules)['summary'] or 'no longer known'}")
    if any(detail.values()):
        print(f"      {_told({name: value for name, value in detail.items() if value})}")


def _print_examination(found: Examination, rules: Mapping[str, Rule]) -> None:
    by = f" by policy {found.policy}" if found.policy else ""
    print(f"  Every rule, as of {found.at.isoformat(timespec='seconds')}{by}: {_verdict(found)}")
    for check in found.checks:
        if check.rule is not None or check.outcome is not CheckOutcome.PASS:
            _print_check(check, rules)


def _verdict(found: Examination) -> str:
    if found.reason is None:
        return "it may go now"
    if found.not_before is not None:
        return f"{found.reason}; every rule allows it from {found.not_before.isoformat()}"
    return f"{found.reason}; {'for good' if found.outcome == 'block' else 'until a person acts'}"


def _print_check(check: Check, rules: Mapping[str, Rule]) -> None:
    reason = f" {check.reason}" if check.reason else ""
    until = f" until {check.until.isoformat()}" if check.until else ""
    print(f"    {check.outcome.value:<7} {check.question.value}{reason}{until}")
    told = explained(check.rule, rules)
    if check.rule is not None:
        print(f"            rule {check.rule}: {told['summary'] or ''}")
        print(f"            source: {told['source'] or 'unknown'}")
    if check.saw:
        print(f"            saw {_told(check.saw)}")


def _told(values: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {_plain(value)}" for name, value in values.items())


def _plain(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "none"
    return "unknown" if value is None else str(value)
