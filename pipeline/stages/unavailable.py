"""Senders that cannot send now for a reason that nobody has decided on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import Reason
from pipeline.store import account_rests, audit
from pipeline.store.audit import AuditAction
from pipeline.store.senders import Sender


@dataclass(frozen=True, kw_only=True, slots=True)
class Unavailable:
    """Why a sender cannot send.

    Attributes:
        reason: ``account_rests``, or ``sender_suspended`` for a halt of a technical kind.
        since: business instant.
        detail: what was seen, without phone numbers.
    """

    reason: Reason
    since: datetime
    detail: str


def unavailable(connection: Connection, known: Sequence[Sender]) -> dict[int, Unavailable]:
    """Those of the senders that cannot send for a technical reason, by id.

    That is an account that rests, or a provider's refusal that comes from credentials, money or
    set-up. A suspension by a threshold, a person, or a provider's sanction is none: to send the
    same messages from elsewhere would be to evade it.
    """
    rests = account_rests.read(connection)
    found = {
        sender.id: Unavailable(
            reason=Reason.ACCOUNT_RESTS, since=rest.since, detail=f"{rest.account}: {rest.detail}"
        )
        for sender in known
        if sender.state is SenderState.ACTIVE and (rest := rests.get(sender.account)) is not None
    }
    halted = {one.code: one.id for one in known if one.state is SenderState.SUSPENDED}
    if halted:
        last = audit.latest(connection, halted, [AuditAction.SENDER_SUSPENDED])
        found |= {
            halted[code]: Unavailable(
                reason=Reason.SENDER_SUSPENDED, since=event.occurred_at, detail=event.reason
            )
            for code, event in last.items()
            if (event.detail or {}).get("technical") is True
        }
    return found
