"""A person's decision on a reply that nobody could understand."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy.engine import Connection

from pipeline.policy.instants import in_utc
from pipeline.policy.replies.meaning import Intent, Scope
from pipeline.stages import leaving
from pipeline.stages.books import Books
from pipeline.stages.leaving import Leaving
from pipeline.store import opt_outs, received, reviews
from pipeline.store.received import KnownPerson
from pipeline.store.reviews import Reviewable

ORIGIN = "review"


class Decision(StrEnum):
    """What a person takes a held reply for."""

    OPT_OUT = "opt_out"
    COMPLAINT = "complaint"
    WRONG_NUMBER = "wrong_number"
    NONE = "none"
    """It was no wish to leave: what was held goes on."""


_MEANING: Mapping[Decision, tuple[Intent, Scope | None]] = {
    Decision.OPT_OUT: (Intent.OPT_OUT, Scope.ALL),
    Decision.COMPLAINT: (Intent.COMPLAINT, Scope.ALL),
    Decision.WRONG_NUMBER: (Intent.OPT_OUT, Scope.NUMBER),
    Decision.NONE: (Intent.NONE, None),
}


class UndecidableError(Exception):
    """A decision that cannot be taken; the text names the reply, and nothing was changed.

    Attributes:
        unknown: no reply with this number was ever held; else it cannot be decided so, or not
            any more.
    """

    def __init__(self, text: str, *, unknown: bool = False) -> None:
        super().__init__(text)
        self.unknown = unknown


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """What a decision did.

    Attributes:
        decided: replies on which it was taken now.
        repeated: replies on which it had been taken before; they were left as they are.
        in_force: those now decided that put an opt-out in force; the lane has work with them.
        taken_back: those now decided of people who have come back since by a START.
        released: messages that were held and are decided again now.
    """

    decided: tuple[int, ...]
    repeated: tuple[int, ...]
    in_force: tuple[int, ...]
    taken_back: tuple[int, ...]
    released: int


def decide(
    connection: Connection,
    ids: Collection[int],
    decision: Decision,
    *,
    by: str,
    note: str | None,
    books: Books,
    now: datetime,
) -> Decided:
    """Decide on replies, all of them or none; what it means is in force with the commit.

    An opt-out takes effect as if the reply had been understood: it orders itself by the reply's
    own time, and its clock runs from the receipt.

    Args:
        by: who decides.
        note: why; None: nothing was said.

    Raises:
        UndecidableError: a reply was never held, was decided otherwise before, or came from
            nobody known, so that there is nobody to let go.
        ValueError: `now` is naive.
    """
    now = in_utc(now)
    known = reviews.lock(connection, ids)
    fresh = _check(ids, known, decision)
    wishes = [] if decision is Decision.NONE else _leavings(connection, fresh, decision)
    in_force = leaving.put_in_force(connection, wishes, books=books, now=now)
    others = reviews.others_held(connection, in_force)
    for wish in wishes:
        # The person's id was joined with a number, or their number changed, while it was held.
        same = [replace(wish, contact_id=other) for other in others.get(wish.inbound_id, ())]
        leaving.suppress(connection, same, now=now)
    intent, scope = _MEANING[decision]
    reviews.decide(
        connection,
        [one.id for one in fresh],
        decision=decision,
        intent=intent,
        scope=scope,
        by=by,
        note=note,
        open_ids=in_force,
        now=now,
    )
    free = [
        (one.contact_id, one.businesses)
        for one in fresh
        if one.contact_id is not None and one.id not in in_force
    ]
    return Decided(
        decided=tuple(one.id for one in fresh),
        repeated=tuple(sorted(set(ids) - {one.id for one in fresh})),
        in_force=tuple(sorted(in_force)),
        taken_back=tuple(one.inbound_id for one in wishes if one.inbound_id not in in_force),
        released=reviews.release(connection, free, now=now),
    )


def confirm_in_force(connection: Connection, decided: Decided, *, at: datetime) -> None:
    """Note that the decision's transaction was committed by the business instant `at`."""
    opt_outs.note_in_force(connection, decided.in_force, at=in_utc(at))


def _check(
    ids: Collection[int], known: Mapping[int, Reviewable], decision: Decision
) -> list[Reviewable]:
    """Those that wait for a decision; the others have had this one."""
    fresh = []
    for inbound_id in sorted(set(ids)):
        one = known.get(inbound_id)
        if one is None:
            raise UndecidableError(f"reply {inbound_id} was never held for review", unknown=True)
        if one.decision is None:
            if one.contact_id is None and decision is not Decision.NONE:
                raise UndecidableError(
                    f"reply {inbound_id} came from nobody known: there is no number to put on the "
                    "suppression list"
                )
            fresh.append(one)
        elif one.decision != decision:
            raise UndecidableError(
                f"reply {inbound_id} was decided as {one.decision} by {one.decided_by} already"
            )
    return fresh


def _leavings(
    connection: Connection, fresh: Sequence[Reviewable], decision: Decision
) -> list[Leaving]:
    contacts = {one.contact_id for one in fresh if one.contact_id is not None}
    people = received.people(connection, contacts)
    return [
        _leaving(one, one.contact_id, people[one.contact_id], decision)
        for one in fresh
        if one.contact_id is not None
    ]


def _leaving(one: Reviewable, contact_id: int, person: KnownPerson, decision: Decision) -> Leaving:
    return Leaving(
        inbound_id=one.id,
        contact_id=contact_id,
        country=person.country,
        reachable=person.reachable and one.sender_id is not None,
        businesses=one.businesses,
        sender_id=one.sender_id,
        origin=ORIGIN,
        source=f"review:{one.source}",
        complaint=decision is Decision.COMPLAINT,
        wrong_number=decision is Decision.WRONG_NUMBER,
        left_at=one.left_at,
        received_at=one.received_at,
    )
