"""The lane of a worker's process: made when the process begins, closed with it."""

import os

from config.settings import Settings
from pipeline.limits.pace import Pace
from pipeline.policy.breaker import probe_life
from pipeline.stages.notice_texts import NoticeBooks
from workers.courier.process import open_provider
from workers.lane import Lane, LaneMeans
from workers.runtime import Runtime

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
            probe_life=probe_life(one.request_timeout for one in settings.providers.values()),
        )
    )


def sending_accounts(settings: Settings) -> frozenset[str]:
    """The accounts of the settings through which a message can leave."""
    return frozenset(name for name, one in settings.providers.items() if one.kind != "inbound")
