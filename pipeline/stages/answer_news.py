"""What answers tell beyond their messages: ids of people, unknown codes, templates that rest."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import structlog
from sqlalchemy.engine import Connection

from pipeline.providers.base import Accepted, Action, Ambiguous, Rejected
from pipeline.stages import template_states
from pipeline.stages.attempts import Answer
from pipeline.stages.persons import link_recipients
from pipeline.store import identities, provider_news, senders

log = structlog.get_logger(__name__)

_PAUSED = Rejected(Action.HALT_TEMPLATE, "paused", "taken, and not delivered: it is paused", None)
"""What a message that was taken, though its template is paused, means for those after it."""

_HALTS = frozenset({Action.HALT_CAMPAIGN, Action.HALT_TEMPLATE})


def link_people(connection: Connection, answers: Sequence[Answer], now: datetime) -> None:
    """Write down by which ids of its own the provider knows those whom it took messages for."""
    told = [
        (answer.claimed.parcel, answer.result.user_id)
        for answer in answers
        if isinstance(answer.result, Accepted) and answer.result.user_id is not None
    ]
    if not told:
        return
    accounts = _accounts(connection, {parcel.sender_id for parcel, _ in told})
    ids = {(accounts[parcel.sender_id], user_id): parcel.contact_id for parcel, user_id in told}
    known = identities.find(connection, ids)
    fresh = {one: contact for one, contact in ids.items() if known.get(one) != contact}
    if fresh:
        identities.lock(connection, fresh)
        link_recipients(connection, fresh, now=now)


def count_unknown(connection: Connection, answers: Sequence[Answer], now: datetime) -> None:
    """Tell of codes that stand in no table, and count them by account."""
    unknown = [
        (answer.claimed.parcel, answer.result.code or "")
        for answer in answers
        if isinstance(answer.result, Rejected | Ambiguous) and not answer.result.known
    ]
    if not unknown:
        return
    accounts = _accounts(connection, {parcel.sender_id for parcel, _ in unknown})
    for parcel, code in unknown:
        log.warning("provider_code_unknown", code=code, message_id=parcel.id)
    seen = Counter((accounts[parcel.sender_id], code) for parcel, code in unknown)
    provider_news.count_unknown_codes(connection, seen, now=now)


def halt_campaigns(connection: Connection, answers: Sequence[Answer], now: datetime) -> None:
    """Pause the campaigns, and rest the templates, of which every message would fail alike.

    In the order of the campaigns' ids, so that two batches never wait for each other in a circle.
    """
    halting: dict[tuple[int, Action], tuple[int, Rejected]] = {}
    for answer in answers:
        parcel, result = answer.claimed.parcel, answer.result
        if isinstance(result, Accepted) and result.paused:
            result = _PAUSED
        if isinstance(result, Rejected) and result.action in _HALTS:
            halting[parcel.campaign_id, result.action] = parcel.sender_id, result
    for (campaign_id, _), (sender_id, refusal) in sorted(halting.items(), key=lambda one: one[0]):
        template_states.halt(connection, campaign_id, sender_id, refusal, now=now)


def _accounts(connection: Connection, sender_ids: Collection[int]) -> Mapping[int, str]:
    found = senders.select_senders(connection, ids=sender_ids)
    return {sender.id: sender.account for sender in found}
