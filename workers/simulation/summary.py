"""A simulation in figures: what goes, what waits, what does not go and why."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pipeline.policy.checks import CheckOutcome
from pipeline.policy.country import CountryPolicy
from pipeline.policy.vocabulary import Outcome, Reason
from workers.simulation.figures import Figure, costs, exposure
from workers.simulation.rulings import Ruling, written
from workers.simulation.timeline import Departures, Timeline
from workers.simulation.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """How many messages ended in one way.

    Attributes:
        reason: None for a warning, whose rule says it all.
        summary: the rule in words; empty where no rule is named.
    """

    reason: Reason | None
    rule: str | None
    messages: int
    summary: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What came of a simulation.

    Attributes:
        now, later, waiting, expired, blocked: these add up to `recipients`. `waiting` are those
            that only a person can set going, `expired` those whose campaign ends first.
        refused: rows of the recipients file that cannot be read.
        late: of `now` and `later`, those for which the senders are too slow.
        zone: where most recipients are; None: nowhere in particular.
        segments: of all SMS that go; 0 for other channels.
    """

    campaign: str
    at: datetime
    recipients: int
    refused: int
    now: int
    later: int
    waiting: int
    expired: int
    blocked: int
    late: int
    last: datetime | None
    zone: str | None
    segments: int
    hours: dict[datetime, int]
    blocks: list[Count]
    deferrals: list[Count]
    warnings: list[Count]
    costs: list[Figure]
    exposure: list[Figure]
    notes: list[str]

    @property
    def days(self) -> float:
        """From the decision to the last departure."""
        return 0.0 if self.last is None else (self.last - self.at).total_seconds() / 86_400

    def as_json(self) -> dict[str, Any]:
        """The summary as a JSON object."""
        told = asdict(self)
        told |= {
            "at": written(self.at),
            "last": None if self.last is None else written(self.last),
            "days": round(self.days, 2),
            "hours": {written(hour): messages for hour, messages in sorted(self.hours.items())},
        }
        return told


class Tally:
    """Adds up rulings as they come, in the order of the file."""

    def __init__(self, world: World, *, at: datetime) -> None:
        self._world = world
        self._at = at
        self._timeline = Timeline(world.campaign.expires_at)
        self._ends: Counter[tuple[Outcome, Reason | None, str | None]] = Counter()
        self._unknown = 0
        self._warnings: Counter[str] = Counter()
        self._going: Counter[str] = Counter()
        self._stopped: Counter[tuple[str, Reason]] = Counter()
        self._countries: set[str] = set()
        self._zones: Counter[tuple[str, ...]] = Counter()
        self._segments = 0
        self._recipients = 0

    def add(self, ruling: Ruling) -> None:
        """Take in one ruling."""
        self._recipients += 1
        self._ends[ruling.outcome, ruling.reason, ruling.rule] += 1
        self._warnings.update(
            {
                check.rule
                for check in ruling.checks
                if check.outcome is CheckOutcome.WARN and check.rule is not None
            }
        )
        self._timeline.add(ruling, self._at)
        if ruling.outcome is Outcome.DEFER and ruling.not_before is None:
            self._unknown += 1
        number = ruling.addressee.number
        if number is None:
            return
        self._countries.add(number.country)
        self._zones[ruling.addressee.zones] += 1
        if ruling.reason is not None:
            self._stopped[number.country, ruling.reason] += 1
        if ruling.outcome is not Outcome.BLOCK:
            units = 1 if ruling.segments is None else ruling.segments.segments
            self._going[number.country] += units
            self._segments += 0 if ruling.segments is None else units

    def summary(self, *, refused: int) -> Summary:
        """What it comes to; asked once, at the end.

        Args:
            refused: rows of the recipients file that cannot be read.
        """
        departures = self._timeline.departures()
        policies = self._policies()
        deferred = self._messages(Outcome.DEFER)
        expired = sum(
            amount for (_, reason, _), amount in self._ends.items() if reason is Reason.EXPIRED
        )
        return Summary(
            campaign=self._world.campaign.code,
            at=self._at,
            recipients=self._recipients,
            refused=refused,
            now=self._messages(Outcome.SEND),
            later=deferred - self._unknown,
            waiting=self._unknown,
            expired=expired,
            blocked=self._messages(Outcome.BLOCK) - expired,
            late=departures.late,
            last=departures.last,
            zone=self._zone(),
            segments=self._segments,
            hours=_plain(departures),
            blocks=self._counts(Outcome.BLOCK, policies),
            deferrals=self._counts(Outcome.DEFER, policies),
            warnings=[
                Count(reason=None, rule=rule, messages=messages, summary=_in_words(rule, policies))
                for rule, messages in self._warnings.most_common()
            ],
            costs=costs(policies, self._going),
            exposure=exposure(policies, self._stopped),
            notes=list(self._world.notes),
        )

    def _messages(self, outcome: Outcome) -> int:
        return sum(amount for (found, _, _), amount in self._ends.items() if found is outcome)

    def _policies(self) -> list[CountryPolicy]:
        found = (self._world.books.policy(country, self._at) for country in sorted(self._countries))
        return [policy for policy in found if policy is not None]

    def _counts(self, outcome: Outcome, policies: list[CountryPolicy]) -> list[Count]:
        return [
            Count(reason=reason, rule=rule, messages=messages, summary=_in_words(rule, policies))
            for (found, reason, rule), messages in self._ends.most_common()
            if found is outcome
        ]

    def _zone(self) -> str | None:
        """The zone in which more than half of the recipients are, and in no other."""
        for zones, amount in self._zones.most_common(1):
            if len(zones) == 1 and amount * 2 > self._recipients:
                return zones[0]
        return None


def _plain(departures: Departures) -> dict[datetime, int]:
    return dict(sorted(departures.hours.items()))


def _in_words(rule: str | None, policies: list[CountryPolicy]) -> str:
    return next((one.summary for policy in policies for one in policy.rules if one.id == rule), "")
