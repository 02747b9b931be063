"""The delivery stage: claim, (send), record. Sending itself is between two transactions.

`claim` returns messages that nobody else will send; whoever gets them starts their requests
within `CLAIM_LIFE`, or gives them back unsent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy.engine import Connection

from pipeline.policy.quota import bucket_of, room_in_all
from pipeline.policy.rendering import render
from pipeline.policy.template_text import TemplateParameters
from pipeline.policy.vocabulary import MessageState, ParameterStyle
from pipeline.providers.base import OutboundMessage
from pipeline.stages.books import Books
from pipeline.stages.caps import LONGEST_PERIOD, caps_on, quotas_on
from pipeline.store import claims, outcomes, quotas, template_use
from pipeline.store.campaigns import Campaign
from pipeline.store.claims import Parcel, Wish
from pipeline.store.outcomes import SendOutcome
from pipeline.store.senders import Sender

CLAIM_LIFE = 0.2
"""Seconds of machine time after a claim's beginning at which a request may still start. An
opt-out that commits just after the claim looked is overtaken by at most this long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A message that this worker, and nobody else, may send once.

    Attributes:
        claimed_at: business instant under which cap and quota were reserved.
        counted: the categories of the reserved cap; None: none was reserved.
        quota: whether a sender's quota was reserved.
    """

    parcel: Parcel
    attempt: int
    claimed_at: datetime
    counted: str | None
    quota: bool


@dataclass(frozen=True, slots=True)
class Directory:
    """The campaigns and senders of the parcels at hand."""

    campaigns: Mapping[int, Campaign]
    senders: Mapping[int, Sender]


def claim(
    connection: Connection,
    parcels: Sequence[Parcel],
    *,
    directory: Directory,
    books: Books,
    now: datetime,
    safe_until: datetime,
    lease: datetime,
) -> list[Claimed]:
    """Take those of the parcels that may be sent now, with their caps and quotas reserved.

    At most one message a person is taken at a time. What is not taken goes where its reason
    sends it: back to the ready ones, to be decided again, or to its end.

    Args:
        safe_until: business instant until which window and campaign must stay open.
        lease: machine instant after which an unrecorded message is in doubt.
    """
    # One message may have been handed to a worker twice (a lease that ran out while it waited
    # here): the claim takes it once, and so must who sends what was claimed.
    parcels = list({parcel.id: parcel for parcel in parcels}.values())
    wishes = _wishes(parcels, directory, books, now)
    limited = _reserve_quotas(connection, parcels, wishes, directory, books, now)
    attempts = claims.claim(
        connection,
        list(wishes.values()),
        now=now,
        safe_until=safe_until,
        oldest=now - LONGEST_PERIOD,
        lease=lease,
    )
    claimed = [
        Claimed(
            parcel=parcel,
            attempt=attempts[parcel.id],
            claimed_at=now,
            counted=wishes[parcel.id].counted,
            quota=parcel.sender_id in limited,
        )
        for parcel in parcels
        if parcel.id in attempts
    ]
    _count_quotas(connection, claimed, 1)
    refused = [parcel.id for parcel in parcels if parcel.id not in attempts]
    claims.settle_refused(connection, refused, now=now, safe_until=safe_until)
    return claimed


def _wishes(
    parcels: Sequence[Parcel], directory: Directory, books: Books, now: datetime
) -> dict[int, Wish]:
    wishes: dict[int, Wish] = {}
    people: set[int] = set()
    for parcel in parcels:
        if parcel.contact_id in people:
            continue
        people.add(parcel.contact_id)
        campaign = directory.campaigns[parcel.campaign_id]
        binding = caps_on(parcel, campaign.category, campaign.channel, books=books, now=now)
        wishes[parcel.id] = Wish(
            id=parcel.id,
            sender_id=parcel.sender_id,
            window_closes_at=parcel.window_closes_at,
            caps=() if binding is None else binding.limits,
            counted=None if binding is None else binding.counted,
        )
    return wishes


def _reserve_quotas(
    connection: Connection,
    parcels: Sequence[Parcel],
    wishes: dict[int, Wish],
    directory: Directory,
    books: Books,
    now: datetime,
) -> set[int]:
    """Drop the wishes beyond a sender's quota; return the senders that have one, locked."""
    limits = {
        sender_id: binding
        for sender_id in {parcel.sender_id for parcel in parcels}
        if (binding := quotas_on(directory.senders[sender_id], books=books, now=now))
    }
    if not limits:
        return set()
    quotas.lock(connection, limits)
    used = quotas.used(connection, limits, since=now - LONGEST_PERIOD)
    room = {
        sender_id: room_in_all(binding, used[sender_id], now=now) or 0
        for sender_id, binding in limits.items()
    }
    for parcel in parcels:
        if parcel.sender_id not in room or parcel.id not in wishes:
            continue
        if room[parcel.sender_id] == 0:
            del wishes[parcel.id]
        else:
            room[parcel.sender_id] -= 1
    return set(limits)


def _count_quotas(connection: Connection, claimed: Sequence[Claimed], sign: int) -> None:
    amounts: dict[tuple[int, datetime], int] = {}
    for item in claimed:
        if item.quota:
            key = (item.parcel.sender_id, bucket_of(item.claimed_at))
            amounts[key] = amounts.get(key, 0) + sign
    quotas.add(connection, amounts)


def record(
    connection: Connection,
    ends: Sequence[tuple[Claimed, SendOutcome]],
    *,
    now: datetime,
) -> set[int]:
    """Write the ends of attempts; what provably did not leave gets its cap and quota back.

    Returns:
        The ids that were recorded; an attempt that was settled otherwise is left alone.
    """
    recorded = outcomes.record(connection, [outcome for _, outcome in ends], now=now)
    unsent = [claimed for claimed, outcome in ends if outcome.unsent and outcome.id in recorded]
    _count_quotas(connection, unsent, -1)
    sent = {
        claimed.parcel.campaign_id
        for claimed, outcome in ends
        if outcome.state is MessageState.SENT and outcome.id in recorded
    }
    template_use.note(connection, sent, now=now)
    return recorded


def compose(
    claimed: Claimed, campaign: Campaign, sender: Sender, *, now: datetime
) -> OutboundMessage:
    """The message as the provider needs it, rendered, with the time that is left to deliver it."""
    parcel = claimed.parcel
    ends = [end for end in (parcel.window_closes_at, campaign.expires_at) if end is not None]
    left: timedelta | None = min(ends) - now if ends else None
    registered = campaign.registered
    names, values = _parameters(campaign, parcel.variables)
    language = campaign.language if registered is None else registered.language
    named = registered is not None and registered.parameters is ParameterStyle.NAMED
    return OutboundMessage(
        message_id=parcel.id,
        attempt=parcel.refusals + 1,
        channel=campaign.channel,
        category=campaign.category,
        sender_address=sender.address,
        to=parcel.phone,
        body=render(campaign.body, parcel.variables),
        template=campaign.template_code,
        template_language=language.replace("-", "_"),
        template_parameters=values,
        template_parameter_names=names if named else (),
        validity_seconds=None if left is None else max(0, int(left.total_seconds())),
        media_url=campaign.media_url,
    )


def _parameters(
    campaign: Campaign, variables: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the template's variables, and the values that the campaign gives them.

    Raises:
        KeyError: the recipient lacks a value.
        ValueError: the body is no instance of the template; the consent stage blocks it before.
    """
    if campaign.template_code is None:
        return (), ()
    if campaign.registered is None:
        return campaign.variables, tuple(variables[name] for name in campaign.variables)
    reading = _reading(campaign.registered.body, campaign.body)
    return reading.names, reading.values(variables)


# Once a campaign, and not once a message.
_reading = lru_cache(maxsize=1024)(TemplateParameters)
