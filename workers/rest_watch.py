"""The dispatcher's part in accounts that rest, and in senders that cannot send."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from pipeline.stages import failover
from pipeline.store import account_rests
from pipeline.store.account_rests import Rest
from pipeline.store.senders import Sender
from workers.accounts import BREAKER
from workers.clock import machine_now
from workers.runtime import Runtime

log = structlog.get_logger(__name__)

EVERY_SECONDS = 1.0
"""Machine time between two looks."""

MOST = 5000
"""Messages that one look moves at most."""

FORGOTTEN_AFTER = timedelta(seconds=600)
"""Machine time after which a rest that is over, and that nobody has ended, is forgotten: nothing
has waited for the account. Longer than the longest rest, so that one in a row is never lost."""


class RestWatch:
    """Any number may run side by side: rows are taken with SKIP LOCKED."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._again_at = 0.0

    def look(self) -> None:
        """Move what another sender may send, and forget rests that nobody ends; now and then."""
        if time.monotonic() < self._again_at:
            return
        self._again_at = time.monotonic() + EVERY_SECONDS
        runtime = self._runtime
        patience = runtime.clock.span(runtime.settings.dispatch.fail_over_seconds)
        with runtime.transaction() as connection:
            forgotten = account_rests.forget(connection, before=machine_now() - FORGOTTEN_AFTER)
            moved = failover.move(
                connection,
                books=runtime.books,
                now=runtime.clock.now(),
                patience=patience,
                most=MOST,
            )
        for account in forgotten:
            log.info("account_rest_forgotten", account=account)
        for sender, messages in moved.items():
            log.warning("failed_over", sender=sender, messages=messages)


def at_present(active: Sequence[Sender], shares: Mapping[int, float]) -> list[Sender]:
    """The senders with the rates at which they go now.

    Args:
        shares: of their own rates, of those that were slowed.
    """
    return [
        replace(sender, rate_per_second=sender.rate_per_second * shares[sender.id])
        if sender.id in shares
        else sender
        for sender in active
    ]


def allow(
    amounts: Mapping[int, int],
    active: Sequence[Sender],
    rests: Mapping[str, Rest],
    *,
    machine_now: datetime,
) -> dict[int, int]:
    """What each sender is given, when accounts rest.

    Through an account that rests, nothing; once its rest is over, the few messages with which
    somebody tries it.
    """
    allowed = dict(amounts)
    left = {
        account: BREAKER.probe_messages if rest.rests_until <= machine_now else 0
        for account, rest in rests.items()
    }
    # Not always the same one first: what it has ready may not be sendable.
    for sender in random.sample(active, len(active)):
        if sender.account in left and sender.id in allowed:
            allowed[sender.id] = min(allowed[sender.id], left[sender.account])
            left[sender.account] -= allowed[sender.id]
    return {sender: amount for sender, amount in allowed.items() if amount}
