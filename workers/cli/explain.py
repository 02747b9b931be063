"""``recado explain``: every decision about a message, or about all messages to a person.

Of a message that has not left, every rule is asked again as of now. What the person has written,
and what followed from it, stands beside them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from pipeline.policy.country import Rule
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.store import history, person_history
from pipeline.store.history import MessageHistory, PastDecision
from pipeline.store.person_history import PersonHistory
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.cli.session import session
from workers.cli.show_message import (
    examination_as_json,
    explained,
    next_chance,
    print_message,
)
from workers.cli.show_person import print_person
from workers.reports.examination import Examination, examine_messages
from workers.reports.masks import mask_number
from workers.runtime import Runtime

MOST = 100
"""Messages to a person that are shown, newest first."""

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
        known = _find(runtime, subject.strip())
        rules = _rules(runtime)
        if as_json:
            print_json(_told(known, rules))
            return
        for message in known.messages:
            print_message(
                message,
                key=_key(message, known.number is not None),
                to=_recipient(message, known.number is not None),
                decided=known.decided[message.id],
                now=known.examined.get(message.id),
                rules=rules,
            )
        for contact, person in known.persons.items():
            shown = known.number or _masked(known.messages, contact) or "a person without a number"
            print_person(shown, person)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What was asked for.

    Attributes:
        number: E.164, where it was asked by it: then it may be shown.
        persons: contact → what else is known of each recipient.
        examined: what the rules say now of those messages that have not left.
    """

    number: str | None
    messages: Sequence[MessageHistory]
    decided: Mapping[int, Sequence[PastDecision]]
    persons: Mapping[int, PersonHistory]
    examined: Mapping[int, Examination]


def _find(runtime: Runtime, subject: str) -> _Known:
    number: str | None = None
    if subject.startswith("+"):
        facts = read_number(subject)
        if not isinstance(facts, NumberFacts):
            raise CommandError(f"{subject} is not a valid number", exit_code=UNUSABLE)
        number = facts.e164
    with runtime.transaction() as connection:
        if number is not None:
            found = history.by_phone(connection, number, most=MOST)
            contact = person_history.contact_of(connection, number)
            contacts = set() if contact is None else {contact}
        else:
            numeric = re.fullmatch(r"[0-9]{1,19}", subject) and int(subject) <= LARGEST_ID
            found = history.by_ids(connection, [int(subject)]) if numeric else []
            found = found or history.by_key(connection, subject)
            contacts = {one.contact_id for one in found if one.contact_id is not None}
        persons = person_history.histories(connection, contacts)
        decided = history.decisions(connection, [message.id for message in found])
        now = runtime.clock.now()
        examined = examine_messages(connection, found, books=runtime.books, now=now)
    if not found and not any(persons.values()):
        months = runtime.settings.retention.messages
        raise CommandError(
            f"no message is known for {subject}; {months} months after its campaign's end "
            "a message is removed"
        )
    return _Known(
        number=number, messages=found, decided=decided, persons=persons, examined=examined
    )


def _rules(runtime: Runtime) -> dict[str, Rule]:
    policies = runtime.policies
    rules = {rule.id: rule for pack in policies.packs() for rule in pack.rules}
    # Overlays that were switched off since have left their decisions.
    return rules | {rule.id: rule for overlay in policies.overlays() for rule in overlay.rules}


def _masked(messages: Sequence[MessageHistory], contact: int) -> str | None:
    phones = (message.phone for message in messages if message.contact_id == contact)
    return mask_number(next(phones, None))


def _recipient(message: MessageHistory, open_number: bool) -> str | None:
    return message.phone if open_number else mask_number(message.phone)


def _key(message: MessageHistory, open_number: bool) -> str:
    """The producer's id; where the number stands in for it, it is treated as one."""
    if open_number or not message.key.startswith(("+", "?")):
        return message.key
    return "(none)"


def _told(known: _Known, rules: Mapping[str, Rule]) -> Any:
    """Of a person one object; of a message, which may be one in several campaigns, a list."""
    open_number = known.number is not None
    messages = [_as_json(each, known, rules, open_number) for each in known.messages]
    if known.number is not None:
        person = next(iter(known.persons.values()), PersonHistory())
        return {"to": known.number, **asdict(person), "messages": messages}
    for shown, message in zip(messages, known.messages, strict=True):
        person = known.persons.get(message.contact_id or 0, PersonHistory())
        shown["person"] = asdict(person)
    return messages


def _as_json(
    message: MessageHistory,
    known: _Known,
    rules: Mapping[str, Rule],
    open_number: bool,
) -> dict[str, Any]:
    own = asdict(message)
    del own["phone"], own["contact_id"]
    own["key"] = _key(message, open_number)
    own["to"] = _recipient(message, open_number)
    own["next"] = next_chance(message)
    own["decisions"] = [
        {name: value for name, value in asdict(one).items() if name != "message_id"}
        | explained(one.rule, rules)
        for one in known.decided[message.id]
    ]
    found = known.examined.get(message.id)
    own["rules_now"] = None if found is None else examination_as_json(found, rules)
    return own
