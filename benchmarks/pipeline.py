"""`recado bench pipeline`: from the stream to ``ready``, beside the naive way."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import world
from benchmarks.lab import Cost, Lab, laboratory, watched
from benchmarks.world import Person
from pipeline.policy.vocabulary import Stage
from pipeline.producer import Producer
from workers.stack.roles import Role, recado_role, worker_role

GIVE_UP_SECONDS = 1800.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """How many messages went from the stream to ``ready`` (or their end), and what it took."""

    messages: int
    seconds: float
    cost: Cost
    states: dict[str, int]

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def microseconds(self) -> float:
        """Wall-clock time a message."""
        return self.seconds / self.messages * 1e6


def stage_roles() -> tuple[Role, ...]:
    """The reader and the workers of the first stages: three processes."""
    stages = (Stage.CONSENT, Stage.WINDOW, Stage.THROTTLE)
    return recado_role("intake"), worker_role("bulk", stages, processes=2)


def naive_roles() -> tuple[Role, ...]:
    """As many processes, one task a message a stage."""
    command = (
        *(sys.executable, "-m", "celery", "--app", "benchmarks.naive", "worker"),
        *("--concurrency", "3", "--hostname", "naive@%h", "--loglevel", "WARNING"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
    return (Role(name="naive", command=command),)


def measure_chunks(crowd: list[Person]) -> Passage:
    """Enqueue the crowd as producers do, and wait until every message is staged."""
    with laboratory(stage_roles()) as lab:
        return pass_through(lab, crowd)


def pass_through(
    lab: Lab, crowd: list[Person], *, start: bool = True, rate_per_second: float = 5000.0
) -> Passage:
    """The same in a laboratory that exists.

    Args:
        start: False when the roles that are needed run already.
        rate_per_second: of each sender.
    """
    lab.populate(crowd, rate_per_second=rate_per_second)
    if start:
        lab.stack.start()
        lab.stack.wait()
    producer = Producer(lab.runtime.redis)

    def enqueue() -> None:
        for country, campaign in lab.campaigns.items():
            producer.send(campaign.code, world.rows(crowd, country))

    return _measure(lab, len(crowd), enqueue)


def measure_naive(crowd: list[Person]) -> Passage:
    """The same people, each as a task of their own."""
    with laboratory(naive_roles()) as lab:
        lab.populate(crowd)
        from benchmarks import naive  # noqa: PLC0415 - it reads the laboratory's settings

        naive.app.conf.broker_url = lab.runtime.servers.redis_url
        lab.stack.start()
        lab.stack.wait()

        def enqueue() -> None:
            for country, campaign in lab.campaigns.items():
                for row in world.rows(crowd, country):
                    naive.take_in.delay(campaign.code, row)

        # The worker's children connect before the clock starts: one message goes ahead.
        first = {"to": crowd[0].number, "id": "warm-up", "variables": {"name": "Ana"}}
        naive.take_in.delay(lab.campaigns[crowd[0].country].code, first)
        _await(lambda: lab.staged(1), lab)
        return _measure(lab, len(crowd), enqueue, already=1)


def _measure(lab: Lab, messages: int, enqueue: Callable[[], None], already: int = 0) -> Passage:
    with watched(lab) as cost:
        began = time.monotonic()
        enqueue()
        _await(lambda: lab.staged(messages + already), lab)
        seconds = time.monotonic() - began
    return Passage(messages=messages, seconds=seconds, cost=cost, states=lab.counts())


def _await(condition: Callable[[], bool], lab: Lab) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        lab.stack.tend()
        if time.monotonic() > deadline:
            raise TimeoutError(f"not finished after {GIVE_UP_SECONDS:.0f} s; see {lab.stack.logs}")
        time.sleep(0.02)
