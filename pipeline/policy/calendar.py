"""Which days are public holidays where the recipient lives?"""

from collections.abc import Iterable
from datetime import date, datetime

import holidays

from pipeline.policy.country import HolidayRules


class UnknownHolidays(Exception):  # noqa: N818 - a fact that is missing, not a program's error
    """The data cannot tell the holidays of that year or place; what needs them must not go out."""


class HolidayCalendar:
    """The holidays of one country, with its states and the operator's own closed days.

    Public holidays come from the ``holidays`` package. Days that it files as optional count only
    when `HolidayRules.optional_names` names them, in English or in the country's own language
    (``carnival`` or ``carnaval``). Municipal holidays are not in the data: they are what the
    operator's closed days are for, those of the rules and `closed_days` together.

    Instances compute a year once for each state and keep it; they are safe to share.
    """

    def __init__(self, rules: HolidayRules, closed_days: Iterable[date] = ()) -> None:
        self._rules = rules
        self._closed_days = frozenset(rules.closed_days).union(closed_days)
        self._years: dict[tuple[int, str | None], frozenset[date]] = {}

    def is_holiday(self, day: date, state: str | None = None) -> bool:
        """Whether that local day is a holiday.

        Args:
            day: the date where the recipient is.
            state: the recipient's state, e.g. ``SP``; used where the country's rules go by
                state. None: unknown, national holidays only.

        Raises:
            UnknownHolidays: the year lies outside the data, or the data lack the country, the
                state, or an optional day that the rules name.
            TypeError: `day` is a datetime, whose date depends on a zone.
        """
        if isinstance(day, datetime):
            raise TypeError("is_holiday takes a date: a datetime's day depends on the zone")
        if day in self._closed_days:
            return True
        if self._rules.country is None:
            return False
        key = (day.year, state if self._rules.by_state else None)
        days = self._years.get(key)
        if days is None:
            days = self._years[key] = self._load(self._rules.country, *key)
        return day in days

    def _load(self, country: str, year: int, state: str | None) -> frozenset[date]:
        rules = self._rules
        if not rules.first_year <= year <= rules.last_year:
            raise UnknownHolidays(
                f"{country}: holidays are known from {rules.first_year} to {rules.last_year}, "
                f"not for {year}"
            )
        try:
            public = holidays.country_holidays(country, subdiv=state, years=year)
        except NotImplementedError as error:
            raise UnknownHolidays(f"{country}: no holidays for state {state!r}") from error
        named = (_optional_days(country, year, state, name) for name in rules.optional_names)
        return frozenset(public).union(*named)


def _optional_days(country: str, year: int, state: str | None, name: str) -> frozenset[date]:
    own = holidays.country_holidays(country)
    days: frozenset[date] = frozenset()
    if "optional" in own.supported_categories:
        # Left to itself the package takes its language from the machine's locale, and the same
        # pack would close other days on another host.
        for language in dict.fromkeys((own.default_language, "en_US")):
            optional = holidays.country_holidays(
                country, subdiv=state, years=year, categories=("optional",), language=language
            )
            days |= {day for day, title in optional.items() if name.casefold() in title.casefold()}
    if not days:
        # A misspelt name must not open the day that it means to close.
        raise UnknownHolidays(f"{country}: no optional holiday of {year} is called {name!r}")
    return days
