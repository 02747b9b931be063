"""START: a person who has left asks to be written to again. A new consent, by their own act.

It is as good as the consent that their leaving ended, and no better: what was agreed and how it
was proved is carried over, the moment is the START's. Where there was none, the reply proves what
it proves. A later STOP stands, whatever the order in which the two arrived.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.suppression import EVERY_BUSINESS
from pipeline.policy.vocabulary import Category, ConsentMethod
from pipeline.store import consents, departures, suppressions
from pipeline.store.consents import ConsentEntry, HeldConsent
from pipeline.store.lane import OpenReply
from pipeline.store.suppressions import Suppression

LONGEST_TEXT = 200
"""Characters of the person's own words that the ledger keeps as evidence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Comeback:
    """One START to one business.

    Attributes:
        entries: the consents that it gives.
        lifts: it ends an opt-out that is in force.
        resumes: messages may be sent again that could not be sent before it.
    """

    reply: OpenReply
    contact_id: int
    business: str
    entries: tuple[ConsentEntry, ...]
    lifts: bool
    resumes: bool


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store knows of the people who came back."""

    listed: Mapping[tuple[int, str], Suppression]
    held: Mapping[tuple[int, str], Sequence[HeldConsent]]
    by_reply: Collection[int]


def read(connection: Connection, replies: Sequence[OpenReply]) -> list[Comeback]:
    """What these STARTs take up again; each person at most once among them.

    Their contacts must be locked, so that no STOP comes in between.
    """
    pairs = {
        (reply.contact_id, business): reply
        for reply in replies
        for business in reply.businesses
        if reply.contact_id is not None and business != EVERY_BUSINESS
    }
    if not pairs:
        return []
    known = _gather(connection, pairs)
    found = (_read(reply, contact, business, known) for (contact, business), reply in pairs.items())
    return [one for one in found if one is not None]


def _gather(connection: Connection, pairs: Iterable[tuple[int, str]]) -> _Known:
    people_of: dict[str, set[int]] = {}
    for contact, business in pairs:
        people_of.setdefault(business, set()).add(contact)
    contacts = {contact for people in people_of.values() for contact in people}
    listed = suppressions.of(connection, contacts, (*people_of, EVERY_BUSINESS))
    held = {
        (contact, business): found
        for business, people in people_of.items()
        for contact, found in consents.held(
            connection, people, business=business, category=Category.MARKETING
        ).items()
    }
    revoked = {
        consent.event_id
        for found in held.values()
        for consent in found
        if consent.record.revoked_at is not None
    }
    return _Known(
        {(entry.contact_id, entry.business): entry for entry in listed},
        held,
        departures.revoked_by_reply(connection, revoked),
    )


def _read(reply: OpenReply, contact: int, business: str, known: _Known) -> Comeback | None:
    """None: it changes nothing; the number is somebody else's, or the person has left since."""
    own = _in_force(known.listed.get((contact, business)))
    everybody = _in_force(known.listed.get((contact, EVERY_BUSINESS)))
    if any(entry is not None and entry.everything for entry in (own, everybody)):
        return None
    if own is not None and own.since >= reply.said_at:
        return None
    left_at = own.since if own else None
    held = known.held.get((contact, business), ())
    if any((at := one.record.revoked_at) is not None and at >= reply.said_at for one in held):
        return None
    ended = [one for one in held if _ended_by_leaving(one, left_at, known, reply.said_at)]
    entries = [_given_again(one, reply) for one in ended]
    if own is None and not held and len(reply.businesses) > 1:
        return None  # of those who share the address, one whom the person never dealt with
    if not ended and not any(_lives(one, left_at) for one in held):
        entries = [_given_anew(reply, contact, business)]
    resumes = (own is not None or bool(ended)) and everybody is None
    return Comeback(
        reply=reply,
        contact_id=contact,
        business=business,
        entries=tuple(entries),
        lifts=own is not None,
        resumes=resumes,
    )


def _in_force(entry: Suppression | None) -> Suppression | None:
    return None if entry is None or entry.lifted_at is not None else entry


def _ended_by_leaving(
    consent: HeldConsent, left_at: datetime | None, known: _Known, said_at: datetime
) -> bool:
    """Whether it was the person's leaving that ended the consent, before they came back."""
    granted_at = consent.record.granted_at
    if granted_at is None or granted_at >= said_at:
        return False
    if consent.record.revoked_at is not None:
        return consent.event_id in known.by_reply
    return left_at is not None and not _lives(consent, left_at)


def _lives(consent: HeldConsent, left_at: datetime | None) -> bool:
    """Whether the consent counts: not revoked, and given after the person left."""
    record = consent.record
    if record.revoked_at is not None or record.granted_at is None:
        return False
    return left_at is None or record.granted_at > left_at


def _given_again(consent: HeldConsent, reply: OpenReply) -> ConsentEntry:
    """The consent with its evidence, given by the reply at its own moment."""
    record = consent.record
    granted_at, confirmed_at = record.granted_at, record.confirmed_at
    confirmed = confirmed_at is not None and granted_at is not None and confirmed_at >= granted_at
    # A consent on paper is proved by its document: told that it came by message, the rules would
    # look for what only a message has.
    offline = record.method is not None and record.method.offline
    return ConsentEntry(
        contact_id=consent.contact_id,
        cpf_hash=consent.cpf_hash,
        record=replace(
            record,
            granted_at=reply.said_at,
            # The number that answered is the one that was confirmed, and the answer came from it.
            confirmed_at=reply.said_at if confirmed else None,
            renewed_at=None,
            revoked_at=None,
            method=record.method if offline else _method(reply),
            source=reply.reference,
        ),
    )


def _given_anew(reply: OpenReply, contact: int, business: str) -> ConsentEntry:
    """What the reply proves by itself."""
    return ConsentEntry(
        contact_id=contact,
        record=ConsentRecord(
            business=business,
            category=Category.MARKETING,
            channel=reply.channel,
            granted_at=reply.said_at,
            method=_method(reply),
            text=(reply.body.strip() or reply.matched or "")[:LONGEST_TEXT] or None,
            source=reply.reference,
        ),
    )


def _method(reply: OpenReply) -> ConsentMethod | None:
    return ConsentMethod(reply.channel.value) if reply.channel else None
