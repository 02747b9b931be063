"""Settling the lane's notices by what an operator has found out, as `doubts` does with messages.

Nothing here sends anything: the lane does, once an operator is certain that a notice never left.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.stages.doubts import Verdict
from pipeline.store import audit, notice_doubts
from pipeline.store.audit import AuditAction, AuditEvent
from pipeline.store.notice_doubts import Evidence, SettledNotice
from pipeline.store.notices import NoticeState

_BECOMES = {
    Verdict.SENT: (NoticeState.SENT, "sent"),
    Verdict.UNSENT: (NoticeState.FAILED, "failed"),
    Verdict.AGAIN: (NoticeState.PENDING, "due"),
}


def settle_by_operator(
    connection: Connection,
    ids: Collection[int],
    verdict: Verdict,
    *,
    actor: str,
    reason: str,
    now: datetime,
    provider_id: str | None = None,
) -> list[SettledNotice]:
    """Settle notices that are still in doubt as an operator says; the trail tells who and why.

    Args:
        provider_id: the provider's id of the one notice that was sent.

    Returns:
        Those that moved: a status, a late answer or somebody else may have been first, and a
        confirmation is not sent again to who has come back.
    """
    state, confirmation = _BECOMES[verdict]
    evidence = Evidence(state=state, confirmation=confirmation, provider_id=provider_id)
    settled = notice_doubts.settle(connection, ids, evidence, now=now)
    audit.add(connection, _trail(settled, verdict, actor, reason, now))
    return settled


def _trail(
    settled: Sequence[SettledNotice], verdict: Verdict, actor: str, reason: str, now: datetime
) -> list[AuditEvent]:
    """An entry for each sender; a notice has no decisions, so it names the notices."""
    senders: dict[str, list[int]] = {}
    for one in settled:
        senders.setdefault(one.sender, []).append(one.id)
    return [
        AuditEvent(
            occurred_at=now,
            actor=actor,
            action=AuditAction.DOUBTS_SETTLED,
            subject=sender,
            reason=reason,
            detail={"as": verdict.value, "notices": ids},
        )
        for sender, ids in sorted(senders.items())
    ]
