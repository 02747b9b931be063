"""The figures of `recado bench optout`: as JSON, and as a table with both phases side by side."""

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import Any

from benchmarks.comparison import Comparison, Phase, Volley
from benchmarks.traffic import Traffic
from benchmarks.verdict import Leaver

FORCE_TARGET_MS = 50.0
CONFIRMATION_TARGET_MS = 2000.0
BURST_TARGET_SECONDS = 60.0


def figures(comparison: Comparison) -> dict[str, Any]:
    """Everything, as JSON has it; times in milliseconds unless their name says otherwise."""
    plan = comparison.plan
    return {
        "messages": plan.messages,
        "replies_per_second": plan.rate,
        "seconds": plan.seconds,
        "replies_at_once": plan.burst,
        "connections": plan.connections,
        "sender_rate": plan.sender_rate,
        "callbacks": plan.callbacks,
        "without_load": _phase(comparison.quiet),
        "with_load": _phase(comparison.busy),
        "longest_after_force_ms": _milliseconds(comparison.longest_after_force),
        "targets_met": {
            name: {phase: met(one) for phase, one in _phases(comparison)}
            for name, met in _TARGETS.items()
        },
        "balance": comparison.balance.as_json(),
        "problems": list(comparison.problems),
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)


def _phases(comparison: Comparison) -> tuple[tuple[str, Phase], tuple[str, Phase]]:
    return ("without_load", comparison.quiet), ("with_load", comparison.busy)


def _phase(phase: Phase) -> dict[str, Any]:
    return {
        "waiting_messages": phase.waiting,
        "even": _volley(phase.steady),
        "at_once": _volley(phase.burst),
    }


def _volley(volley: Volley) -> dict[str, Any]:
    people = volley.people
    return {
        "replies": len(people),
        "answered_with_success": sum(one.answer.taken for one in people),
        "force_ms": _spread(_force(people)),
        "force_by_our_clock_ms": _spread(_force_by_our_clock(people)),
        "cancelled_ms": _spread(_until(people, lambda one: one.cancelled)),
        "confirmation_ms": _spread(_confirmation(people)),
        "posted_late_ms": _spread([1000 * (one.answer.sent - one.answer.due) for one in people]),
        "messages_stopped": sum(one.stopped for one in people),
        "posting_cores": round(volley.poster_cores, 2),
        "traffic": _traffic(volley.traffic),
    }


def _traffic(seen: Traffic) -> dict[str, Any]:
    return {
        "seconds": seen.seconds,
        "sent_per_second": round(seen.sent_per_second),
        "sent_in_the_slowest_second": seen.sent_slowest,
        "stages_per_second": dict(seen.stages_per_second),
        "longest_queues": dict(seen.queues),
        "cores": dict(seen.cores),
        "cores_of_other_programs": seen.others,
    }


def _force(people: Sequence[Leaver]) -> list[float]:
    """From the instant at which each was to be posted until its answer: after the commit."""
    return [1000 * (one.answer.answered - one.answer.due) for one in people if one.answer.taken]


def _force_by_our_clock(people: Sequence[Leaver]) -> list[float]:
    return [
        1000 * (one.in_force - one.received)
        for one in people
        if one.in_force is not None and one.received is not None
    ]


def _confirmation(people: Sequence[Leaver]) -> list[float]:
    """Until the provider was asked to send the confirmation, by its own log."""
    return _until(people, lambda one: min(one.asked, default=None))


def _until(people: Sequence[Leaver], instant: Callable[[Leaver], float | None]) -> list[float]:
    reached = [(one, instant(one)) for one in people]
    return [1000 * (at - one.answer.due) for one, at in reached if at is not None]


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    ordered = sorted(values)

    def rank(share: float) -> float:
        return round(ordered[max(0, ceil(share * len(ordered)) - 1)], 2)

    return {"p50": rank(0.5), "p99": rank(0.99), "max": rank(1.0)}


def _within(spread: dict[str, float] | None, name: str, limit: float) -> bool:
    return spread is not None and spread[name] < limit


_TARGETS: dict[str, Callable[[Phase], bool]] = {
    "force_p99_under_50_ms": lambda phase: _within(
        _spread(_force(phase.steady.people)), "p99", FORCE_TARGET_MS
    ),
    "confirmation_p99_under_2_s": lambda phase: _within(
        _spread(_confirmation(phase.steady.people)), "p99", CONFIRMATION_TARGET_MS
    ),
    "at_once_in_force_within_60_s": lambda phase: (
        all(one.answer.taken for one in phase.burst.people)
        and _within(_spread(_force(phase.burst.people)), "max", 1000 * BURST_TARGET_SECONDS)
    ),
}


def table(comparison: Comparison) -> Iterator[str]:
    """The same for people to read: a line a figure, a column a phase."""
    plan, phases = comparison.plan, [phase for _, phase in _phases(comparison)]
    yield _line("", ["without load", "with load"])
    yield _line("messages waiting when it began", [f"{phase.waiting:,}" for phase in phases])
    yield f"{plan.rate} replies a second for {plan.seconds} s"
    yield from _times([phase.steady for phase in phases])
    yield f"{plan.burst:,} replies at once, on {plan.connections} connections"
    burst = [phase.burst for phase in phases]
    success = [sum(one.answer.taken for one in volley.people) for volley in burst]
    yield _line("  answered with success", [f"{count:,}" for count in success])
    yield from _times(burst)
    for heading, volleys in (
        ("while replies came evenly", [phase.steady for phase in phases]),
        ("while replies came at once", burst),
    ):
        yield heading
        yield from _work([volley.traffic for volley in volleys])
    longest = _milliseconds(comparison.longest_after_force)
    latest = "none" if longest is None else f"{longest} ms after"
    yield f"last message to a person whose opt-out was in force: {latest}"
    yield "targets"
    for name, met in _TARGETS.items():
        said = ["met" if met(phase) else "MISSED" for phase in phases]
        yield _line(f"  {name.replace('_', ' ')}", said)


def _times(volleys: Sequence[Volley]) -> Iterator[str]:
    people = [volley.people for volley in volleys]
    rows: tuple[tuple[str, Callable[[Sequence[Leaver]], list[float]]], ...] = (
        ("in force (answered)", _force),
        ("in force, by our clock", _force_by_our_clock),
        ("nothing waits any more", lambda all_: _until(all_, lambda one: one.cancelled)),
        ("confirmation handed over", _confirmation),
    )
    for name, values in rows:
        yield _line(f"  {name}: p50 / p99 / max, ms", [_three(values(one)) for one in people])


def _work(seen: Sequence[Traffic]) -> Iterator[str]:
    sent = [f"{one.sent_per_second:,.0f} / {one.sent_slowest:,}" for one in seen]
    yield _line("  messages sent a second, mean / least", sent)
    for stage in seen[0].stages_per_second:
        rates = [f"{one.stages_per_second[stage]:,}" for one in seen]
        yield _line(f"  {stage}, messages a second", rates)
    for queue in sorted({name for one in seen for name in one.queues}):
        yield _line(f"  longest queue: {queue}", [str(one.queues.get(queue, 0)) for one in seen])
    for process in sorted({name for one in seen for name in one.cores}):
        cores = [f"{one.cores.get(process, 0.0):.2f}" for one in seen]
        yield _line(f"  cores: {process}", cores)
    yield _line("  cores: other programs", [f"{one.others:.2f}" for one in seen])


def _three(values: Sequence[float]) -> str:
    spread = _spread(values)
    if spread is None:
        return "-"
    return " / ".join(f"{value:,.1f}" for value in spread.values())


def _line(name: str, values: Sequence[str]) -> str:
    return f"{name:<50}" + "".join(f"{value:>28}" for value in values)
