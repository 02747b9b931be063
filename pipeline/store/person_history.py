"""What a person has written and what followed from it, for people who ask; without any text."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

MOST = 100
"""Rows of a kind that are told of one person, the newest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PastReply:
    """A reply, or what else a provider told of the person: a setting, another number.

    Attributes:
        intent: what it was taken for; `match`: by what; `matched`: the word of our tables.
        decision: of a person, where it was held for review.
    """

    id: int
    kind: str
    received_at: datetime
    channel: str | None
    sender: str | None
    businesses: Sequence[str]
    intent: str | None
    scope: str | None
    match: str | None
    matched: str | None
    decision: str | None
    decided_at: datetime | None
    decided_by: str | None
    handled_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PastOptOut:
    """An opt-out and its clock.

    Attributes:
        reply: the id of the reply.
        cancelled: messages that waited and were ended.
    """

    reply: int
    origin: str
    businesses: Sequence[str]
    complaint: bool
    repeated: bool
    received_at: datetime
    deadline_at: datetime
    in_force_at: datetime | None
    cancelled_at: datetime | None
    cancelled: int
    confirmation: str
    confirmed_at: datetime | None
    rule: str | None
    policy: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PastNotice:
    """An answer of ours: a confirmation, help, a welcome back."""

    id: int
    reply: int
    kind: str
    business: str
    sender: str | None
    state: str
    attempt: int
    provider_id: str | None
    code: str | None
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """What keeps marketing from the person until somebody has decided on a reply."""

    reply: int
    business: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PastSuppression:
    """An entry of the suppression list; `lifted_at` None: it is in force."""

    business: str
    reason: str
    since: datetime
    source: str
    everything: bool
    lifted_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonHistory:
    """Everything of one person, each in order of time."""

    replies: Sequence[PastReply] = ()
    opt_outs: Sequence[PastOptOut] = ()
    notices: Sequence[PastNotice] = ()
    holds: Sequence[Hold] = ()
    suppressions: Sequence[PastSuppression] = ()

    def __bool__(self) -> bool:
        return any((self.replies, self.opt_outs, self.notices, self.holds, self.suppressions))


def _newest(columns: str, source: str, order: str) -> str:
    """A query for the newest rows of each person."""
    return f"""
        SELECT p.contact_id, n.* FROM unnest(CAST(:contacts AS bigint[])) AS p (contact_id)
        CROSS JOIN LATERAL (
            SELECT {columns} FROM {source} WHERE x.contact_id = p.contact_id
            ORDER BY {order} DESC LIMIT :most
        ) AS n
        ORDER BY p.contact_id, {order.replace("x.", "n.")}
    """  # noqa: S608 - our own fragments


_REPLIES = text(
    _newest(
        "x.id, x.kind, x.received_at, x.channel, s.code AS sender, x.businesses, x.intent, x.scope,"
        " x.match, x.matched, x.decision, x.decided_at, x.decided_by, x.handled_at",
        "inbound_messages x LEFT JOIN senders s ON s.id = x.sender_id",
        "x.id",
    )
)
_OPT_OUTS = text(
    _newest(
        "x.inbound_id AS reply, x.origin, x.businesses, x.complaint, x.repeated, x.received_at,"
        " x.deadline_at, x.in_force_at, x.cancelled_at, x.cancelled, x.confirmation,"
        " x.confirmed_at, x.rule, x.policy",
        "opt_outs x",
        "x.received_at",
    )
)
_NOTICES = text(
    _newest(
        "x.id, x.inbound_id AS reply, x.kind, x.business, s.code AS sender, x.state, x.attempt,"
        " x.provider_id, x.code, x.created_at, x.sent_at, x.delivered_at",
        "notices x LEFT JOIN senders s ON s.id = x.sender_id",
        "x.created_at",
    )
)
_HOLDS = text(_newest("x.inbound_id AS reply, x.business, x.since", "review_holds x", "x.since"))
_SUPPRESSIONS = text(
    _newest(
        "x.business, x.reason, x.since, x.source, x.everything, x.lifted_at",
        "suppressions x",
        "x.since",
    )
)
_CONTACT = text("SELECT id FROM contacts WHERE phone = :phone")


def contact_of(connection: Connection, phone: str) -> int | None:
    """The contact that has this number (E.164)."""
    return connection.execute(_CONTACT, {"phone": phone}).scalar()


def histories(connection: Connection, contacts: Collection[int]) -> dict[int, PersonHistory]:
    """The history of each of these people; of each kind at most the newest `MOST`."""
    ids = sorted(contacts)
    told: dict[int, dict[str, list[Any]]] = {contact: {} for contact in ids}
    for name, statement, made in (
        ("replies", _REPLIES, PastReply),
        ("opt_outs", _OPT_OUTS, PastOptOut),
        ("notices", _NOTICES, PastNotice),
        ("holds", _HOLDS, Hold),
        ("suppressions", _SUPPRESSIONS, PastSuppression),
    ):
        for row in connection.execute(statement, {"contacts": ids, "most": MOST}).mappings():
            values: Mapping[str, Any] = {
                key: value for key, value in row.items() if key != "contact_id"
            }
            told[row["contact_id"]].setdefault(name, []).append(made(**values))
    return {contact: PersonHistory(**found) for contact, found in told.items()}
