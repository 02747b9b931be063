"""The first instant at which window and quota let a message go, by the rules of its own day."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from config.languages_file import load_languages
from config.policies import load_policies
from pipeline.policy.country import CountryPolicy, Window
from pipeline.policy.decision import Block
from pipeline.policy.vocabulary import Category, Channel, Reason
from pipeline.stages.books import Books
from workers.simulation.lanes import Lane, Place

WORDS = load_languages().words
TUESDAY = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OFFICE = ((time(9), time(20)),)
US = load_policies().for_country("US", TUESDAY.date())
MONDAYS = Window(rule="mondays", hours={0: OFFICE})
EVERY_DAY = Window(rule="every_day", hours=dict.fromkeys(range(7), OFFICE))


@dataclass(frozen=True)
class Pages:
    """Rules by the day from which they hold; None: there are none any more."""

    since: dict[date, CountryPolicy | None]

    def for_country(self, country: str, on: date) -> CountryPolicy | None:
        assert country == "US"
        return self.since[max(day for day in self.since if day <= on)]


def page(window: Window) -> CountryPolicy:
    assert US is not None
    return replace(US, version=window.rule, windows={Category.MARKETING: (window,)})


def lane(pages: dict[date, CountryPolicy | None], ends: datetime | None = None) -> Lane:
    place = Place(
        country="US",
        category=Category.MARKETING,
        channel=Channel.SMS,
        zones=("Etc/UTC",),
        state=None,
    )
    return Lane(place, Books(Pages(pages), words=WORDS), None, ends)


LONG_AGO = date(2022, 1, 1)
THURSDAY = date(2026, 11, 26)


def test_an_open_window_lets_it_go_at_once() -> None:
    assert lane({LONG_AGO: page(EVERY_DAY)}).first_open(TUESDAY) == TUESDAY


def test_the_next_opening_by_the_same_rules() -> None:
    monday = datetime(2026, 11, 30, 9, tzinfo=UTC)
    assert lane({LONG_AGO: page(MONDAYS)}).first_open(TUESDAY) == monday


def test_rules_that_come_before_the_opening_may_open_sooner() -> None:
    found = lane({LONG_AGO: page(MONDAYS), THURSDAY: page(EVERY_DAY)}).first_open(TUESDAY)
    assert found == datetime(2026, 11, 26, 9, tzinfo=UTC)


def test_rules_that_come_before_the_opening_may_shut_it() -> None:
    night = TUESDAY.replace(day=25, hour=23)
    found = lane({LONG_AGO: page(EVERY_DAY), THURSDAY: page(MONDAYS)}).first_open(night)
    assert found == datetime(2026, 11, 30, 9, tzinfo=UTC)


def test_where_no_rules_are_left_nothing_goes() -> None:
    night = TUESDAY.replace(day=25, hour=23)
    found = lane({LONG_AGO: page(EVERY_DAY), THURSDAY: None}).first_open(night)
    assert found == Block(reason=Reason.NO_POLICY)


def test_past_the_end_nobody_looks_further() -> None:
    found = lane({LONG_AGO: page(MONDAYS)}, ends=TUESDAY + DAY).first_open(TUESDAY)
    assert isinstance(found, datetime)
    assert found >= TUESDAY + DAY
