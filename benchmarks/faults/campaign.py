"""A campaign on its way through a scene: people of several countries, some of whom leave."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from redis import Redis
from sqlalchemy.engine import Connection

from benchmarks import repliers, world
from benchmarks.faults.scene import Scene
from benchmarks.world import Person
from pipeline.producer import Producer, ProducerError
from pipeline.store import campaigns, senders
from pipeline.store.campaigns import Campaign
from workers.runtime import Runtime

SECONDS = 8.0
"""How long the senders need for a campaign when nothing breaks."""

LEAVING = 0.03
FOND = 0.04
"""Shares of the people: who leave while it runs; who are in so many campaigns that a cap binds."""

MANY = 5
"""Campaigns of the fond ones: one more than the caps of the United States and Brazil allow."""

BATCH = 2000
PARTS = 12
"""In so many parts the rows come, over the first `FEEDING` of the campaign's time."""

FEEDING = 0.6

FEWEST_LEAVING = 24
"""So many leave of a small campaign too, if there are four times as many people."""

KEPT = 0.25
KEPT_LEAVING = 0.5
"""The share of the rows, and of those who leave, that is kept for scenarios which wait for somebody
to come by a place: it comes in ever smaller portions, while one waits, and the rest of it at last.
"""

PORTION = 16
PORTION_SECONDS = 0.4
"""A portion is so small a part of what is left, and so long follows the next one."""

RETRY_SECONDS = 30
"""How long a person's reply is posted again when the webhook is away."""

ANSWER_SECONDS = 120
FIRST_REQUEST_SECONDS = 30.0


T = TypeVar("T")


@dataclass(slots=True)
class Run:
    """One campaign a country, and its extra ones; `start` lets them go.

    Attributes:
        seed: everything that is drawn comes from it.
        messages: how many are enqueued over all.
        answered: the webhook's answers to those who left, by status.
    """

    scene: Scene
    seed: int
    messages: int
    answered: Counter[int | None] = field(default_factory=Counter)
    _rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _leaving: list[repliers.Reply] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _failures: list[Exception] = field(default_factory=list)
    _wanted: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)
    _seconds: float = SECONDS

    @property
    def senders(self) -> list[str]:
        """The codes of the senders, one a country."""
        return [f"bench-{country.lower()}" for country in world.SHARES]

    def prepare(
        self, *, countries: Mapping[str, int] = world.SHARES, seconds: float = SECONDS
    ) -> None:
        """Put senders, campaigns, people and consents into the store.

        Args:
            countries: of a hundred people, how many live where.
            seconds: for which the senders' rates are chosen.
        """
        self._seconds = seconds
        generator = random.Random(self.seed)
        crowd_size = round(self.messages / (1 + FOND * (MANY - 1)))
        crowd = world.people(crowd_size, seed=self.seed, countries=countries)
        made = self._furnish(crowd, countries, seconds)
        fond = crowd[: round((self.messages - crowd_size) / (MANY - 1))]
        self._rows = [(made[person.country][0].code, _row(person)) for person in crowd]
        self._rows += [
            (campaign.code, _row(person))
            for person in fond
            for campaign in made[person.country][1:]
        ]
        self.messages = len(self._rows)
        generator.shuffle(self._rows)
        fewest = min(FEWEST_LEAVING, len(crowd) // 4)
        leaving = generator.sample(crowd, max(fewest, round(len(crowd) * LEAVING)))
        self._leaving = repliers.replies(leaving, name=str(self.seed), seed=self.seed)

    def start(self) -> None:
        """Enqueue in parts, and have people leave, from threads."""
        for work in (self._feed, self._leave):
            self._threads.append(threading.Thread(target=self._do, args=(work,), daemon=True))
            self._threads[-1].start()

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - `over` raises it
            self._failures.append(error)

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Let come of what was kept for as long as the block waits for something to happen."""
        self._wanted.set()
        try:
            yield
        finally:
            self._wanted.clear()

    def release(self) -> None:
        """Nobody waits for a moment any more: let everything come that was kept."""
        self._released.set()

    def over(self) -> bool:
        """Whether every row is enqueued and everybody who leaves has been answered.

        Raises:
            RuntimeError: the producer failed, or those who leave.
        """
        is_over = not any(thread.is_alive() for thread in self._threads)
        if self._failures:
            raise RuntimeError("a campaign ended before its time") from self._failures[0]
        return is_over

    def enqueue_again(self) -> None:
        """Enqueue every row once more, as a producer does who does not trust its receipt."""
        producer = Producer(self.scene.runtime.redis)
        for start in range(0, len(self._rows), BATCH):
            self._send(producer, self._rows[start : start + BATCH])

    def _furnish(
        self, crowd: Sequence[Person], countries: Mapping[str, int], seconds: float
    ) -> dict[str, list[Campaign]]:
        runtime = self.scene.runtime
        now = runtime.clock.now()
        with runtime.transaction() as connection:
            first = _first_campaigns(runtime, connection)
            made = {
                country: [
                    campaigns.create(
                        connection,
                        replace(campaign, code=f"{self.seed}-{country.lower()}-{number}"),
                        now=now,
                    )
                    for number in range(MANY)
                ]
                for country, campaign in first.items()
                if country in countries
            }
            ours = senders.select_senders(connection, codes=self.senders)
            total = sum(countries.values())
            rates = {c: max(5.0, self.messages * countries[c] / total / seconds) for c in countries}
            paced = [
                replace(one, rate_per_second=rates.get(one.country, one.rate_per_second))
                for one in ours
            ]
            senders.save_senders(connection, paced, now=now)
        for start in range(0, len(crowd), BATCH):
            with runtime.transaction() as connection:
                batch = crowd[start : start + BATCH]
                world.record_consents(connection, batch, now=now, seed=self.seed + start)
        return made

    def _feed(self) -> None:
        at_first = round(len(self._rows) * (1 - KEPT))
        size = at_first // PARTS + 1
        with Redis(port=self.scene.wire.port) as client:
            producer = Producer(client)
            for start in range(0, at_first, size):
                self._send(producer, self._rows[start : min(start + size, at_first)])
                time.sleep(self._seconds * FEEDING / PARTS)
            for portion in self._kept(self._rows[at_first:]):
                self._send(producer, portion)

    def _kept(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        """Ever smaller portions of what was kept, while they are wanted; all the rest at last."""
        while items:
            is_released = self._released.wait(PORTION_SECONDS)
            if is_released or self._wanted.is_set():
                size = len(items) if is_released else len(items) // PORTION + 1
                yield items[:size]
                items = items[size:]

    def _send(self, producer: Producer, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
        by_campaign: dict[str, list[dict[str, Any]]] = {}
        for code, row in rows:
            by_campaign.setdefault(code, []).append(row)
        for code, its in by_campaign.items():
            while True:
                try:
                    producer.send(code, its)
                except ProducerError:
                    time.sleep(0.2)  # what was enqueued already counts once
                else:
                    break

    def _leave(self) -> None:
        # Not before the first requests: whoever leaves earlier has no message to overtake.
        path, before = self.scene.log.path, self.scene.log.path.stat().st_size
        deadline = time.monotonic() + FIRST_REQUEST_SECONDS
        while path.stat().st_size == before and time.monotonic() < deadline:
            time.sleep(0.02)
        per_second = max(1.0, len(self._leaving) / self._seconds)
        replies = [
            {
                "id": reply.id,
                "channel": "sms",
                "from": reply.person.number,
                "to": f"bench-{reply.person.country.lower()}",
                "body": reply.body,
            }
            for reply in self._leaving
        ]
        at_first = round(len(replies) * (1 - KEPT_LEAVING))
        self._reply(replies[:at_first], per_second)
        for portion in self._kept(replies[at_first:]):
            self._reply(portion, per_second)

    def _reply(self, replies: Sequence[Mapping[str, object]], per_second: float) -> None:
        if not replies:
            return
        order = {
            "replies": list(replies),
            "retry_seconds": RETRY_SECONDS,
            "per_second": per_second,
        }
        sandbox = http.client.HTTPConnection(
            "127.0.0.1", self.scene.sandbox_port, timeout=ANSWER_SECONDS
        )
        sandbox.request("POST", "/sandbox/replies", json.dumps(order))
        results = json.loads(sandbox.getresponse().read())["results"]
        sandbox.close()
        self.answered.update(result["status"] for result in results)


def _row(person: Person) -> dict[str, Any]:
    return {"to": person.number, "variables": {"name": "Ana"}}


def _first_campaigns(runtime: Runtime, connection: Connection) -> dict[str, Campaign]:
    """The benchmarks' own campaigns, which these are copies of; made once a scene."""
    codes = {country: f"bench-{country.lower()}" for country in world.SHARES}
    known = campaigns.by_codes(connection, codes.values())
    if known:
        return {country: known[code] for country, code in codes.items()}
    return world.furnish(connection, now=runtime.clock.now())
