"""The lane of a worker's process: made when the process begins, closed with it."""

import os
from datetime import timedelta

from config.settings import Settings
from pipeline.limits.pace import Pace
from pipeline.policy.breaker import probe_life
from pipeline.stages.notice_texts import NoticeBooks
from workers.courier.process import open_provider
from workers.lane import Lane, LaneMeans
from workers.runtime import Runtime

SHORTEST_START = timedelta(seconds=1)
"""What a claim always has for its request to begin, however tight the lease is: `config` sees to
it that the lease is longer than that."""

LONGEST_REQUEST = 1.5
"""A request may take so many times its account's `request_timeout`: over SMPP it waits up to half
of it for a place on a connection, and only then for the answer."""

_lanes: dict[int, Lane] = {}


def process_lane(runtime: Runtime) -> Lane:
    """This process's lane; one that has ended by a mistake is replaced."""
    pid = os.getpid()
    if pid in _lanes and not _lanes[pid].alive:
        close_lane()
    if pid not in _lanes:
        _lanes.clear()  # a lane's threads do not survive a fork
        _lanes[pid] = open_lane(runtime)
    return _lanes[pid]


def close_lane() -> None:
    """Close this process's lane, if it has one."""
    lane = _lanes.pop(os.getpid(), None)
    if lane is not None:
        lane.close()


def open_lane(runtime: Runtime) -> Lane:
    """A lane over the means of this process."""
    settings = runtime.settings
    return Lane(
        LaneMeans(
            transaction=runtime.transaction,
            pace=Pace(runtime.redis),
            known=NoticeBooks(
                books=runtime.books,
                answers=runtime.languages.answers,
                accounts=sending_accounts(settings),
            ),
            clock=runtime.clock,
            open_provider=lambda name: open_provider(
                name, settings.providers.get(name.lower()), settings
            ),
            capacity=settings.delivery.in_flight,
            sending_lease=settings.leases.sending,
            start_within=start_within(settings),
            probe_life=probe_life(one.request_timeout for one in settings.providers.values()),
        )
    )


def start_within(settings: Settings) -> timedelta:
    """How old a notice's claim may be when its request begins.

    Half of the lease, or less: so that the longest request ends before the lease does. Where the
    settings leave no room for that, `SHORTEST_START`: the answer may come after the lease, and
    then it settles the doubt.
    """
    lease, accounts = settings.leases.sending, sending_accounts(settings)
    longest = max((settings.providers[name].request_timeout for name in accounts), default=0.0)
    left = lease - timedelta(seconds=LONGEST_REQUEST * longest)
    return max(SHORTEST_START, min(lease / 2, left))


def sending_accounts(settings: Settings) -> frozenset[str]:
    """The accounts of the settings through which a message can leave."""
    return frozenset(name for name, one in settings.providers.items() if one.kind != "inbound")
