"""A provider says that a person has left: in answer to a message, or in a status afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.instants import in_utc
from pipeline.policy.replies.meaning import Intent, Match, Scope
from pipeline.policy.vocabulary import Channel
from pipeline.stages import leaving
from pipeline.stages.books import Books
from pipeline.stages.leaving import Leaving
from pipeline.store import received
from pipeline.store.received import ReceivedReply


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A message that was refused because its recipient has left.

    Attributes:
        account: the provider account that said so.
        code: its code.
        received_at: business instant at which we heard of it.
    """

    message_id: int
    account: str
    contact_id: int
    business: str
    sender_id: int
    channel: Channel
    code: str
    received_at: datetime


def note_refusals(
    connection: Connection, refusals: Sequence[Refusal], *, books: Books, now: datetime
) -> None:
    """Let these people go: stored like a reply, and on the same path from there.

    The lane finds the rows by itself; nobody need tell it. The provider has told the person.
    """
    if not refusals:
        return
    moment = in_utc(now)
    rows = {_reference(one): one for one in refusals}
    # People before their rows, as the webhook locks them.
    people = received.people(connection, {one.contact_id for one in refusals})
    ids = received.store(connection, [_row(one) for one in rows.values()], now=moment, lease=moment)
    fresh = {ids[reference]: one for reference, one in rows.items() if reference in ids}
    leaving.put_in_force(
        connection,
        [
            Leaving(
                inbound_id=inbound_id,
                contact_id=one.contact_id,
                country=people[one.contact_id].country,
                reachable=people[one.contact_id].reachable,
                businesses=(one.business,),
                sender_id=one.sender_id,
                origin="provider",
                source=f"provider:{one.account}",
                answered=True,
                left_at=one.received_at,
                received_at=one.received_at,
            )
            for inbound_id, one in fresh.items()
        ],
        books=books,
        now=moment,
    )


def _reference(one: Refusal) -> tuple[str, str]:
    return one.account, f"refused:{one.message_id}"


def _row(one: Refusal) -> ReceivedReply:
    account, provider_id = _reference(one)
    return ReceivedReply(
        source=account,
        provider_id=provider_id,
        kind="provider",
        contact_id=one.contact_id,
        businesses=(one.business,),
        sender_id=one.sender_id,
        channel=one.channel,
        address="",
        body="",
        language=None,
        occurred_at=one.received_at,
        received_at=one.received_at,
        intent=Intent.OPT_OUT,
        scope=Scope.ALL,
        match=Match.PLATFORM,
        matched=one.code,
        open=True,
    )
