"""What a simulation has to know, wherever it comes from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pipeline.policy.vocabulary import Category
from pipeline.stages.books import Books
from pipeline.stages.facts import Facts, Recipient
from pipeline.store.campaigns import Campaign
from pipeline.store.senders import Sender
from workers.simulation.addressees import Addressee

Sent = Callable[[int, frozenset[Category]], Sequence[datetime]]
"""(contact id, categories counted together) → when the business wrote to them before."""

_KEPT = 1024
"""Later instants that are kept: most messages wait for one of a few."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of some addressees.

    Attributes:
        recipients: one for each of them, in their order; None where intake would refuse the row.
    """

    facts: Facts
    recipients: Sequence[Recipient | None]
    sent: Sent
    _later: dict[datetime, Facts] = field(default_factory=dict)

    def at(self, moment: datetime) -> Facts:
        """The same facts at a later instant."""
        found = self._later.get(moment)
        if found is None:
            if len(self._later) >= _KEPT:
                self._later.clear()
            found = self._later[moment] = self.facts.at(moment)
        return found


class World(Protocol):
    """Everything that the rules look at."""

    @property
    def campaign(self) -> Campaign:
        """What is simulated."""
        ...

    @property
    def books(self) -> Books:
        """The rules, the windows, the words."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What is not looked at and why, a sentence each."""
        ...

    def know(self, people: Sequence[Addressee]) -> Known:
        """What is known of these addressees."""
        ...

    def quota_used(self, sender: Sender) -> Sequence[tuple[datetime, int]]:
        """The buckets of messages that the sender has sent: (label, messages)."""
        ...
