"""What the servers tell at a scrape: what the opt-out lane owes, and how long the queues are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis import Redis
from sqlalchemy.engine import Engine

from pipeline.policy.vocabulary import Stage
from pipeline.store import optout_report, senders
from pipeline.store.optout_report import OpenClocks, Waiting
from workers.clock import BusinessClock
from workers.queues import queue_lengths


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreFigures:
    """What the database tells, as of the business instant `at`."""

    at: datetime
    clocks: OpenClocks
    unhandled: Waiting
    reviews: Waiting
    notices: dict[str, int]
    suspended_senders: int


def read_store(engine: Engine, clock: BusinessClock) -> StoreFigures:
    """Ask the database."""
    now = clock.now()
    with engine.begin() as connection:
        return StoreFigures(
            at=now,
            clocks=optout_report.open_clocks(connection, now),
            unhandled=optout_report.unhandled(connection),
            reviews=optout_report.reviews_waiting(connection),
            notices=optout_report.notices_by_state(connection),
            suspended_senders=senders.count_suspended(connection),
        )


def read_queues(client: "Redis") -> dict[Stage, int]:
    """Ask Redis."""
    return queue_lengths(client)


class ServerFigures(Collector):
    """Turns what was seen last into figures; it asks nobody itself.

    Attributes:
        store: what the database told; None: it does not answer.
        queues: what Redis told; None: it does not answer.
    """

    def __init__(self) -> None:
        self.store: StoreFigures | None = None
        self.queues: dict[Stage, int] | None = None

    def collect(self) -> Iterator[Metric]:
        """Every figure that is known."""
        yield _gauge("recado_database_up", "Whether the database answers.", self.store is not None)
        yield _gauge("recado_redis_up", "Whether Redis answers.", self.queues is not None)
        if self.store is not None:
            yield from _of_store(self.store)
        if self.queues is not None:
            queues = GaugeMetricFamily(
                "recado_queue_chunks", "Chunks that wait in a queue.", labels=["queue"]
            )
            for stage, length in self.queues.items():
                queues.add_metric([stage.value], length)
            yield queues


def _of_store(store: StoreFigures) -> Iterator[Metric]:
    clocks = store.clocks
    yield _gauge("recado_opt_outs_open", "Opt-outs whose confirmation is owed.", clocks.open)
    yield _gauge(
        "recado_opt_outs_past_half_deadline",
        "Of those, past half of their deadline.",
        clocks.past_half,
    )
    yield _gauge(
        "recado_opt_outs_past_deadline", "Of those, past their deadline.", clocks.past_deadline
    )
    yield _age("recado_opt_outs_oldest_seconds", clocks.oldest_received_at, store.at)
    yield _gauge("recado_replies_unhandled", "Replies that wait.", store.unhandled.amount)
    yield _age("recado_replies_oldest_seconds", store.unhandled.oldest_received_at, store.at)
    yield _gauge("recado_reviews_waiting", "Replies held for a person.", store.reviews.amount)
    yield _age("recado_reviews_oldest_seconds", store.reviews.oldest_received_at, store.at)
    notices = GaugeMetricFamily(
        "recado_notices", "Confirmations and other answers, by state.", labels=["state"]
    )
    for state, amount in store.notices.items():
        notices.add_metric([state], amount)
    yield notices
    yield _gauge(
        "recado_senders_suspended", "Senders that wait for a person.", store.suspended_senders
    )


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


def _age(name: str, since: datetime | None, now: datetime) -> Metric:
    age = 0.0 if since is None else max(0.0, (now - since).total_seconds())
    return _gauge(name, "Business time since the oldest of them was received; 0: none.", age)
