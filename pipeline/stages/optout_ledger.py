"""The ledger's part of the opt-out lane: revocations, and consents given anew by START.

The ledger has one writer at a time, so this is a transaction of its own, after the one that has
stopped the messages and made the confirmation: nobody's waits for an import of consents.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.consent import ConsentRecord
from pipeline.policy.replies.meaning import Intent
from pipeline.policy.suppression import EVERY_BUSINESS, is_stopped
from pipeline.policy.vocabulary import Category, ConsentMethod
from pipeline.stages import comebacks, notice_texts
from pipeline.stages.notice_texts import NoticeBooks
from pipeline.store import consents, departures, suppressions
from pipeline.store.consents import ConsentEntry, HeldConsent
from pipeline.store.lane import OpenReply
from pipeline.store.notices import NoticeKind

LEAVING = frozenset({Intent.OPT_OUT.value, Intent.COMPLAINT.value})

_ENDED = tuple(one for one in Category if is_stopped(one, everything=False))


def write(
    connection: Connection,
    replies: Sequence[OpenReply],
    *,
    known: NoticeBooks,
    now: datetime,
    lease: datetime,
) -> list[int]:
    """Write what these replies mean into the ledger; the ids of the welcomes that follow.

    The ledger and the contacts must be locked. Of two replies of one person the earlier is
    written first, by their own times.

    Args:
        replies: opt-outs, complaints and opt-ins, in the order in which they were said.
    """
    welcomes: list[int] = []
    for wave in _waves(replies):
        revocations = _revocations(connection, [one for one in wave if one.intent in LEAVING])
        back = comebacks.read(connection, [one for one in wave if one.intent == Intent.OPT_IN])
        given = [entry for one in back for entry in one.entries]
        if revocations or given:
            # What waits is ended by the lane itself, which waits for no stage.
            consents.record(connection, [*revocations, *given], now=now, decide_again=False)
        suppressions.lift_for_new_consents(
            connection,
            [(one.contact_id, one.business, one.reply.said_at) for one in back if one.lifts],
        )
        resumed = {one.reply.id: one.reply for one in back if one.resumes}
        welcomes += notice_texts.write(
            connection,
            list(resumed.values()),
            NoticeKind.WELCOME,
            known=known,
            now=now,
            lease=lease,
        )
    return welcomes


def _waves(replies: Sequence[OpenReply]) -> Iterator[list[OpenReply]]:
    """The replies in rounds: each person's first, then each person's second, and so on."""
    rounds: list[list[OpenReply]] = []
    counts: dict[int, int] = {}
    for reply in replies:
        if reply.contact_id is None:
            continue
        place = counts.get(reply.contact_id, 0)
        counts[reply.contact_id] = place + 1
        if place == len(rounds):
            rounds.append([])
        rounds[place].append(reply)
    yield from rounds


def _revocations(connection: Connection, replies: Sequence[OpenReply]) -> list[ConsentEntry]:
    """Take back every consent that the wish to leave ends."""
    people = {reply.contact_id for reply in replies if reply.contact_id is not None}
    everywhere = (
        departures.businesses_of(connection, people)
        if any(EVERY_BUSINESS in reply.businesses for reply in replies)
        else {}
    )
    concerned: dict[str, dict[int, OpenReply]] = {}
    for reply in replies:
        if reply.contact_id is None:
            continue
        businesses = set(reply.businesses)
        if EVERY_BUSINESS in businesses:
            businesses = businesses - {EVERY_BUSINESS} | everywhere.get(reply.contact_id, set())
        for business in businesses:
            concerned.setdefault(business, {})[reply.contact_id] = reply
    entries: list[ConsentEntry] = []
    for business, by_contact in sorted(concerned.items()):
        held = _held(connection, by_contact, business)
        for contact, reply in by_contact.items():
            entries += _taken_back(reply, contact, business, held.get(contact, []))
    return entries


def _held(
    connection: Connection, contacts: dict[int, OpenReply], business: str
) -> dict[int, list[HeldConsent]]:
    found: dict[int, list[HeldConsent]] = {}
    for category in _ENDED:
        known = consents.held(connection, contacts, business=business, category=category)
        for contact, records in known.items():
            found.setdefault(contact, []).extend(records)
    return found


def _taken_back(
    reply: OpenReply, contact: int, business: str, held: Sequence[HeldConsent]
) -> Iterator[ConsentEntry]:
    """One entry a consent; without any it stands in the ledger all the same that they left."""
    ended: list[ConsentRecord] = [
        one.record
        for one in held
        if one.record.revoked_at is None
        and (one.record.granted_at is None or one.record.granted_at <= reply.said_at)
    ]
    if not held:
        ended = [ConsentRecord(business=business, category=Category.MARKETING)]
    for record in ended:
        yield ConsentEntry(
            contact_id=contact,
            record=ConsentRecord(
                business=business,
                category=record.category,
                channel=record.channel,
                topics=record.topics,
                method=ConsentMethod(reply.channel.value) if reply.channel else None,
                source=reply.reference,
                revoked_at=reply.said_at,
            ),
        )
