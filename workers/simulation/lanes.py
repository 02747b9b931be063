"""When messages of the same sort could leave next: window and quota together."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.policy.country import CountryPolicy
from pipeline.policy.decision import Block, Defer
from pipeline.policy.preferences import Preference, WeeklyHours
from pipeline.policy.vocabulary import Category, Channel, Reason
from pipeline.policy.window import WindowDecision
from pipeline.stages.books import Books
from workers.simulation.quota_book import QuotaBook, until_of

_DAY = timedelta(days=1)

_KEPT = 1024
"""Instants that a lane remembers: most of its messages wait for one of a few."""

MOST_STEPS = 1000
"""So often an opening may find the quota full, or the other way round, before one gives up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What the window asks of a recipient; those who share it are in one lane.

    Attributes:
        hours: the person's own; None: any.
    """

    country: str
    category: Category
    channel: Channel
    zones: tuple[str, ...]
    state: str | None
    states: frozenset[str] = frozenset()
    hours: WeeklyHours | None = None


class Lane:
    """Recipients whose messages go through one sender, in the same windows.

    Args:
        book: the sender's quotas; None: there is no sender, and nothing is counted.
        ends: openings at or after this instant are of no interest; None: never.
    """

    def __init__(
        self, place: Place, books: Books, book: QuotaBook | None, ends: datetime | None
    ) -> None:
        self.place = place
        self.book = book
        self._books = books
        self._ends = ends
        # Instant → one before which nothing can go. It stays true: windows do not move, and
        # quotas only fill up.
        self._shut: dict[datetime, datetime] = {}
        self._windows: dict[datetime, WindowDecision] = {}

    def policy(self, moment: datetime) -> CountryPolicy | None:
        """The rules in force at an instant."""
        return self._books.policy(self.place.country, moment)

    def window(self, moment: datetime) -> WindowDecision:
        """What the windows of that instant's rules say of it."""
        found = self._windows.get(moment)
        if found is None:
            if len(self._windows) >= _KEPT:
                self._windows.clear()
            found = self._windows[moment] = self._decide(moment)
        return found

    def _decide(self, moment: datetime) -> WindowDecision:
        place, policy = self.place, self.policy(moment)
        if policy is None:
            return WindowDecision(decision=Block(reason=Reason.NO_POLICY))
        rule = policy.preferences_rule
        return self._books.windows.decide(
            policy,
            place.category,
            zones=place.zones,
            state=place.state,
            now=moment,
            channel=place.channel,
            states=place.states,
            preferred=None if rule is None else Preference(hours=place.hours).window(rule),
        )

    def first_open(self, moment: datetime) -> datetime | Block:
        """The first instant from then on at which window and quota let a message go.

        One at or past the lane's end is only known to lie there.
        """
        passed: list[datetime] = []
        for _ in range(MOST_STEPS):
            later = self._shut.get(moment) or self._shut_until(moment)
            if isinstance(later, Block):
                return later
            if later is None:
                break
            passed.append(moment)
            moment = later
            if self._ends is not None and moment >= self._ends:
                break
        else:
            return Block(reason=Reason.NO_COMMON_WINDOW)
        self._shut.update(dict.fromkeys(passed, moment))
        return moment

    def _shut_until(self, moment: datetime) -> datetime | Block | None:
        decision = self.window(moment).decision
        if isinstance(decision, Block):
            return decision
        if isinstance(decision, Defer):
            return self.look_again(moment, until_of(decision))
        full = None if self.book is None else self.book.decide(moment)
        return None if full is None else self.look_again(moment, until_of(full))

    def look_again(self, moment: datetime, until: datetime) -> datetime:
        """When to ask again after a rule has said `until`: sooner where other rules come first.

        Rules of a later day may allow what those of `moment` do not.
        """
        now = self.policy(moment)
        if self.policy(until) is now:
            return until
        day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        while (day := day + _DAY) < until:
            if self.policy(day) is not now:
                return day
        return until


class Lanes:
    """Every lane of a simulation, each made when it is first needed.

    Args:
        ends: of all lanes; None: never.
    """

    def __init__(self, books: Books, ends: datetime | None) -> None:
        self._books = books
        self._ends = ends
        self._lanes: dict[tuple[Place, int], Lane] = {}

    def lane(self, place: Place, sender_id: int, book: QuotaBook | None) -> Lane:
        """The lane of a place and a sender."""
        known = self._lanes.get((place, sender_id))
        if known is None:
            known = Lane(place, self._books, book, self._ends)
            self._lanes[place, sender_id] = known
        return known
