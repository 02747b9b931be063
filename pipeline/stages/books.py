"""What the stages need to know and do not own: the rules in force, and the windows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from pipeline.policy.country import CountryPolicy
from pipeline.policy.window import WindowTable


class PolicyBook(Protocol):
    """Every country's rules, by date."""

    def for_country(self, country: str, on: date) -> CountryPolicy | None:
        """The rules in force for recipients of a country on a day; None: there is no pack."""
        ...


@dataclass(frozen=True, slots=True)
class Books:
    """The rules and the windows derived from them, kept by each process for its whole life."""

    policies: PolicyBook
    windows: WindowTable = field(default_factory=WindowTable)

    @classmethod
    def of(cls, policies: PolicyBook, closed_days: Iterable[date] = ()) -> "Books":
        """Books over these rules, with the operator's own closed days."""
        return cls(policies, WindowTable(closed_days))

    def policy(self, country: str, now: datetime) -> CountryPolicy | None:
        """The rules in force for a country at an instant (by its date in UTC)."""
        return self.policies.for_country(country, now.date())
