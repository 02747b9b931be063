"""The opt-out stage: a person has replied; if that was a wish to leave, it is in force from here.

What stops the messages is one transaction (`run`): the reply, the suppression, and the end of
what waits for the person. The revocation in the ledger is another (`complete`): the ledger has
one writer at a time, and nobody's STOP waits for an import of consents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.country import CountryPolicy
from pipeline.policy.decision import Block
from pipeline.policy.instants import in_utc
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.replies import opt_out_word
from pipeline.policy.suppression import EVERY_BUSINESS, is_stopped
from pipeline.policy.vocabulary import Category, Channel, ConsentMethod
from pipeline.stages.books import Books
from pipeline.store import consents, contacts, inbound, suppressions
from pipeline.store.consents import ConsentEntry

OPT_OUT = "opt_out"

_ENDED = tuple(one for one in Category if is_stopped(one, everything=False))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A message from a person.

    Attributes:
        source: the provider account that brought it.
        provider_id: the provider's own id; unique within the source.
        channel: how it came.
        sender: the number that it came from, E.164.
        address: our sender's address that it was sent to.
        body: the text, as it came.
        received_at: business instant at which we received it; aware.
    """

    source: str
    provider_id: str
    channel: Channel
    sender: str
    address: str
    body: str
    received_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOutResult:
    """What became of a reply.

    Attributes:
        repeated: the source has brought it before, and nothing was changed.
        word: the opt-out word that it consists of; None: it was only stored.
        businesses: those that may not write to the person any more; ``*``: nobody may.
        stopped: messages that waited for the person and were blocked.
    """

    repeated: bool = False
    word: str | None = None
    businesses: tuple[str, ...] = ()
    stopped: int = 0


def run(connection: Connection, reply: Reply, *, books: Books, now: datetime) -> OptOutResult:
    """Store a reply, and let the person go when it is one of their country's opt-out words.

    A reply to an address that is no sender's (the sender was removed, or never imported) stops
    every business: better one too many than one that goes on.

    Raises:
        ValueError: an instant is naive.
    """
    received_at = min(in_utc(reply.received_at), in_utc(now))
    person = read_number(reply.sender)
    contact_id = _contact(connection, person, now)
    businesses = inbound.businesses_at(connection, reply.channel, reply.address)
    inbound_id = inbound.take(
        connection,
        source=reply.source,
        provider_id=reply.provider_id,
        contact_id=contact_id,
        business=businesses[0] if len(businesses) == 1 else None,
        channel=reply.channel,
        address=reply.address,
        body=reply.body,
        received_at=received_at,
    )
    if inbound_id is None:
        return OptOutResult(repeated=True)
    if contact_id is None or isinstance(person, Block):
        return OptOutResult()  # a short code or a name: nobody whom we could write to
    policy = books.policy(person.country, now)
    word = opt_out_word(reply.body, policy.opt_out.words if policy else ())
    if word is None:
        return OptOutResult()
    stopped = _let_go(connection, contact_id, businesses, reply, policy=policy, now=now)
    inbound.understand(connection, inbound_id, intent=OPT_OUT)
    left = tuple(businesses) or (EVERY_BUSINESS,)
    return OptOutResult(word=word, businesses=left, stopped=stopped)


def complete(connection: Connection, reply: Reply, *, now: datetime) -> bool:
    """Write the revocation of an opt-out that is in force into the ledger, once.

    Call it in a transaction after `run`'s has been committed, and again for a reply that was
    brought again: a worker may have been killed between the two.

    Returns:
        Whether there was anything to write.
    """
    unfinished = inbound.unfinished(
        connection, source=reply.source, provider_id=reply.provider_id, intent=OPT_OUT
    )
    if unfinished is None:
        return False
    businesses = inbound.businesses_at(connection, reply.channel, reply.address)
    left_at = min(in_utc(reply.received_at), in_utc(now))
    _revoke(connection, unfinished.contact_id, businesses, reply, left_at, now)
    inbound.settle(connection, unfinished.id, now=now)
    return True


def _let_go(
    connection: Connection,
    contact_id: int,
    businesses: Sequence[str],
    reply: Reply,
    *,
    policy: CountryPolicy | None,
    now: datetime,
) -> int:
    """Put the opt-out in force; say how many waiting messages it has stopped."""
    left_at = min(in_utc(reply.received_at), now)
    left = businesses or (EVERY_BUSINESS,)
    entries = [(contact_id, business, OPT_OUT, left_at) for business in left]
    suppressions.add(connection, entries, source=f"reply:{reply.source}", now=now)
    return inbound.stop_waiting(
        connection,
        contact_id,
        left,
        rule=policy.opt_out.words_rule if policy else None,
        policy=policy.version if policy else None,
        now=now,
    )


def _contact(connection: Connection, person: NumberFacts | Block, now: datetime) -> int | None:
    if isinstance(person, Block):
        return None
    return contacts.identify(connection, [person], now=now)[person.e164]


def _revoke(
    connection: Connection,
    contact_id: int,
    businesses: Sequence[str],
    reply: Reply,
    revoked_at: datetime,
    now: datetime,
) -> None:
    """Take back, in the ledger, every consent that the wish to leave ends."""
    method = ConsentMethod(reply.channel.value)
    entries: list[ConsentEntry] = []
    for business in businesses:
        held = [
            consent.record
            for category in _ENDED
            for consent in consents.held(
                connection, [contact_id], business=business, category=category
            ).get(contact_id, [])
        ]
        # Without any it stands in the ledger all the same that the person has left.
        ended = held or [ConsentRecord(business=business, category=Category.MARKETING)]
        entries += [
            ConsentEntry(
                contact_id=contact_id,
                record=ConsentRecord(
                    business=business,
                    category=record.category,
                    channel=record.channel,
                    topics=record.topics,
                    method=method,
                    source=f"reply:{reply.source}:{reply.provider_id}",
                    revoked_at=revoked_at,
                ),
            )
            for record in ended
            if record.revoked_at is None
        ]
    if entries:
        consents.record(connection, entries, now=now)
