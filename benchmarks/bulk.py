"""Campaigns to everybody, kept going for as long as something else is measured."""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from benchmarks import world
from benchmarks.lab import Lab
from benchmarks.world import Person
from pipeline.policy.vocabulary import CampaignState
from pipeline.producer import Producer, ProducerError
from pipeline.store import campaigns
from pipeline.store.campaigns import Campaign

SLICE = 2000
"""Recipients who are fed, country by country, before the next ones' turn."""


def copies(lab: Lab, name: str, state: CampaignState) -> dict[str, Campaign]:
    """The laboratory's campaigns once more, under other ids: country → campaign.

    Args:
        state: while they are paused, their messages pass the stages and are not handed out.
    """
    now = lab.runtime.clock.now()
    with lab.runtime.transaction() as connection:
        return {
            country: campaigns.create(
                connection,
                replace(campaign, code=f"{campaign.code}-{name}", state=state),
                now=now,
            )
            for country, campaign in lab.campaigns.items()
        }


def set_state(lab: Lab, which: Collection[Campaign], state: CampaignState) -> None:
    """Pause campaigns, or let them go on."""
    with lab.runtime.transaction() as connection:
        for campaign in which:
            now = lab.runtime.clock.now()
            campaigns.set_state(connection, campaign.code, state, reason=None, now=now)


def enqueue(lab: Lab, which: Mapping[str, Campaign], crowd: Sequence[Person]) -> None:
    """Give the crowd's messages to the stream, as a producer does."""
    producer = Producer(lab.runtime.redis)
    for country, campaign in which.items():
        producer.send(campaign.code, world.rows(crowd, country))


@dataclass(slots=True)
class Feeder:
    """Enqueues campaign after campaign to the crowd, as fast as the readers take it.

    The last recipients of what waits already come first, so that for long nobody has been written
    to before.

    Attributes:
        fed: messages that were enqueued.
        campaigns: those that were begun.
        trouble: why it stopped early; None: it did not.
    """

    lab: Lab
    crowd: Sequence[Person]
    fed: int = 0
    campaigns: list[Campaign] = field(default_factory=list)
    trouble: str | None = None
    _done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Feed until told to stop."""
        producer = Producer(self.lab.runtime.redis)
        try:
            for turn in count(1):
                made = copies(self.lab, f"fed-{turn}", CampaignState.ACTIVE)
                self.campaigns += made.values()
                for start in range(0, len(self.crowd), SLICE):
                    for country, campaign in made.items():
                        if self._done.is_set():
                            return
                        rows = list(self._rows(start, country))
                        if rows:
                            self.fed += producer.send(campaign.code, rows).messages
        except ProducerError as error:
            self.trouble = str(error)

    def stop(self) -> None:
        """Feed no more."""
        self._done.set()

    def _rows(self, start: int, country: str) -> Iterator[dict[str, Any]]:
        last = len(self.crowd) - 1
        for number in range(start, min(start + SLICE, len(self.crowd))):
            person = self.crowd[last - number]
            if person.country == country:
                yield {"to": person.number, "id": str(number), "variables": {"name": "Ana"}}


@contextmanager
def fed(lab: Lab, crowd: Sequence[Person]) -> Iterator[Feeder]:
    """Feed the stack for as long as the block runs."""
    feeder = Feeder(lab, crowd)
    thread = threading.Thread(target=feeder.run, name="feeder", daemon=True)
    thread.start()
    try:
        yield feeder
    finally:
        feeder.stop()
        thread.join()
