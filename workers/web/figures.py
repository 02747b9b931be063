"""What the servers tell at a scrape: what the opt-out lane owes, and how long the queues are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis import Redis
from sqlalchemy.engine import Engine

from pipeline.limits.belt import Belt
from pipeline.limits.pace import Pace
from pipeline.policy.vocabulary import Stage
from pipeline.store import account_rests, doubts, optout_report, provider_news, senders, set_aside
from pipeline.store.doubts import DoubtTotals
from pipeline.store.load import StoreLoad
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
    unknown_codes: dict[str, int]
    doubts: DoubtTotals
    set_aside: int
    resting: list[str]


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
            unknown_codes=provider_news.unknown_codes(connection),
            doubts=doubts.totals(connection),
            set_aside=set_aside.count(connection),
            resting=list(account_rests.read(connection)),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueFigures:
    """What Redis tells: chunks in each queue, and how many senders are slowed."""

    lengths: dict[Stage, int]
    slowed: int


def read_queues(client: "Redis") -> QueueFigures:
    """Ask Redis."""
    return QueueFigures(lengths=queue_lengths(client), slowed=len(Pace(client).slowed()))


class ServerFigures(Collector):
    """Turns what was seen last into figures; it asks nobody itself.

    Attributes:
        store: what the database told; None: it does not answer.
        queues: what Redis told; None: it does not answer.
        belt, load: how full Redis and PostgreSQL are; None: they do not answer.
    """

    def __init__(self) -> None:
        self.store: StoreFigures | None = None
        self.queues: QueueFigures | None = None
        self.belt: Belt | None = None
        self.load: StoreLoad | None = None

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
            for stage, length in self.queues.lengths.items():
                queues.add_metric([stage.value], length)
            yield queues
            yield _gauge(
                "recado_senders_slowed",
                "Senders that go slower than their own rate.",
                self.queues.slowed,
            )
        if self.belt is not None:
            yield from _of_belt(self.belt)
        if self.load is not None:
            yield from _of_load(self.load)


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
    resting = GaugeMetricFamily(
        "recado_account_resting",
        "1 for a provider account through which nothing is sent for now.",
        labels=["account"],
    )
    for account in store.resting:
        resting.add_metric([account], 1)
    yield resting
    yield _gauge(
        "recado_senders_suspended", "Senders that wait for a person.", store.suspended_senders
    )
    unknown = GaugeMetricFamily(
        "recado_provider_codes_unknown",
        "Answers and statuses with a code that stands in no table.",
        labels=["account"],
    )
    for account, seen in store.unknown_codes.items():
        unknown.add_metric([account], seen)
    yield unknown
    doubted = store.doubts
    yield _gauge("recado_messages_in_doubt", "Messages that may be sent.", doubted.amount)
    yield _age("recado_messages_in_doubt_oldest_seconds", doubted.oldest_at, store.at)
    yield _gauge("recado_messages_set_aside", "Messages that wait for a person.", store.set_aside)


def _of_belt(belt: Belt) -> Iterator[Metric]:
    if belt.memory is not None and belt.memory_limit is not None:
        yield _gauge("recado_redis_memory_bytes", "Memory that Redis uses.", belt.memory)
        yield _gauge("recado_redis_memory_limit_bytes", "And may use.", belt.memory_limit)
    yield _gauge("recado_stream_entries", "Entries that intake has not finished.", belt.stream)


def _of_load(load: StoreLoad) -> Iterator[Metric]:
    yield _gauge(
        "recado_messages_undecided", "Messages that wait for the first stages.", load.undecided
    )
    yield _gauge("recado_database_bytes", "The database on the disk.", load.bytes)
    yield _gauge("recado_database_connections", "Sessions at PostgreSQL.", load.connections)
    yield _gauge("recado_database_connections_limit", "At most.", load.connections_limit)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


def _age(name: str, since: datetime | None, now: datetime) -> Metric:
    age = 0.0 if since is None else max(0.0, (now - since).total_seconds())
    return _gauge(name, "Business time since the oldest of them; 0: none.", age)
