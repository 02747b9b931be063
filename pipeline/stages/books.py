"""What the stages need to know and do not own: rules, windows, words."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from pipeline.policy.content.text import Wordbook
from pipeline.policy.country import CountryPolicy
from pipeline.policy.instants import in_utc
from pipeline.policy.window_table import WindowTable


class PolicyBook(Protocol):
    """Every country's rules, by date."""

    def for_country(self, country: str, on: date) -> CountryPolicy | None:
        """The rules in force for recipients of a country on a day; None: there is no pack."""
        ...


@dataclass(frozen=True, slots=True)
class Books:
    """What is kept by each process for its whole life.

    Attributes:
        words: what texts are read with.
    """

    policies: PolicyBook
    windows: WindowTable = field(default_factory=WindowTable)
    words: Wordbook = field(kw_only=True)

    def policy(self, country: str, now: datetime) -> CountryPolicy | None:
        """The rules in force for a country at an instant (by its date in UTC)."""
        return self.policies.for_country(country, in_utc(now).date())
