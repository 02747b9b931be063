"""Writing notices: in whose language, under which name, through which sender."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.country import CountryPolicy
from pipeline.policy.notice import FALLBACK, LONG_SPAN, choose_language, may_answer
from pipeline.policy.rendering import render
from pipeline.policy.replies.lexicon import AnswerTexts
from pipeline.policy.suppression import EVERY_BUSINESS
from pipeline.stages.books import Books
from pipeline.stages.notice_senders import fitting_senders
from pipeline.store import notice_facts, notices, received, senders
from pipeline.store.lane import OpenReply
from pipeline.store.notice_facts import Appearance
from pipeline.store.notices import Draft, NoticeKind
from pipeline.store.senders import Sender


@dataclass(frozen=True, slots=True)
class NoticeBooks:
    """What writing and sending notices needs to know and does not own.

    Attributes:
        answers: language tag → texts.
        accounts: the provider accounts that can send, in lower case.
    """

    books: Books
    answers: Mapping[str, AnswerTexts]
    accounts: Collection[str]


def write(
    connection: Connection,
    replies: Sequence[OpenReply],
    kind: NoticeKind,
    *,
    known: NoticeBooks,
    now: datetime,
    lease: datetime,
) -> list[int]:
    """Make the notices that these replies ask for; the ids of the new ones.

    A reply has one of a kind, however often it is worked on. A confirmation that nobody could
    send or word is noted as impossible. Other kinds are made only so often for one person and
    sender, and their contacts are locked until the end of the transaction.
    """
    if not replies:
        return []
    chosen = _choose_senders(connection, replies, kind, known)
    if kind is not NoticeKind.CONFIRMATION:
        chosen = _within_bounds(connection, replies, chosen, kind, now)
    pairs = {
        (_contact(reply), chosen[reply.id].business) for reply in replies if reply.id in chosen
    }
    faces = notice_facts.appearances(connection, pairs)
    drafts: list[Draft] = []
    for reply in replies:
        sender = chosen.get(reply.id)
        policy = known.books.policy(reply.country, now) if reply.country else None
        if sender is None:
            continue
        face = faces[_contact(reply), sender.business]
        body = _text(reply, kind, policy, face, sender.business, known.answers)
        if body is not None:
            drafts.append(_draft(reply, kind, sender, body))
    if kind is NoticeKind.CONFIRMATION:
        written = {draft.inbound_id for draft in drafts}
        notice_facts.note_impossible(connection, {one.id for one in replies} - written)
    return notices.add(connection, drafts, now=now, lease=lease)


def _draft(reply: OpenReply, kind: NoticeKind, sender: Sender, body: str) -> Draft:
    return Draft(
        inbound_id=reply.id,
        kind=kind,
        contact_id=_contact(reply),
        business=sender.business,
        sender_id=sender.id,
        body=body,
    )


def _contact(reply: OpenReply) -> int:
    if reply.contact_id is None:
        raise ValueError(f"reply {reply.id} is nobody's")
    return reply.contact_id


def _choose_senders(
    connection: Connection, replies: Sequence[OpenReply], kind: NoticeKind, known: NoticeBooks
) -> dict[int, Sender]:
    """Who answers which reply; one that nobody can answer is left out."""
    businesses = {business for reply in replies for business in reply.businesses}
    available = senders.select_senders(connection, businesses=businesses)
    chosen: dict[int, Sender] = {}
    for reply in replies:
        if not reply.reachable or EVERY_BUSINESS in reply.businesses:
            continue
        received_by = next((one for one in available if one.id == reply.sender_id), None)
        channel = reply.channel or (received_by.channel if received_by else None)
        if channel is None:
            continue
        # The business that the person wrote to answers; a shared address names several.
        own = received_by.business if received_by else reply.businesses[0]
        fitting = fitting_senders(
            [one for one in available if one.business == own],
            channel=channel,
            received_by=reply.sender_id,
            country=reply.country,
            accounts=known.accounts,
            confirming=kind is NoticeKind.CONFIRMATION,
        )
        if fitting:
            chosen[reply.id] = fitting[0]
    return chosen


def _within_bounds(
    connection: Connection,
    replies: Sequence[OpenReply],
    chosen: Mapping[int, Sender],
    kind: NoticeKind,
    now: datetime,
) -> dict[int, Sender]:
    """Without those that were answered enough; two workers must not both count the same."""
    contacts = {_contact(reply) for reply in replies if reply.id in chosen}
    received.people(connection, contacts)  # locks them
    given = notice_facts.earlier(connection, contacts, kind, since=now - LONG_SPAN)
    within: dict[int, Sender] = {}
    for reply in replies:
        sender = chosen.get(reply.id)
        if sender is None:
            continue
        moments = given.setdefault((_contact(reply), sender.id), [])
        if may_answer(moments, now=now):
            moments.append(now)
            within[reply.id] = sender
    return within


def _text(
    reply: OpenReply,
    kind: NoticeKind,
    policy: CountryPolicy | None,
    face: Appearance,
    business: str,
    answers: Mapping[str, AnswerTexts],
) -> str | None:
    """The notice in the person's language, else in the reply's, else in the country's."""
    wanted = (reply.language, _understood_in(reply.matched))
    default = policy.opt_out.default_language if policy else FALLBACK
    values = {"brand": face.brand or business, "support": face.support or ""}
    if kind is NoticeKind.CONFIRMATION:
        texts = policy.opt_out.confirmations if policy else {}
        return render(texts[choose_language(texts, wanted, default)], values) if texts else None
    if not answers:
        return None
    found = answers[choose_language(answers, wanted, default)]
    # The language's own word: a pack of many countries has many languages' words.
    values["word"] = found.word
    if kind is NoticeKind.WELCOME:
        return render(found.welcome, values)
    return render(found.help if face.support else found.help_without_contact, values)


def _understood_in(matched: str | None) -> str | None:
    """The language of the table whose word matched: ``sair (pt)`` → ``pt``."""
    if matched is None or not matched.endswith(")"):
        return None
    return matched[:-1].rpartition("(")[2] or None
