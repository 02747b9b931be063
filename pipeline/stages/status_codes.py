"""What the codes of late failures mean for others than their messages.

A message that was taken and then failed ends there: it is never sent again by itself, whatever its
code would allow a message that was refused at once. What the code says of the sender, the account,
the template or the country holds all the same. Who left is in ``statuses``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import structlog
from sqlalchemy.engine import Connection

from pipeline.policy.vocabulary import MessageState
from pipeline.providers.base import Rejected
from pipeline.providers.events import StatusReport
from pipeline.stages import template_states
from pipeline.stages.arrivals import Brought
from pipeline.stages.suspensions import halt
from pipeline.store import provider_news
from pipeline.store.statuses import Addressee

log = structlog.get_logger(__name__)

_HEARD = frozenset({MessageState.DELIVERED, MessageState.UNDELIVERED})
"""Of these messages we know the end: a failure told again, or too late, halts nothing."""

_Told = Mapping[int, Sequence[Brought[StatusReport]]]


def follow_up(
    connection: Connection, told: _Told, known: Mapping[int, Addressee], *, now: datetime
) -> None:
    """Halt what failures that are new to us halt, and count codes that nobody knows.

    Args:
        told: message id → what was told of it.
        known: message id → whom it went to.
    """
    fresh = list(_fresh(told, known))
    _count_unknown(connection, fresh, now)
    halts = {
        (addressee.sender_id, addressee.campaign_id, one.event.halts.code): (
            addressee,
            one.event.halts,
            one.happened_at(one.event.occurred_at),
        )
        for addressee, one in fresh
        if one.event.halts is not None
    }
    for _, (addressee, refusal, told_at) in sorted(halts.items(), key=lambda item: item[0]):
        country = addressee.country
        halt(connection, addressee.sender_id, refusal, country=country, told_at=told_at, now=now)
    by_campaign: list[tuple[Addressee, Rejected, datetime]] = sorted(
        halts.values(), key=lambda one: one[0].campaign_id
    )
    for addressee, refusal, told_at in by_campaign:
        template_states.halt(
            connection,
            addressee.campaign_id,
            addressee.sender_id,
            refusal,
            told_at=told_at,
            now=now,
        )


def _fresh(
    told: _Told, known: Mapping[int, Addressee]
) -> Iterator[tuple[Addressee, Brought[StatusReport]]]:
    for message_id, brought in told.items():
        addressee = known[message_id]
        if addressee.state not in _HEARD:
            for one in brought:
                yield addressee, one


def _count_unknown(
    connection: Connection,
    fresh: Sequence[tuple[Addressee, Brought[StatusReport]]],
    now: datetime,
) -> None:
    unknown: Counter[tuple[str, str]] = Counter()
    for addressee, one in fresh:
        if not one.event.known and one.event.code is not None:
            unknown[one.account, one.event.code] += 1
            log.warning(
                "provider_code_unknown", code=one.event.code, message_id=addressee.message_id
            )
    provider_news.count_unknown_codes(connection, unknown, now=now)
