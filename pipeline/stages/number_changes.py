"""A person has another number: what bound the old one binds the new, and the old is nobody's."""

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from pipeline.policy.replies.meaning import Intent, Match
from pipeline.policy.suppression import EVERY_BUSINESS
from pipeline.providers.events import NumberChange
from pipeline.stages import persons
from pipeline.stages.arrivals import Brought, Context, Effect, Taken
from pipeline.stages.leaving import WRONG_NUMBER
from pipeline.stages.persons import Whose
from pipeline.store import identities, received, senders, suppressions
from pipeline.store.received import ReceivedReply


def take(
    connection: Connection, moved: Sequence[Brought[NumberChange]], context: Context
) -> dict[int, Taken]:
    """Store the changes and put them in force: place → what became of it.

    The person's opt-outs go with them to the new number; their consents do not, since they were
    given for the old one. Nothing is sent to the old number any more: whoever has it next has
    agreed to nothing.
    """
    return {one.place: _take(connection, one, context) for one in moved}


def _take(connection: Connection, one: Brought[NumberChange], context: Context) -> Taken:
    event = one.event
    old, new = Whose(one.account, event.person), Whose(one.account, event.new)
    found = persons.identify(connection, [old], now=context.now)
    # After the old number: an id of the person's now belongs to the new one.
    found |= persons.identify(connection, [new], now=context.now)
    contact, successor = found[old], found[new]
    ours = senders.select_senders(connection, addresses=set(event.addresses))
    businesses = tuple(sorted({sender.business for sender in ours})) or (EVERY_BUSINESS,)
    happened_at = one.happened_at(event.occurred_at)
    row = ReceivedReply(
        source=one.account,
        provider_id=event.provider_id,
        kind="number_change",
        contact_id=contact,
        businesses=businesses,
        sender_id=ours[0].id if ours else None,
        channel=event.channel,
        address=event.addresses[0] if event.addresses else "",
        body="",
        language=None,
        occurred_at=happened_at,
        received_at=one.received_at,
        intent=Intent.NONE,
        scope=None,
        match=Match.PLATFORM,
        matched=None,
        open=False,
    )
    if not received.store(connection, [row], now=context.now, lease=context.lease):
        return Taken(effect=Effect.REPEATED)
    if contact is not None and contact != successor:
        received.people(connection, [one for one in (contact, successor) if one is not None])
        if successor is not None:
            identities.carry_over(connection, source=contact, target=successor, now=context.now)
        entries = [(contact, business, WRONG_NUMBER, happened_at) for business in businesses]
        suppressions.add(
            connection, entries, source=f"number_change:{one.account}", now=context.now
        )
    return Taken(effect=Effect.NUMBER_CHANGE, intent=Intent.NONE)
