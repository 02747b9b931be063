"""What the demo shows: a live table on a terminal, plain lines elsewhere, the report at the end."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pipeline.policy.vocabulary import HANDED_STATES, MessageState
from workers.demo.lapse import Snapshot, plan_of
from workers.demo.report import ENDS, DemoReport

LINE_SECONDS = 3.0
"""Between two lines where there is no terminal."""

_COLUMNS = {
    "waiting": frozenset({MessageState.ACCEPTED, MessageState.CONSENTED}),
    "deferred": frozenset({MessageState.DEFERRED}),
    "ready": frozenset({MessageState.READY, MessageState.SENDING}),
    "sent": HANDED_STATES,
    "blocked": frozenset({MessageState.BLOCKED}),
    "failed": frozenset({MessageState.FAILED, MessageState.EXPIRED, MessageState.CANCELLED}),
    "in doubt": frozenset({MessageState.IN_DOUBT}),
}


class View(Protocol):
    """Where progress goes."""

    def say(self, line: str) -> None:
        """Tell what is being done."""
        ...

    def show(self, snapshot: Snapshot) -> None:
        """Show the figures of a moment."""
        ...


@contextmanager
def open_view() -> Iterator[View]:
    """A live table when stderr is a terminal, else plain lines on it."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    with Live(console=Console(stderr=True), refresh_per_second=8, transient=True) as live:
        yield _Screen(live)


class _Lines:
    def __init__(self) -> None:
        self._next = 0.0

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the progress of a command

    def show(self, snapshot: Snapshot) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LINE_SECONDS
        columns = (f"{name} {_sum(snapshot, name)}" for name in _COLUMNS)
        self.say(
            f"{snapshot.now:%a %H:%M} UTC: {', '.join(columns)}; "
            f"{snapshot.per_second:.0f}/s, opt-outs {snapshot.in_force} of {snapshot.asked}, "
            f"confirmed {snapshot.confirmed}"
        )


class _Screen:
    def __init__(self, live: Live) -> None:
        self._live = live

    def say(self, line: str) -> None:
        self._live.update(Text(line))

    def show(self, snapshot: Snapshot) -> None:
        table = Table(title=f"{snapshot.now:%A %d %B %Y, %H:%M} UTC")
        table.add_column("")
        for name in _COLUMNS:
            table.add_column(name, justify="right")
        for country, states in snapshot.states.items():
            counts = (
                sum(states.get(state, 0) for state in members) for members in _COLUMNS.values()
            )
            table.add_row(plan_of(country).name, *(str(count or "") for count in counts))
        table.add_section()
        table.add_row("All", *(str(_sum(snapshot, name)) for name in _COLUMNS), style="bold")
        queues = ", ".join(f"{stage} {length}" for stage, length in snapshot.queues.items())
        self._live.update(
            Group(
                table,
                Text(f"{snapshot.per_second:.0f} messages/s   queues: {queues}"),
                Text(
                    f"opt-outs: {snapshot.asked} asked, {snapshot.in_force} in force, "
                    f"{snapshot.confirmed} confirmed"
                ),
            )
        )


def _sum(snapshot: Snapshot, column: str) -> int:
    members = _COLUMNS[column]
    return sum(states.get(state, 0) for states in snapshot.states.values() for state in members)


def print_report(report: DemoReport) -> None:
    """Print the report for a person to stdout."""
    console = Console(highlight=False)
    facts = report.as_dict()
    # Narrow enough for 80 columns.
    table = Table(title="Every message accounted for", box=None, padding=(0, 1))
    table.add_column("")
    for name in ("accepted", *ENDS, "waited"):
        table.add_column(name.replace("_", " "), justify="right")
    for country in [*facts["countries"], {"country": "All"} | facts["total"]]:
        table.add_row(
            country["country"],
            *(str(country[name]) for name in ("accepted", *ENDS, "deferred_then_sent")),
        )
    console.print(table)
    for country in facts["countries"]:
        reasons = ", ".join(f"{n} {reason}" for reason, n in country["blocked_reasons"].items())
        console.print(f"blocked in {country['country']}: {reasons or 'none'}")
    console.print("waited: their window was closed at first, and they were sent when it opened")
    total = facts["total"]
    console.print(f"arrived, by what the provider told of: {total['delivered']} of {total['sent']}")
    _print_replies(console, facts)
    sandbox = facts["sandbox"]
    console.print(
        f"the sandbox took {sandbox['taken']}, the database recorded {sandbox['recorded']} as "
        f"sent; repeated {sandbox['repeated']}, outside the window {sandbox['outside_window']}"
    )
    console.print(f"{facts['business_hours']} business hours in {facts['seconds']} s")
    verdict = (
        "balances" if facts["balanced"] else "DOES NOT BALANCE: " + "; ".join(facts["problems"])
    )
    console.print(f"accepted = sent + blocked + expired + cancelled + failed + in doubt: {verdict}")


def _print_replies(console: Console, facts: Mapping[str, Any]) -> None:
    left, sandbox, replies = facts["opt_outs"], facts["sandbox"], facts["replies"]
    console.print(
        f"opt-outs: {left['asked']} asked, {left['in_force']} in force, "
        f"median {left['median_milliseconds']} ms, slowest {left['slowest_milliseconds']} ms; "
        f"{left['cancelled']} waiting messages stopped; "
        f"messages to them afterwards: {sandbox['after_opt_out']}"
    )
    became = ", ".join(f"{number} {word}" for word, number in left["confirmations"].items())
    console.print(
        f"confirmations: {became or 'none'}; the slowest after "
        f"{sandbox['slowest_confirmation']} s; not exactly one: {sandbox['wrongly_confirmed']}"
    )
    console.print(
        f"other replies: {replies['helped']} helped, "
        f"{replies['held_for_review']} held for a person to judge"
    )
