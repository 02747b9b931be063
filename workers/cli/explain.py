"""``recado explain``: every decision about a message, or about all messages to a person."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from pipeline.policy.country import Rule
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import CampaignState, MessageState
from pipeline.store import history
from pipeline.store.history import MessageHistory, PastDecision
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.cli.session import session
from workers.runtime import Runtime

MOST = 100
"""Messages to a person that are shown, newest first."""

SHOWN_DIGITS = 3
LARGEST_ID = 2**63 - 1


def explain(
    subject: Annotated[
        str, typer.Argument(metavar="MESSAGE_ID|+E164", help="A message's id, or a number.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Every decision in order: its rule and source, the policy's version, and what comes next.

    MESSAGE_ID is Recado's own, or the id that the producer gave.
    """
    with session() as runtime:
        open_number = subject.strip().startswith("+")
        found = _find(runtime, subject.strip())
        with runtime.transaction() as connection:
            decided = history.decisions(connection, [message.id for message in found])
        rules = _rules(runtime)
        if as_json:
            shown = [_as_json(each, decided[each.id], rules, open_number) for each in found]
            print_json(shown)
            return
        for message in found:
            _print(message, decided[message.id], rules, open_number)


def _find(runtime: Runtime, subject: str) -> list[MessageHistory]:
    with runtime.transaction() as connection:
        if subject.startswith("+"):
            number = read_number(subject)
            if not isinstance(number, NumberFacts):
                raise CommandError(f"{subject} is not a valid number", exit_code=UNUSABLE)
            found = history.by_phone(connection, number.e164, most=MOST)
        else:
            numeric = re.fullmatch(r"[0-9]{1,19}", subject) and int(subject) <= LARGEST_ID
            found = history.by_ids(connection, [int(subject)]) if numeric else []
            found = found or history.by_key(connection, subject)
    if not found:
        raise CommandError(f"no message is known for {subject}")
    return found


def _rules(runtime: Runtime) -> dict[str, Rule]:
    return {rule.id: rule for pack in runtime.policies.packs() for rule in pack.rules}


def _mask(number: str) -> str:
    """A number of which only the country and the last digits can be read."""
    return f"{number[:SHOWN_DIGITS]}…{number[-SHOWN_DIGITS + 1 :]}"


def _recipient(message: MessageHistory, open_number: bool) -> str | None:
    if message.phone is None:
        return None
    return message.phone if open_number else _mask(message.phone)


def _key(message: MessageHistory, open_number: bool) -> str:
    """The producer's id; where the number stands in for it, it is treated as one."""
    if open_number or not message.key.startswith(("+", "?")):
        return message.key
    return "(none)"


def next_chance(message: MessageHistory) -> str:
    """What has to happen before the message can leave, in words."""
    state = MessageState(message.state)
    if state is MessageState.DEFERRED and message.not_before is not None:
        return f"decided again at {message.not_before.isoformat()}"
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


def _explained(rule: str | None, rules: Mapping[str, Rule]) -> dict[str, Any]:
    known = rules.get(rule) if rule is not None else None
    return {
        "rule": rule,
        "summary": known.summary if known else None,
        "source": known.source if known else None,
    }


def _as_json(
    message: MessageHistory,
    decided: Sequence[PastDecision],
    rules: Mapping[str, Rule],
    open_number: bool,
) -> dict[str, Any]:
    own = asdict(message)
    del own["phone"]
    own["key"] = _key(message, open_number)
    own["to"] = _recipient(message, open_number)
    own["next"] = next_chance(message)
    own["decisions"] = [
        {name: value for name, value in asdict(one).items() if name != "message_id"}
        | _explained(one.rule, rules)
        for one in decided
    ]
    return own


def _print(
    message: MessageHistory,
    decided: Sequence[PastDecision],
    rules: Mapping[str, Rule],
    open_number: bool,
) -> None:
    to = _recipient(message, open_number) or "an unusable number"
    where = f"{message.country or '?'} ({', '.join(message.zones) or 'no zone'})"
    print(f"Message {message.id} of campaign {message.campaign} to {to}, {where}")
    print(f"  id of the producer: {_key(message, open_number)}")
    sender = f", sender {message.sender}" if message.sender else ""
    sent = f", sent at {message.sent_at.isoformat()}" if message.sent_at else ""
    print(f"  now: {message.state}{f' ({message.reason})' if message.reason else ''}{sender}{sent}")
    print(f"  next: {next_chance(message)}")
    for one in decided:
        reason = f" {one.reason}" if one.reason else ""
        print(f"  {one.decided_at.isoformat()}  {one.stage}: {one.outcome}{reason}")
        explained = _explained(one.rule, rules)
        if one.rule is not None:
            print(f"      rule {one.rule}: {explained['summary'] or 'no longer in the packs'}")
            print(f"      source: {explained['source'] or 'unknown'}; policy {one.policy}")
        if one.detail:
            told = ", ".join(f"{name}: {value}" for name, value in one.detail.items() if value)
            print(f"      {told}")
    print()
