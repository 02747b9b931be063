"""Who sends a notice: whoever got the reply, and then the business's others in turn."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import Rejected
from pipeline.stages.suspensions import halt
from pipeline.store import senders
from pipeline.store.notices import Notice, NoticeKind
from pipeline.store.senders import Sender

MOST_SENDERS = 3
"""So many senders of a business are tried in turn when each of them refuses for good."""


def fitting_senders(
    available: Sequence[Sender],
    *,
    channel: Channel,
    received_by: int | None,
    country: str,
    accounts: Collection[str],
    confirming: bool,
) -> list[Sender]:
    """Who may answer, the best first: whoever got the reply, then one of the person's country.

    Args:
        available: the senders of the business.
        confirming: it is the confirmation of an opt-out, which alone a suspended sender sends.
        accounts: provider accounts that can send, in lower case.
    """

    def rank(sender: Sender) -> tuple[object, ...]:
        return (
            sender.account not in accounts,
            sender.id != received_by,
            sender.state is SenderState.SUSPENDED,
            sender.country != country,
            sender.code,
        )

    fitting = (
        sender
        for sender in available
        if sender.channel is channel and (confirming or sender.state is SenderState.ACTIVE)
    )
    return sorted(fitting, key=rank)[:MOST_SENDERS]


def other_senders(
    connection: Connection, refused: Sequence[Notice], accounts: Collection[str]
) -> Mapping[int, int]:
    """Who could try next, for the notices that their sender refuses: notice id → sender id.

    Args:
        accounts: provider accounts that can send, in lower case.
    """
    if not refused:
        return {}
    available = senders.select_senders(connection, businesses={one.business for one in refused})
    found: dict[int, int] = {}
    for notice in refused:
        others = fitting_senders(
            [one for one in available if one.business == notice.business],
            channel=notice.channel,
            received_by=notice.received_by,
            country=notice.country,
            accounts=accounts,
            confirming=notice.kind is NoticeKind.CONFIRMATION,
        )
        ids = [sender.id for sender in others]
        place = ids.index(notice.sender_id) + 1 if notice.sender_id in ids else 0
        if place < len(ids):
            found[notice.id] = ids[place]
    return found


def halt_senders(
    connection: Connection, refusals: Sequence[tuple[Notice, Rejected]], now: datetime
) -> None:
    """A refusal that halts a sender halts it for campaigns too, whoever heard it first."""
    for notice, result in refusals:
        halt(connection, notice.sender_id, result, country=notice.country, now=now)
