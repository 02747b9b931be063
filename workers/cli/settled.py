"""Waiting until a campaign's messages have come to rest."""

import sys
import time
from dataclasses import dataclass

from redis import Redis

from pipeline.producer import STREAM, Receipt
from pipeline.store import campaigns
from pipeline.store.campaigns import Campaign
from workers.cli.progress import late_progress
from workers.reports.balance import Balance, balance_of
from workers.reports.dead_letters import dead_letters
from workers.reports.obstacles import obstacles
from workers.runtime import Runtime

INTERVAL_SECONDS = 0.5
QUERY_SHARE = 10.0
"""The database is asked at most every half second, and a tenth of the time at most."""

STUCK_SECONDS = 60.0
"""How long nothing may move, while something is known to stand in the way, before giving up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """How the waiting ended.

    Attributes:
        obstacles: what stands in the way of messages that still wait.
        complaint: why this is no good end; None: it is one.
    """

    balance: Balance
    obstacles: list[str]
    complaint: str | None


def wait_until_settled(
    runtime: Runtime, campaign: Campaign, receipt: Receipt, *, timeout: float | None
) -> Settled:
    """Wait until every message of the campaign is final or deferred.

    Args:
        timeout: give up after so many seconds; None: only when nothing can move.
    """
    began = moved_at = time.monotonic()
    last: tuple[bool, Balance] | None = None
    told: list[str] = []
    with late_progress(f"Campaign {campaign.code}", receipt.messages) as advance:
        while True:
            asked = time.monotonic()
            arrived = not entries_left(runtime.redis, receipt)
            with runtime.transaction() as connection:
                balance = balance_of(campaigns.counts(connection, campaign.id))
                found = obstacles(connection, runtime.redis, campaign.id)
            advance(balance.accepted - balance.waiting)
            if arrived and balance.waiting == 0:
                complaint = _missing(runtime.redis, balance, receipt)
                return Settled(balance=balance, obstacles=[], complaint=complaint)
            if found != told:
                _tell(found, told)
                told = found
            now = time.monotonic()
            if (arrived, balance) != last:
                last, moved_at = (arrived, balance), now
            if found and now - moved_at > STUCK_SECONDS:
                complaint = f"nothing has moved for {STUCK_SECONDS:g} s: {'; '.join(found)}"
                return Settled(balance=balance, obstacles=found, complaint=complaint)
            if timeout is not None and now - began > timeout:
                complaint = f"not done after {timeout:g} s: {balance.waiting:,} messages wait"
                return Settled(balance=balance, obstacles=found, complaint=complaint)
            time.sleep(max(INTERVAL_SECONDS, QUERY_SHARE * (now - asked)))


def entries_left(client: "Redis", receipt: Receipt) -> bool:
    """Whether the stream still holds an entry between the first and the last of the receipt.

    Another producer's entries may stand between ours; they only make the answer come later.
    """
    if not receipt.entry_ids:
        return False
    first, last = receipt.entry_ids[0], receipt.entry_ids[-1]
    return bool(client.xrange(STREAM, first, last, count=1))


def _missing(client: "Redis", balance: Balance, receipt: Receipt) -> str | None:
    """What to say when fewer messages arrived than were enqueued.

    Rows with one and the same id or number and no place of their own are one message; ours have
    their places, so that each row of the file is a message.
    """
    missing = receipt.messages - balance.accepted
    if missing <= 0:
        return None
    ours = frozenset(receipt.entry_ids)
    dead = sum(letter.entry in ours for letter in dead_letters(client))
    if dead:
        return f"{dead} entries could not be used; see: recado dead list"
    return (
        f"{missing:,} of {receipt.messages:,} messages never arrived: Redis lost them; run the "
        "same command again, nothing is sent twice"
    )


def _tell(found: list[str], told: list[str]) -> None:
    for obstacle in found:
        if obstacle not in told:
            print(f"waiting: {obstacle}", file=sys.stderr, flush=True)
