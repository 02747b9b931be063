"""Taking statuses: what became of our messages, by the provider's account."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import WAITING_STATES, MessageState
from pipeline.providers.events import DeliveryStatus, StatusReport
from pipeline.stages import notices
from pipeline.stages.arrivals import Brought, Context, Effect, Taken
from pipeline.stages.persons import link_recipients
from pipeline.stages.refusals import Refusal, note_refusals
from pipeline.stages.status_codes import follow_up
from pipeline.store import sender_counts, statuses
from pipeline.store.statuses import Addressee, Progress

_ARRIVED = frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.READ})
_FAILED = frozenset({DeliveryStatus.UNDELIVERED, DeliveryStatus.FAILED})

_UNCOUNTED = WAITING_STATES | {MessageState.IN_DOUBT, MessageState.FAILED, MessageState.EXPIRED}
"""What the provider has all the same, though its answer was lost or told otherwise. Of a message
that is still being sent the answer counts, once it is recorded."""

_OURS = range(1, 2**63)
"""Ids that a message of ours can have; the database takes no others."""


def take(
    connection: Connection, reported: Sequence[Brought[StatusReport]], context: Context
) -> dict[int, Taken]:
    """Move messages forward by what is told of them: place → what became of it.

    A status counts only when the account that brought it is the one that the message was sent
    through; nobody else's statuses change anything.
    """
    taken = {one.place: Taken(effect=Effect.STATUS_UNKNOWN) for one in reported}
    ids = {one.event.message_id for one in reported if one.event.message_id is not None}
    known = statuses.addressees(connection, [id_ for id_ in ids if id_ in _OURS])
    told: dict[int, list[Brought[StatusReport]]] = {}
    of_notices: list[tuple[int, Brought[StatusReport]]] = []
    # In one order, as everybody locks them who takes several.
    for one in sorted(reported, key=lambda one: one.event.message_id or 0):
        message_id = one.event.message_id
        if message_id is not None and message_id < 0:
            of_notices.append((message_id, one))
            continue
        addressee = known.get(message_id) if message_id is not None else None
        if addressee is not None and addressee.provider.lower() == one.account:
            told.setdefault(addressee.message_id, []).append(one)
    # Senders, campaigns and people before messages and notices, as everybody locks them.
    follow_up(connection, told, known, of_notices, now=context.now)
    for notice_id, one in of_notices:
        taken[one.place] = _settle_notice(connection, notice_id, one, context)
    _note_people(connection, told, known, context)
    progress = [_progress(message_id, brought) for message_id, brought in told.items()]
    moved = statuses.advance(connection, progress, now=context.now)
    for message_id, brought in told.items():
        effect = Effect.STATUS if message_id in moved else Effect.STATUS_OLD
        taken |= {one.place: Taken(effect=effect) for one in brought}
    _count(connection, moved, told, known, context.now)
    return taken


def _count(
    connection: Connection,
    moved: Mapping[int, MessageState],
    told: Mapping[int, Sequence[Brought[StatusReport]]],
    known: Mapping[int, Addressee],
    now: datetime,
) -> None:
    """Count, for the senders' thresholds, what nobody has counted yet."""
    sent = Counter(known[id_].sender_id for id_, before in moved.items() if before in _UNCOUNTED)
    violations = Counter(
        known[id_].sender_id for id_ in moved if any(one.event.violation for one in told[id_])
    )
    sender_counts.count(connection, sent=sent, violations=violations, now=now)


def _note_people(
    connection: Connection,
    told: dict[int, list[Brought[StatusReport]]],
    known: dict[int, Addressee],
    context: Context,
) -> None:
    """Who left by the provider's account, and by which ids it knows the people."""
    refusals: dict[int, Refusal] = {}
    ids: dict[tuple[str, str], int] = {}
    for message_id, brought in told.items():
        addressee = known[message_id]
        for one in brought:
            person = one.event.person
            if person is not None and person.user_id:
                ids[one.account, person.user_id] = addressee.contact_id
            if one.event.opted_out:
                refusals[message_id] = Refusal(
                    message_id=message_id,
                    account=one.account,
                    contact_id=addressee.contact_id,
                    business=addressee.business,
                    sender_id=addressee.sender_id,
                    channel=one.event.channel,
                    code=one.event.code or "",
                    received_at=one.received_at,
                )
    note_refusals(connection, list(refusals.values()), books=context.books, now=context.now)
    link_recipients(connection, ids, now=context.now)


def _progress(message_id: int, brought: Sequence[Brought[StatusReport]]) -> Progress:
    """All that one body told of one message, in whatever order it stood there."""
    at = {one.event.status: one.happened_at(one.event.occurred_at) for one in brought}
    failure = next((one.event for one in brought if one.event.status in _FAILED), None)
    arrived = [moment for status, moment in at.items() if status in _ARRIVED]
    if arrived:
        state, failure = MessageState.DELIVERED, None
    else:
        state = MessageState.UNDELIVERED if failure else MessageState.SENT
    read_at: datetime | None = at.get(DeliveryStatus.READ)
    return Progress(
        message_id=message_id,
        state=state,
        label="read" if read_at else state.value,
        provider_id=brought[0].event.provider_id,
        at=min(at.values()),
        delivered_at=at.get(DeliveryStatus.DELIVERED) or min(arrived, default=None),
        read_at=read_at,
        code=failure.code if failure else None,
        explanation=failure.detail if failure else None,
    )


def _settle_notice(
    connection: Connection, notice_id: int, one: Brought[StatusReport], context: Context
) -> Taken:
    event = one.event
    moved = notices.settle_by_status(
        connection,
        notice_id,
        account=one.account,
        status=event.status,
        code=event.code,
        provider_id=event.provider_id,
        at=one.happened_at(event.occurred_at),
        books=context.books,
        now=context.now,
        opted_out=event.opted_out,
    )
    return Taken(effect=Effect.STATUS if moved else Effect.STATUS_OLD)
