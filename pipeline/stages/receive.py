"""The webhook's transaction: what providers tell us takes effect here, all of it or none.

A wish to leave is in force when the transaction is committed. What follows from it (ending what
waits, the ledger, the confirmation) is the lane's, in ``pipeline/stages/optout.py``.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.instants import in_utc
from pipeline.policy.replies.lexicon import Lexicon
from pipeline.providers.events import (
    AccountHalt,
    AccountNews,
    InboundReply,
    LimitChange,
    NumberChange,
    OtherEvent,
    StatusReport,
    TemplateChange,
)
from pipeline.stages import number_changes, provider_news, replies, statuses
from pipeline.stages.arrivals import Arrival, Brought, Context, Effect, Taken
from pipeline.stages.books import Books
from pipeline.store import identities, opt_outs

__all__ = ["Arrival", "Effect", "Taken", "confirm_in_force", "take"]


def take(
    connection: Connection,
    arrivals: Sequence[Arrival],
    *,
    books: Books,
    lexicon: Lexicon,
    now: datetime,
    lease: datetime,
) -> list[Taken]:
    """Store what arrived and put what it means in force; one result for each, in their order.

    Args:
        lease: machine instant until which the rows are left to whoever the queue gives them to.

    Raises:
        ValueError: an instant is naive.
    """
    context = Context(books=books, lexicon=lexicon, now=in_utc(now), lease=lease)
    taken: dict[int, Taken] = {}
    spoken: list[Brought[InboundReply]] = []
    moved: list[Brought[NumberChange]] = []
    reported: list[Brought[StatusReport]] = []
    news: list[Brought[AccountNews]] = []
    for place, arrival in enumerate(arrivals):
        # A source's clock, or the clock of another host, may be ahead of ours.
        received_at = min(in_utc(arrival.received_at), context.now)
        match arrival.event:
            case InboundReply() as event:
                spoken.append(Brought(place, arrival.account, event, received_at))
            case NumberChange() as event:
                moved.append(Brought(place, arrival.account, event, received_at))
            case StatusReport() as event:
                reported.append(Brought(place, arrival.account, event, received_at))
            case TemplateChange() | AccountHalt() | LimitChange() as event:
                news.append(Brought(place, arrival.account, event, received_at))
            case OtherEvent():
                taken[place] = Taken(effect=Effect.OTHER)
    identities.lock(connection, {one for arrival in arrivals for one in _identities(arrival)})
    taken |= provider_news.take(connection, news, context)
    if moved:
        taken |= number_changes.take(connection, moved, context)
    if spoken:
        taken |= replies.take(connection, spoken, context)
    if reported:
        taken |= statuses.take(connection, reported, context)
    return [taken[place] for place in range(len(arrivals))]


def _identities(arrival: Arrival) -> list[tuple[str, str]]:
    """The providers' own ids of the people that an arrival is about."""
    event = arrival.event
    if not isinstance(event, InboundReply | NumberChange | StatusReport):
        return []
    people = [event.person, event.new] if isinstance(event, NumberChange) else [event.person]
    return [(arrival.account, person.user_id) for person in people if person and person.user_id]


def confirm_in_force(connection: Connection, inbound_ids: Sequence[int], *, at: datetime) -> None:
    """Note that these opt-outs' transaction was committed by the business instant `at`."""
    opt_outs.note_in_force(connection, inbound_ids, at=in_utc(at))
