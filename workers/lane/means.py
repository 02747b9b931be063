"""What the lane works with."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.engine import Connection

from pipeline.limits.pace import Pace
from pipeline.policy.breaker import PROBE_LIFE
from pipeline.providers.base import Provider
from pipeline.stages.notice_texts import NoticeBooks
from workers.clock import BusinessClock


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneMeans:
    """See the module.

    Attributes:
        transaction: opens a database transaction; called from the lane's threads.
        open_provider: the provider account of a name; called inside the event loop.
        capacity: requests on the wire at once.
        sending_lease: how long a claimed notice is this process's: longer than any request may
            take; past it an unrecorded notice is in doubt.
        start_within: how old a claim may be when its request begins; a notice that has waited for
            longer is given back unsent. Shorter than `sending_lease`: past that the notice may
            be somebody else's to send.
        probe_life: how long an account that rested is this process's to try.
    """

    transaction: Callable[[], AbstractContextManager[Connection]]
    pace: Pace
    known: NoticeBooks
    clock: BusinessClock
    open_provider: Callable[[str], Provider]
    capacity: int
    sending_lease: timedelta
    start_within: timedelta
    probe_life: timedelta = PROBE_LIFE
