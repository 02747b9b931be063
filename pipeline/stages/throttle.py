"""The throttle stage: is there room for this person and this sender, or when will there be?

The claim settles caps and quotas exactly; this stage looks before, so that what cannot go now is
deferred with its reason and its time, and does not come back every round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from pipeline.policy.decision import Defer
from pipeline.policy.frequency import decide_frequencies
from pipeline.policy.quota import bucket_of, decide_quotas, room_in_all
from pipeline.policy.sender_rules import Quota
from pipeline.policy.vocabulary import MessageState, Outcome, Reason, Stage
from pipeline.stages.books import Books
from pipeline.stages.caps import LONGEST_PERIOD, caps_on, quotas_on
from pipeline.store import campaigns, claims, frequency, messages, senders
from pipeline.store import quotas as quota_store
from pipeline.store.campaigns import Campaign
from pipeline.store.claims import Parcel
from pipeline.store.messages import Verdict


@dataclass(slots=True)
class _Room:
    """What is used already; what this chunk passes is counted on top."""

    campaigns: Mapping[int, Campaign]
    sent: dict[frequency.Key, list[datetime]]
    used: dict[int, list[tuple[datetime, int]]]
    quotas: Mapping[int, Sequence[Quota]]
    left: dict[int, int] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)


def run(connection: Connection, ids: Sequence[int], *, books: Books, now: datetime) -> list[int]:
    """Defer what is over a cap or a quota; return the ready messages that may be delivered."""
    parcels = claims.load(connection, ids, content=False)
    room = _measure(connection, parcels, books, now)
    verdicts: list[Verdict] = []
    passed: list[int] = []
    for parcel in parcels:
        defer = _decide(parcel, room, books, now)
        if defer is None:
            passed.append(parcel.id)
        else:
            verdicts.append(_verdict(parcel, defer, room.campaigns[parcel.campaign_id], books, now))
    messages.apply(
        connection,
        verdicts,
        stage=Stage.THROTTLE,
        from_state=MessageState.READY,
        lease=None,
        now=now,
    )
    return passed


def _measure(
    connection: Connection, parcels: Sequence[Parcel], books: Books, now: datetime
) -> _Room:
    found = campaigns.by_ids(connection, {parcel.campaign_id for parcel in parcels})
    businesses = {campaign.business for campaign in found.values()}
    sender_ids = {parcel.sender_id for parcel in parcels}
    used_senders = senders.select_senders(connection, ids=sender_ids)
    return _Room(
        campaigns=found,
        quotas={sender.id: quotas_on(sender, books=books, now=now) for sender in used_senders},
        sent=frequency.sent(connection, {p.contact_id for p in parcels}, businesses),
        used=quota_store.used(connection, sender_ids, since=now - LONGEST_PERIOD),
    )


def _decide(parcel: Parcel, room: _Room, books: Books, now: datetime) -> Defer | None:
    """When the message has to wait; None counts it as passed."""
    campaign = room.campaigns[parcel.campaign_id]
    binding = caps_on(parcel, campaign.category, campaign.channel, books=books, now=now)
    sent: list[datetime] = []
    if binding is not None:
        key = (parcel.contact_id, campaign.business, binding.counted)
        sent = room.sent.setdefault(key, [])
        decision = decide_frequencies(
            binding.caps,
            sent,
            now=now,
            on_holiday=binding.holiday.on_holiday,
            holiday_ends=binding.holiday.ends,
        )
        if isinstance(decision, Defer):
            return decision
    full = _take_quota(parcel, room, now)
    if full is None:
        sent.append(now)
    return full


def _take_quota(parcel: Parcel, room: _Room, now: datetime) -> Defer | None:
    sender_id = parcel.sender_id
    quotas = room.quotas[sender_id]
    if not quotas:
        return None
    if sender_id not in room.left:
        room.left[sender_id] = room_in_all(quotas, room.used[sender_id], now=now) or 0
    if room.left[sender_id] > 0:
        room.left[sender_id] -= 1
        room.taken[sender_id] = room.taken.get(sender_id, 0) + 1
        return None
    used = [*room.used[sender_id], (bucket_of(now), room.taken.get(sender_id, 0))]
    decision = decide_quotas(quotas, used, now=now)
    return decision if isinstance(decision, Defer) else None


def _verdict(
    parcel: Parcel, defer: Defer, campaign: Campaign, books: Books, now: datetime
) -> Verdict:
    policy = books.policy(parcel.country, now)
    until = defer.until or now + timedelta(days=1)
    late = campaign.expires_at is not None and until >= campaign.expires_at
    return Verdict(
        id=parcel.id,
        state=MessageState.EXPIRED if late else MessageState.DEFERRED,
        outcome=Outcome.BLOCK if late else Outcome.DEFER,
        reason=Reason.EXPIRED if late else defer.reason,
        rule=defer.rule,
        policy=policy.version if policy else None,
        not_before=None if late else until,
    )
