"""The report on the opt-outs of a period: how soon each was obeyed, and that nothing came after.

Times are business time, as people and deadlines have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pipeline.store import after_force, optout_period
from pipeline.store.after_force import SentAfter
from pipeline.store.optout_period import Breach, Group, Period, SenderOptOuts, StageTimes
from workers.reports.masks import mask_number
from workers.runtime import Runtime

TOLERANCE_SECONDS = 0.25
"""Machine time for which a request may already have been on its way when an opt-out came in force:
what was claimed before the commit leaves within it or not at all."""

CONFIRMATIONS = ("sent", "by_provider", "due", "failed", "in_doubt", "repeated", "impossible")


@dataclass(frozen=True, kw_only=True, slots=True)
class OptOutReport:
    """What stands in the database about the period, read in one snapshot.

    Attributes:
        now: the business instant by which open clocks were judged.
        speed: business seconds a machine second.
        tolerance: business time that passes in `TOLERANCE_SECONDS`.
        violations: messages that left later than the tolerance after force.
        in_time: those that left within it.
        doubts: those that may have left after it: nobody wrote down when the request began.
    """

    period: Period
    now: datetime
    speed: float
    tolerance: timedelta
    groups: Sequence[Group]
    times: Sequence[StageTimes]
    senders: Sequence[SenderOptOuts]
    breaches: Sequence[Breach]
    violations: Sequence[SentAfter]
    in_time: Sequence[SentAfter]
    doubts: Sequence[SentAfter]

    @property
    def kept(self) -> bool:
        """Whether every deadline was met, and nothing was sent after force."""
        return not self.breaches and not self.violations

    def of(self, by: str) -> list[Group]:
        """The groups by ``origin``, ``country``, ``business`` or ``confirmation``."""
        return [group for group in self.groups if group.by == by]

    @property
    def total(self) -> Group | None:
        """Everything together; None: the period has no opt-outs."""
        return next(iter(self.of("all")), None)

    def as_json(self) -> dict[str, Any]:
        """The report as ``--json`` prints it."""
        total = self.total
        counted = {group.name: group.opt_outs for group in self.of("confirmation")}
        return {
            "kept": self.kept,
            "from": self.period.start,
            "to": self.period.end,
            "business": self.period.business,
            "now": self.now,
            "clock_speed": self.speed,
            "opt_outs": total.opt_outs if total else 0,
            "people": total.people if total else 0,
            "complaints": total.complaints if total else 0,
            "repeated": total.repeated if total else 0,
            "origins": [_group(group, "origin") for group in self.of("origin")],
            "countries": [
                _group(group, "country") | _deadline(group) for group in self.of("country")
            ],
            "businesses": [_group(group, "business") for group in self.of("business")],
            "senders": [_sender(sender) for sender in self.senders],
            "stages": [self._stage(times) for times in self.times],
            "confirmations": {name: counted.get(name, 0) for name in CONFIRMATIONS},
            "breaches": [_breach(breach) for breach in self.breaches],
            "after_force": {
                "tolerance_ms": TOLERANCE_SECONDS * 1000,
                "sent": len(self.violations),
                "messages": [self._sent(message) for message in self.violations],
                "sent_within_tolerance": len(self.in_time),
                "largest_gap_within_tolerance_ms": self.largest_gap_ms,
                "start_unknown": [self._sent(message) for message in self.doubts],
            },
        }

    @property
    def largest_gap_ms(self) -> float | None:
        """The longest time, of those within the tolerance, in milliseconds of machine time."""
        gaps = [self.machine_ms(message) for message in self.in_time]
        return max(gaps, default=None)

    def machine_ms(self, message: SentAfter) -> float:
        """How long after force the request began, in milliseconds of machine time."""
        return round(message.gap.total_seconds() / self.speed * 1000, 1)

    def _stage(self, times: StageTimes) -> dict[str, Any]:
        own = (group for group in self.of("country") if group.name == times.country)
        return _stage(times) | _deadline(next(own, None))

    def _sent(self, message: SentAfter) -> dict[str, Any]:
        return {
            "message": message.message_id,
            "opt_out": message.inbound_id,
            "campaign": message.campaign,
            "business": message.business,
            "to": mask_number(message.phone),
            "state": message.state,
            "in_force_at": message.in_force_at,
            "sent_at": message.sent_at,
            "after_ms": self.machine_ms(message),
        }


def read_report(runtime: Runtime, period: Period, *, now: datetime) -> OptOutReport:
    """Read it all in one snapshot, so that its figures agree with each other."""
    clock = runtime.clock
    tolerance = clock.span(TOLERANCE_SECONDS)
    with (
        runtime.engine.connect().execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        ) as connection,
        connection.begin(),
    ):
        after = after_force.after_force(connection, period)
        measured = [message for message in after if message.measured]
        return OptOutReport(
            period=period,
            now=now,
            speed=tolerance / timedelta(seconds=TOLERANCE_SECONDS),
            tolerance=tolerance,
            groups=optout_period.groups(connection, period),
            times=optout_period.stage_times(connection, period),
            senders=optout_period.by_sender(connection, period),
            breaches=optout_period.breaches(connection, period, now=now),
            violations=[message for message in measured if message.gap > tolerance],
            in_time=[message for message in measured if message.gap <= tolerance],
            doubts=[message for message in after if not message.measured],
        )


def _group(group: Group, name: str) -> dict[str, Any]:
    return {
        name: group.name,
        "opt_outs": group.opt_outs,
        "people": group.people,
        "complaints": group.complaints,
        "repeated": group.repeated,
    }


def _deadline(group: Group | None) -> dict[str, Any]:
    """A country's; None stands for all countries together, which have none in common."""
    return {
        "deadline_seconds": group.shortest_deadline if group else None,
        "longest_deadline_seconds": group.longest_deadline if group else None,
        "rules": group.rules if group else [],
    }


def _sender(sender: SenderOptOuts) -> dict[str, Any]:
    return {
        "sender": sender.sender,
        "opt_outs": sender.opt_outs,
        "repeated": sender.repeated,
        "complaints": sender.complaints,
        "messages_sent": sender.sent,
        "opt_out_rate": sender.rate,
    }


def _stage(times: StageTimes) -> dict[str, Any]:
    return {
        "stage": times.stage,
        "country": times.country,
        "reached": times.reached,
        "late": times.late,
        "open": times.open,
        "p50_seconds": times.p50,
        "p99_seconds": times.p99,
        "slowest_seconds": times.slowest,
        "slowest_opt_out": times.slowest_id,
    }


def _breach(breach: Breach) -> dict[str, Any]:
    return {
        "opt_out": breach.inbound_id,
        "stage": breach.stage,
        "kind": breach.kind,
        "to": mask_number(breach.phone),
        "country": breach.country,
        "businesses": breach.businesses,
        "origin": breach.origin,
        "confirmation": breach.confirmation,
        "rule": breach.rule,
        "received_at": breach.received_at,
        "deadline_at": breach.deadline_at,
        "reached_at": breach.reached_at,
    }
