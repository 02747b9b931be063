"""Taking replies: whose they are, whom they concern, what they mean, what that puts in force."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.replies import understand
from pipeline.policy.replies.meaning import Intent, Match, Scope, Understanding
from pipeline.policy.suppression import EVERY_BUSINESS
from pipeline.providers.events import InboundReply, Person, PlatformVerdict
from pipeline.stages import leaving, persons
from pipeline.stages.arrivals import Brought, Context, Effect, Taken
from pipeline.stages.leaving import Leaving
from pipeline.stages.persons import Whose
from pipeline.store import opt_outs, received, senders
from pipeline.store.received import KnownPerson, ReceivedReply
from pipeline.store.senders import Sender

log = structlog.get_logger(__name__)

_NOBODY = KnownPerson(country="", reachable=False)

_LANE_WORK = frozenset(
    {Intent.OPT_OUT, Intent.COMPLAINT, Intent.OPT_IN, Intent.HELP, Intent.REVIEW}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Reply:
    """A reply with everything that is known of it."""

    brought: Brought[InboundReply]
    contact_id: int | None
    person: KnownPerson
    language: str | None
    sender: Sender | None
    businesses: tuple[str, ...]

    @property
    def reference(self) -> tuple[str, str]:
        return self.brought.account, self.brought.event.provider_id


def take(
    connection: Connection, spoken: Sequence[Brought[InboundReply]], context: Context
) -> dict[int, Taken]:
    """Store the replies and put in force what they mean: place → what became of it.

    A reply to an address that is no sender's (the sender was removed, or never imported) concerns
    every business: better one too many than one that goes on.
    """
    taken: dict[int, Taken] = {}
    fresh = _fresh(connection, spoken)
    for one in spoken:
        if one not in fresh:
            taken[one.place] = Taken(effect=Effect.REPEATED)
    meanings = [
        (reply, _understand(reply, context)) for reply in _gather(connection, fresh, context)
    ]
    ids = received.store(
        connection,
        [_row(reply, meaning) for reply, meaning in meanings],
        now=context.now,
        lease=context.lease,
    )
    stored = [(reply, meaning) for reply, meaning in meanings if reply.reference in ids]
    leavings = [
        _leaving(reply, meaning, ids[reply.reference], reply.contact_id)
        for reply, meaning in stored
        if meaning.leaves and reply.contact_id is not None
    ]
    in_force = leaving.put_in_force(connection, leavings, books=context.books, now=context.now)
    persons.bind_twins(connection, _twins(stored, ids, in_force), now=context.now)
    taken_back = {one.inbound_id for one in leavings} - in_force
    received.close(connection, taken_back, now=context.now)
    opt_outs.hold(
        connection,
        [
            (reply.contact_id, business, ids[reply.reference], reply.brought.received_at)
            for reply, meaning in stored
            if meaning.intent is Intent.REVIEW and reply.contact_id is not None
            for business in reply.businesses
        ],
    )
    for reply, meaning in stored:
        if meaning.leaves and reply.contact_id is None:
            log.warning("opt_out_of_nobody", inbound_id=ids[reply.reference])
    for reply, meaning in meanings:
        inbound_id = ids.get(reply.reference)
        if inbound_id is None:  # another process stored it between our two statements
            taken[reply.brought.place] = Taken(effect=Effect.REPEATED)
            continue
        taken[reply.brought.place] = Taken(
            effect=Effect.REPLY,
            inbound_id=(
                inbound_id if _is_open(reply, meaning) and inbound_id not in taken_back else None
            ),
            intent=meaning.intent,
            left=inbound_id in in_force,
        )
    return taken


def _twins(
    stored: Sequence[tuple[_Reply, Understanding]],
    ids: Mapping[tuple[str, str], int],
    in_force: Collection[int],
) -> dict[int, Person]:
    """Who has left, by contact: the number may be known in another form as well."""
    return {
        reply.contact_id: reply.brought.event.person
        for reply, _ in stored
        if reply.contact_id is not None and ids[reply.reference] in in_force
    }


def _fresh(
    connection: Connection, spoken: Sequence[Brought[InboundReply]]
) -> list[Brought[InboundReply]]:
    """Those that are not stored yet, each once."""
    known = received.known(connection, {(one.account, one.event.provider_id) for one in spoken})
    fresh: list[Brought[InboundReply]] = []
    for one in spoken:
        reference = (one.account, one.event.provider_id)
        if reference not in known:
            known.add(reference)
            fresh.append(one)
    return fresh


def _gather(
    connection: Connection, spoken: Sequence[Brought[InboundReply]], context: Context
) -> list[_Reply]:
    if not spoken:
        return []
    whose = {one.place: Whose(one.account, one.event.person) for one in spoken}
    found = persons.identify(connection, whose.values(), now=context.now)
    contacts = {contact for contact in found.values() if contact is not None}
    people = received.people(connection, contacts)
    languages = received.languages(connection, contacts)
    ours = senders.select_senders(
        connection, addresses={address for one in spoken for address in one.event.addresses}
    )
    gathered: list[_Reply] = []
    for one in spoken:
        contact = found[whose[one.place]]
        at = _senders_at(one, ours)
        gathered.append(
            _Reply(
                brought=one,
                contact_id=contact,
                person=people.get(contact, _NOBODY) if contact is not None else _NOBODY,
                language=languages.get(contact) if contact is not None else None,
                sender=at[0] if at else None,
                businesses=tuple(sorted({sender.business for sender in at})) or (EVERY_BUSINESS,),
            )
        )
    return gathered


def _senders_at(one: Brought[InboundReply], ours: Sequence[Sender]) -> list[Sender]:
    """Our senders at the address; this account's own before others of the same address."""
    event = one.event
    at = [
        sender
        for sender in ours
        if sender.address in event.addresses
        and (event.channel is None or sender.channel is event.channel)
    ]
    return sorted(at, key=lambda sender: sender.account != one.account)


def _understand(reply: _Reply, context: Context) -> Understanding:
    """What the reply means; where the platform and our own reading differ, what stops wins."""
    event, country = reply.brought.event, reply.person.country
    policy = context.books.policy(country, context.now) if country else None
    read = understand(
        event.body,
        lexicon=context.lexicon,
        country=country or None,
        language=reply.language,
        words=policy.opt_out.words if policy else (),
        payload=event.payload,
    )
    match event.verdict:
        case PlatformVerdict.STOP if not read.leaves:
            return Understanding(intent=Intent.OPT_OUT, scope=Scope.ALL, match=Match.PLATFORM)
        case PlatformVerdict.RESUME:
            return Understanding(intent=Intent.NONE, match=Match.PLATFORM)
        case PlatformVerdict.START if read.intent in (Intent.NONE, Intent.HELP):
            # A word of the platform's list and not of ours: opting in is never guessed.
            return Understanding(intent=Intent.REVIEW, match=Match.PLATFORM)
        case PlatformVerdict.HELP if read.intent is Intent.NONE:
            return Understanding(intent=Intent.HELP, match=Match.PLATFORM)
        case _ if read.intent is Intent.OPT_IN and not _is_own(reply):
            # Whoever holds the secret of one account must not opt people in to another's senders.
            return replace(read, intent=Intent.REVIEW)
        case _:
            return read


def _is_own(reply: _Reply) -> bool:
    """Whether the account that brought the reply is the one that our sender sends through."""
    return reply.sender is not None and reply.sender.account == reply.brought.account


def _row(reply: _Reply, meaning: Understanding) -> ReceivedReply:
    brought = reply.brought
    event = brought.event
    kind = "setting" if event.setting else "button" if event.payload is not None else "reply"
    matched = meaning.word and (
        f"{meaning.word} ({meaning.language})" if meaning.language else meaning.word
    )
    return ReceivedReply(
        source=brought.account,
        provider_id=event.provider_id,
        kind=kind,
        contact_id=reply.contact_id,
        businesses=reply.businesses,
        sender_id=reply.sender.id if reply.sender else None,
        channel=event.channel or (reply.sender.channel if reply.sender else None),
        address=event.addresses[0] if event.addresses else "",
        body=event.body,
        language=reply.language,
        occurred_at=brought.happened_at(event.occurred_at),
        received_at=brought.received_at,
        intent=meaning.intent,
        scope=meaning.scope,
        match=meaning.match,
        matched=matched,
        open=_is_open(reply, meaning),
    )


def _is_open(reply: _Reply, meaning: Understanding) -> bool:
    """Whether the lane has work with it; a HELP that the platform answers needs no second one."""
    if meaning.intent is Intent.HELP and reply.brought.event.answered:
        return False
    return reply.contact_id is not None and meaning.intent in _LANE_WORK


def _leaving(reply: _Reply, meaning: Understanding, inbound_id: int, contact_id: int) -> Leaving:
    event = reply.brought.event
    origin = "platform" if event.setting or meaning.match is Match.PLATFORM else "reply"
    return Leaving(
        inbound_id=inbound_id,
        contact_id=contact_id,
        country=reply.person.country,
        reachable=reply.person.reachable and reply.sender is not None,
        businesses=reply.businesses,
        sender_id=reply.sender.id if reply.sender else None,
        origin="button" if meaning.match is Match.BUTTON else origin,
        source=f"reply:{reply.brought.account}",
        complaint=meaning.intent is Intent.COMPLAINT,
        wrong_number=meaning.scope is Scope.NUMBER,
        answered=event.answered,
        left_at=reply.brought.happened_by(event.occurred_at),
        received_at=reply.brought.received_at,
    )
