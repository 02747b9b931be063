"""Suspending senders and lifting it: the one way in, whoever asks for it, with its audit event.

A suspended sender sends nothing but confirmations of opt-outs; its messages wait, and expire with
their campaign. Only a person lifts it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.sender import SenderState
from pipeline.providers.base import Action, Rejected
from pipeline.providers.health import is_technical
from pipeline.store import audit, sender_counts, senders
from pipeline.store.audit import AuditAction, AuditEvent
from pipeline.store.senders import Sender

log = structlog.get_logger(__name__)

_HALTS = frozenset({Action.HALT_SENDER, Action.HALT_ACCOUNT, Action.HALT_DESTINATION})


class Cause(StrEnum):
    """Who wanted a suspension; it stands in the audit event's detail."""

    THRESHOLD = "threshold"
    REPEATED = "repeated"
    """The business has been suspended by thresholds before."""
    PROVIDER = "provider"
    OPERATOR = "operator"
    IMPORT = "import"


def suspend(
    connection: Connection,
    wanted: Collection[Sender],
    *,
    cause: Cause,
    actor: str,
    reason: str,
    rule: str | None = None,
    policy: str | None = None,
    detail: Mapping[str, Any] | None = None,
    now: datetime,
) -> list[Sender]:
    """Suspend those of the senders that are active; the others keep the reason that they have.

    Args:
        actor: a person's name, or the part of Recado.
        reason: what an operator reads beside the state.

    Returns:
        Those that were active.
    """
    done = senders.set_sender_state(
        connection,
        [sender.id for sender in wanted],
        SenderState.SUSPENDED,
        reason=reason,
        now=now,
    )
    suspended = [sender for sender in wanted if sender.id in done]
    audit.add(
        connection,
        [
            AuditEvent(
                occurred_at=now,
                actor=actor,
                action=AuditAction.SENDER_SUSPENDED,
                subject=sender.code,
                reason=reason,
                rule=rule,
                policy=policy,
                detail={
                    "cause": cause.value,
                    "business": sender.business,
                    "country": sender.country,
                    **(detail or {}),
                },
            )
            for sender in suspended
        ],
    )
    return suspended


def lift(connection: Connection, sender: Sender, *, actor: str, reason: str, now: datetime) -> bool:
    """Let a suspended sender send again; what was counted before counts no more.

    Returns:
        Whether it was suspended.
    """
    done = senders.set_sender_state(
        connection, [sender.id], SenderState.ACTIVE, reason=None, now=now
    )
    if not done:
        return False
    sent, violations = sender_counts.in_hour(connection, sender.id, now=now)
    event = AuditEvent(
        occurred_at=now,
        actor=actor,
        action=AuditAction.SENDER_LIFTED,
        subject=sender.code,
        reason=reason,
        detail={
            "was": sender.state_reason,
            "sent_in_hour": sent,
            "violations_in_hour": violations,
        },
    )
    audit.add(connection, [event])
    return True


def not_lifted_since(
    connection: Connection, wanted: Collection[Sender], moment: datetime
) -> list[Sender]:
    """Those whose suspension nobody has lifted after a business instant."""
    lifted = audit.latest(
        connection, [sender.code for sender in wanted], [AuditAction.SENDER_LIFTED]
    )
    return [
        sender
        for sender in wanted
        if sender.code not in lifted or lifted[sender.code].occurred_at <= moment
    ]


def halt(
    connection: Connection,
    sender_id: int,
    refusal: Rejected,
    *,
    country: str | None = None,
    told_at: datetime | None = None,
    now: datetime,
) -> None:
    """Suspend what a provider's refusal halts.

    That is the sender, every sender of its account, or those of its account that stand for the
    recipient's country. Any other refusal changes nothing.

    Args:
        country: the recipient's; None: nothing is halted for a country.
        told_at: business instant of the refusal where it came late; senders that a person has let
            send again since are left alone. None: it is of now.
    """
    if refusal.action not in _HALTS:
        return
    (own,) = senders.select_senders(connection, ids=[sender_id])
    account = own.account
    halted = [own]
    if refusal.action is not Action.HALT_SENDER:
        everyone = senders.select_senders(connection)
        halted = [sender for sender in everyone if sender.account == account]
    if refusal.action is Action.HALT_DESTINATION:
        halted = [sender for sender in halted if sender.country == country]
    if told_at is not None:
        halted = not_lifted_since(connection, halted, told_at)
    done = suspend(
        connection,
        halted,
        cause=Cause.PROVIDER,
        actor=f"provider:{account}",
        reason=f"{refusal.code}: {refusal.detail}"[:200],
        detail={"code": refusal.code, "technical": is_technical(refusal)},
        now=now,
    )
    if done:
        log.error("sender_halted", sender_ids=[one.id for one in done], code=refusal.code)
