"""Putting opt-outs in force: the one way in, whoever has brought the wish to leave.

A reply, a button, a setting of the person's app, a provider's refusal and a reviewer's decision
all end here: the suppression list, and the clock that proves how soon it was obeyed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from pipeline.policy.suppression import EVERY_BUSINESS
from pipeline.stages.books import Books
from pipeline.store import opt_outs, suppressions
from pipeline.store.opt_outs import OptOut
from pipeline.store.suppressions import Suppression

OPT_OUT = "opt_out"
WRONG_NUMBER = "wrong_number"

IMPORTED = "import"
"""The source of suppressions that an operator has loaded: nobody has confirmed those."""

STRICTEST_DEADLINE = timedelta(hours=1)
"""For people of a country without a pack."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaving:
    """A person's wish to leave.

    Attributes:
        inbound_id: the stored reply; its clock is known by it.
        country: whose deadline binds; empty: unknown.
        reachable: there is a number to send a confirmation to.
        businesses: whom they leave; ``*``: everybody.
        wrong_number: the number is not the person's whom the business means: transactional
            messages end too.
        answered: the provider answers the person itself.
        left_at: business instant of the wish, by the provider's time; settles its order.
        received_at: business instant of our receipt; the clock starts there.
    """

    inbound_id: int
    contact_id: int
    country: str
    reachable: bool
    businesses: tuple[str, ...]
    sender_id: int | None
    origin: str
    source: str
    complaint: bool = False
    wrong_number: bool = False
    answered: bool = False
    left_at: datetime
    received_at: datetime


def put_in_force(
    connection: Connection, leavings: Sequence[Leaving], *, books: Books, now: datetime
) -> set[int]:
    """Put the wishes on the suppression list; they are in force once this is committed.

    The contacts must be locked (`received.people`), so that of two wishes of one person the
    second sees the first.

    Returns:
        The `inbound_id` of those that count. One that the person has taken back since, by a
        START or another consent with a later time of its own, does not.
    """
    if not leavings:
        return set()
    contacts = {one.contact_id for one in leavings}
    back = opt_outs.came_back(connection, contacts)
    counting = [one for one in leavings if not _taken_back(one, back)]
    listed = _listed(connection, counting)
    gone = {pair for pair, entry in listed.items() if _is_own_wish(entry)}
    if gone:
        gone &= opt_outs.answered(connection, contacts)
    suppress(connection, counting, now=now)
    if any(entry.lifted_at is not None for entry in listed.values()):
        # One that a later consent had superseded before it arrived has changed nothing.
        listed = _listed(connection, counting)
        stopped = {pair for pair, entry in listed.items() if entry.lifted_at is None}
        counting = [one for one in counting if _pairs(one) & stopped]
    rows: list[OptOut] = []
    for one in counting:
        rows.append(_clock(one, repeated=_pairs(one) <= gone, books=books, now=now))
        gone |= _pairs(one)
    opt_outs.add(connection, rows)
    return {one.inbound_id for one in counting}


def _taken_back(one: Leaving, back: Mapping[tuple[int, str], datetime]) -> bool:
    return all(
        (at := back.get((one.contact_id, business))) is not None and at > one.left_at
        for business in one.businesses
    )


def _pairs(one: Leaving) -> set[tuple[int, str]]:
    return {(one.contact_id, business) for business in one.businesses}


def _listed(
    connection: Connection, leavings: Sequence[Leaving]
) -> dict[tuple[int, str], Suppression]:
    """What the list holds, in force or lifted, of those who leave: (contact, business) → entry."""
    businesses = {business for one in leavings for business in one.businesses}
    known = suppressions.of(connection, {one.contact_id for one in leavings}, businesses)
    return {(entry.contact_id, entry.business): entry for entry in known}


def _is_own_wish(entry: Suppression) -> bool:
    """Whether the person has left by a wish of their own, and not by an operator's list."""
    return entry.lifted_at is None and entry.source != IMPORTED


def suppress(connection: Connection, leavings: Sequence[Leaving], *, now: datetime) -> None:
    """Put people on the list: one entry a person and business, the strongest and latest."""
    by_source: dict[str, dict[tuple[int, str], tuple[int, str, str, datetime]]] = {}
    for one in leavings:
        reason = WRONG_NUMBER if one.wrong_number else OPT_OUT
        entries = by_source.setdefault(one.source, {})
        for business in one.businesses:
            known = entries.get((one.contact_id, business))
            since = max(one.left_at, known[3]) if known else one.left_at
            kept = WRONG_NUMBER if known and known[2] == WRONG_NUMBER else reason
            entries[one.contact_id, business] = (one.contact_id, business, kept, since)
    for source, entries in by_source.items():
        suppressions.add(connection, list(entries.values()), source=source, now=now)


def _clock(one: Leaving, *, repeated: bool, books: Books, now: datetime) -> OptOut:
    policy = books.policy(one.country, now) if one.country else None
    within = policy.opt_out.deadline if policy else STRICTEST_DEADLINE
    if repeated:
        confirmation = "repeated"
    elif one.answered:
        confirmation = "by_provider"
    elif policy is None or not one.reachable or EVERY_BUSINESS in one.businesses:
        confirmation = "impossible"
    else:
        confirmation = "due"
    return OptOut(
        inbound_id=one.inbound_id,
        contact_id=one.contact_id,
        businesses=one.businesses,
        sender_id=one.sender_id,
        country=one.country,
        origin=one.origin,
        complaint=one.complaint,
        repeated=repeated,
        received_at=one.received_at,
        deadline_at=one.received_at + within,
        confirmation=confirmation,
        rule=policy.opt_out.deadline_rule if policy else None,
        policy=policy.version if policy else None,
    )
