"""The figures of a simulation, for a person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from workers.simulation.figures import Figure
from workers.simulation.summary import Count, Summary

MOST_HOURS = 48
"""Lines of a timeline by the hour; a longer one is shown by the day."""

_BAR = 30


def print_summary(found: Summary) -> None:
    """Print the figures to stdout, narrow enough for 80 columns."""
    # Nothing in it is markup: a campaign may be called "[bold]".
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(
        f"Campaign {found.campaign} on {_time(found.at, None)}: {found.recipients:,} recipients"
        + (f", {found.refused:,} rows cannot be read" if found.refused else "")
    )
    for name, amount in (
        ("would go now", found.now),
        ("would go later", found.later),
        ("would wait for a person", found.waiting),
        ("would expire unsent", found.expired),
        ("would be blocked", found.blocked),
    ):
        console.print(f"  {name:<26}{amount:>10,}")
    if found.late:
        console.print(
            f"  {found.late:,} of those that would go expire all the same: "
            "their senders are too slow"
        )
    if found.segments:
        console.print(f"  in SMS segments{found.segments:>21,}")
    _print_counts(console, "Why not at all", found.blocks)
    _print_counts(console, "Why not now", found.deferrals)
    _print_counts(console, "Warnings", found.warnings)
    _print_timeline(console, found)
    _print_figures(console, "What it would cost", found.costs)
    _print_figures(console, "What the messages held back would have risked", found.exposure)
    for note in found.notes:
        console.print(f"Note: {note}.")


def _print_counts(console: Console, title: str, counts: Sequence[Count]) -> None:
    if not counts:
        return
    console.print(f"\n{title}")
    for count in counts:
        names = " ".join(filter(None, (count.reason, count.rule)))
        console.print(f"  {count.messages:>10,}  {names}")
        if count.summary:
            console.print(f"              {count.summary}")


def _print_timeline(console: Console, found: Summary) -> None:
    if found.last is None:
        return
    by_day = len(found.hours) > MOST_HOURS
    zone = found.zone
    console.print(
        f"\nWhen they would leave: the last on {_time(found.last, zone)}, {_days(found.days)}"
    )
    hours = _days_of(found.hours, zone) if by_day else found.hours
    table = Table(box=None, padding=(0, 1), show_header=True)
    table.add_column("day in UTC" if by_day and zone is None else "day" if by_day else "hour, UTC")
    if zone is not None and not by_day:
        table.add_column(zone)
    table.add_column("messages", justify="right")
    table.add_column("")
    most = max(hours.values())
    for moment, messages in hours.items():
        cells = [f"{moment:%Y-%m-%d}" if by_day else f"{moment:%Y-%m-%d %H:00}"]
        if zone is not None and not by_day:
            cells.append(f"{moment.astimezone(ZoneInfo(zone)):%a %H:%M}")
        bar = "█" * max(1, round(messages / most * _BAR))
        table.add_row(*cells, f"{messages:,}", bar)
    console.print(table)


def _days_of(hours: Mapping[datetime, int], zone: str | None) -> dict[datetime, int]:
    days: Counter[datetime] = Counter()
    for moment, messages in hours.items():
        local = moment if zone is None else moment.astimezone(ZoneInfo(zone))
        days[local.replace(hour=0, minute=0)] += messages
    return dict(sorted(days.items()))


def _print_figures(console: Console, title: str, figures: Sequence[Figure]) -> None:
    if not figures:
        return
    console.print(f"\n{title}")
    for figure in figures:
        of = f"{figure.messages:,} messages"
        each = of if figure.for_all else f"each {figure.per}; {of} in question"
        note = f"; {figure.note}" if figure.note else ""
        console.print(f"  {_money(figure)} ({figure.rule}: {each}{note})")


def _money(figure: Figure) -> str:
    if figure.most is None:
        return "no amount"
    most = f"{figure.most:,.2f}"
    if figure.least is not None and figure.least != figure.most:
        return f"{figure.least:,.2f} to {most} {figure.currency}"
    return f"{most} {figure.currency}"


def _days(days: float) -> str:
    hours = days * 24
    if hours < 1:
        return "within the hour"
    return f"{hours:.1f} hours later" if days < 1 else f"{days:.1f} days later"


def _time(moment: datetime, zone: str | None) -> str:
    utc = f"{moment:%Y-%m-%d %H:%M} UTC"
    if zone is None:
        return utc
    return f"{utc} ({moment.astimezone(ZoneInfo(zone)):%a %H:%M} in {zone})"
