"""What the rules would say of a message now: every one of them, and when it could go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.checks import Check
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.vocabulary import MessageState, Outcome, Reason
from pipeline.stages.books import Books
from pipeline.store import campaigns, history
from pipeline.store.history import MessageHistory
from workers.simulation.addressees import Addressee
from workers.simulation.database_world import DatabaseWorld
from workers.simulation.judge import Judge

_OPEN = frozenset(
    {
        MessageState.ACCEPTED,
        MessageState.CONSENTED,
        MessageState.DEFERRED,
        MessageState.READY,
        MessageState.BLOCKED,
    }
)
"""Messages that have not left: of those that have, the decisions of then are the answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """One message, asked about anew.

    Attributes:
        at: the instant whose rules were asked.
        policy: the version of the rules; None: the country has none.
        not_before: of a deferral, the first instant at which every rule allows it; None: only a
            person can tell.
        checks: every question, in the public order.
    """

    at: datetime
    policy: str | None
    outcome: Outcome
    reason: Reason | None
    rule: str | None
    not_before: datetime | None
    checks: Sequence[Check]


def examine_messages(
    connection: Connection, messages: Sequence[MessageHistory], *, books: Books, now: datetime
) -> Mapping[int, Examination]:
    """Ask every rule about those of the messages that have not left; nothing is changed.

    Each is looked at by itself: the others of its campaign take no room from it.
    """
    asked = [
        one
        for one in messages
        # Of a second row of the same recipient no variables are kept: only the first tells.
        if MessageState(one.state) in _OPEN and one.reason != Reason.DUPLICATE
    ]
    values = history.values(connection, [one.id for one in asked])
    known = campaigns.by_codes(connection, {one.campaign for one in asked})
    found = {}
    for message in asked:
        number = None if message.phone is None else read_number(message.phone)
        if not isinstance(number, NumberFacts):
            continue
        world = DatabaseWorld(connection, known[message.campaign], books=books, at=now)
        person = Addressee(
            id=message.key,
            to=number.e164,
            number=number,
            zones=tuple(message.zones),
            values=values[message.id],
        )
        (ruling,) = Judge(world, at=now).judge([person])
        policy = books.policy(number.country, now)
        found[message.id] = Examination(
            at=now,
            policy=None if policy is None else policy.version,
            outcome=ruling.outcome,
            reason=ruling.reason,
            rule=ruling.rule,
            not_before=ruling.not_before,
            checks=ruling.checks,
        )
    return found
