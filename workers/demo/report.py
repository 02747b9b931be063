"""The demo's final report: every message accounted for, country by country."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from pipeline.policy.vocabulary import HANDED_STATES, MessageState
from workers.demo.audit import Audit
from workers.demo.figures import OptOut
from workers.sandbox.client import Answer

ENDS = {
    "sent": HANDED_STATES,
    "blocked": frozenset({MessageState.BLOCKED}),
    "expired": frozenset({MessageState.EXPIRED}),
    "cancelled": frozenset({MessageState.CANCELLED}),
    "failed": frozenset({MessageState.FAILED}),
    "in_doubt": frozenset({MessageState.IN_DOUBT}),
}
"""The ends of a message, as the report names them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CountryReport:
    """One country's campaign.

    Attributes:
        enqueued: rows that the demo put on the stream.
        accepted: rows that the database holds.
        ends: name of the end → messages.
        blocked: reason → messages.
        deferred_then_sent: messages that waited for their hour and went out.
        delivered: of those sent, the ones that the provider says have arrived.
    """

    country: str
    enqueued: int
    accepted: int
    ends: Mapping[str, int]
    blocked: Mapping[str, int]
    deferred_then_sent: int
    delivered: int

    @classmethod
    def of(
        cls,
        country: str,
        states: Mapping[MessageState, int],
        *,
        enqueued: int,
        blocked: Mapping[str, int],
        deferred_then_sent: int,
    ) -> "CountryReport":
        """The report over the number of messages in each state."""
        return cls(
            country=country,
            enqueued=enqueued,
            accepted=sum(states.values()),
            ends={
                name: sum(states.get(state, 0) for state in members)
                for name, members in ENDS.items()
            },
            blocked=blocked,
            deferred_then_sent=deferred_then_sent,
            delivered=states.get(MessageState.DELIVERED, 0),
        )

    def problems(self) -> list[str]:
        """Where it does not balance; empty: it does."""
        found = []
        if self.accepted != self.enqueued:
            found.append(f"{self.country}: {self.enqueued} enqueued, {self.accepted} accepted")
        ended = sum(self.ends.values())
        if self.accepted != ended:
            found.append(f"{self.country}: {self.accepted} accepted, {ended} came to an end")
        if self.ends["blocked"] != sum(self.blocked.values()):
            found.append(f"{self.country}: the reasons do not add up to the blocked messages")
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOuts:
    """The replies that were a wish to leave.

    Attributes:
        asked: how many people made one.
        in_force: how many of them the database knows.
        milliseconds: machine time from each request to the webhook's answer, which comes after
            the commit.
        confirmations: what became of a confirmation, e.g. ``sent`` → people.
        cancelled: messages that were waiting for them.
    """

    asked: int
    in_force: int
    milliseconds: tuple[float, ...]
    confirmations: Mapping[str, int]
    cancelled: int

    @classmethod
    def of(cls, wishes: Mapping[str, Answer], in_force: Mapping[str, OptOut]) -> "OptOuts":
        """The figures over what the webhooks said, and what the database knows."""
        taken = [answer for answer in wishes.values() if answer.taken]
        return cls(
            asked=len(wishes),
            in_force=len(wishes.keys() & in_force.keys()),
            milliseconds=tuple(1000 * (one.answered_at - one.sent_at) for one in taken),
            confirmations=Counter(one.confirmation for one in in_force.values()),
            cancelled=sum(one.cancelled for one in in_force.values()),
        )

    def problems(self) -> list[str]:
        """What is wrong; empty: nothing is."""
        found = []
        if not self.asked:
            found.append("nobody asked to leave, so nothing is shown")
        if self.in_force < self.asked:
            found.append(f"{self.asked - self.in_force} opt-outs never came into force")
        unconfirmed = self.confirmations.get("due", 0) + self.confirmations.get("failed", 0)
        if unconfirmed:
            found.append(f"{unconfirmed} opt-outs were never confirmed")
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class RepliesReport:
    """All that people wrote.

    Attributes:
        posted: how many replies.
        refused: those that the webhook did not take.
        helped: people who asked for help and got an answer.
        held_for_review: replies that wait for a person's judgement.
    """

    posted: int
    refused: int
    helped: int
    held_for_review: int

    def problems(self) -> list[str]:
        """What is wrong; empty: nothing is."""
        return [f"{self.refused} replies were not taken"] if self.refused else []


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoReport:
    """Everything, with what is wrong with it.

    Attributes:
        complete: whether every message came to its end in time.
        seconds: machine time from the first message to the last end.
        business_hours: how much business time passed meanwhile.
        restarts: processes that died and were started again.
    """

    countries: tuple[CountryReport, ...]
    opt_outs: OptOuts
    replies: RepliesReport
    audit: Audit
    complete: bool
    seconds: float
    business_hours: float
    restarts: int = 0

    def problems(self) -> list[str]:
        """Every reason why this run has failed, in words; empty: it has not."""
        found = [] if self.complete else ["not every message came to an end in time"]
        for country in self.countries:
            found += country.problems()
        parts = (self.opt_outs, self.replies, self.audit)
        return [*found, *(problem for part in parts for problem in part.problems())]

    def as_dict(self) -> dict[str, Any]:
        """The report as `--json` prints it."""
        problems = self.problems()
        times = self.opt_outs.milliseconds
        audited = asdict(self.audit)
        if self.audit.slowest_confirmation is not None:
            audited["slowest_confirmation"] = round(self.audit.slowest_confirmation, 2)
        return {
            "balanced": not problems,
            "problems": problems,
            "countries": [_country(country) for country in self.countries],
            "total": _total(self.countries),
            "opt_outs": {
                "asked": self.opt_outs.asked,
                "in_force": self.opt_outs.in_force,
                "median_milliseconds": round(median(times), 1) if times else None,
                "slowest_milliseconds": round(max(times), 1) if times else None,
                "confirmations": dict(self.opt_outs.confirmations),
                "cancelled": self.opt_outs.cancelled,
            },
            "replies": asdict(self.replies),
            "sandbox": audited,
            "seconds": round(self.seconds, 1),
            "business_hours": round(self.business_hours, 1),
            "restarts": self.restarts,
        }


def _country(report: CountryReport) -> dict[str, Any]:
    return {
        "country": report.country,
        "accepted": report.accepted,
        **report.ends,
        "blocked_reasons": dict(report.blocked),
        "deferred_then_sent": report.deferred_then_sent,
        "delivered": report.delivered,
        "balanced": not report.problems(),
    }


def _total(countries: tuple[CountryReport, ...]) -> dict[str, int]:
    return {
        "accepted": sum(country.accepted for country in countries),
        **{name: sum(country.ends[name] for country in countries) for name in ENDS},
        "deferred_then_sent": sum(country.deferred_then_sent for country in countries),
        "delivered": sum(country.delivered for country in countries),
    }
