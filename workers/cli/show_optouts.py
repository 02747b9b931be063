"""The report on opt-outs, for a person."""

from rich.console import Console
from rich.table import Table

from pipeline.store.optout_period import Group, StageTimes
from workers.reports.masks import mask_number
from workers.reports.optouts import CONFIRMATIONS, OptOutReport

MOST_LISTED = 20
"""Lines of a list that a person reads; ``--json`` has them all."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_INSTANT = "%Y-%m-%d %H:%M:%S"


def print_report(report: OptOutReport) -> None:
    """Print the report to stdout, narrow enough for 80 columns."""
    # Nothing in it is markup: a campaign may be called "[bold]".
    console = Console(highlight=False, markup=False, soft_wrap=True)
    period = report.period
    console.print(
        f"Opt-outs received from {period.start:{_INSTANT}} to {period.end:{_INSTANT}} UTC"
    )
    if period.business is not None:
        console.print(f"by people who left {period.business}")
    total = report.total
    if total is None:
        console.print("none")
    else:
        console.print(
            f"{total.opt_outs:,} opt-outs of {total.people:,} people, {total.complaints:,} "
            f"complaints, {total.repeated:,} by people who had left already"
        )
        for by in ("origin", "country", "business"):
            counts = ", ".join(f"{group.name or '?'} {group.opt_outs:,}" for group in report.of(by))
            console.print(f"by {by}: {counts}")
        console.print(_how_soon(report))
        for country in report.of("country"):
            console.print(_deadline(country))
        counted = {group.name: group.opt_outs for group in report.of("confirmation")}
        told = (
            f"{counted[name]:,} {name.replace('_', ' ')}"
            for name in CONFIRMATIONS
            if name in counted
        )
        console.print(f"confirmations: {', '.join(told)}")
    if report.senders:
        console.print(_senders(report))
    _print_breaches(console, report)
    _print_after_force(console, report)
    console.print(
        "every deadline was met, and nothing was sent after force"
        if report.kept
        else "NOT KEPT: see above"
    )


def _how_soon(report: OptOutReport) -> Table:
    table = Table(title="How soon after receipt", box=None, padding=(0, 1))
    for name in ("", ""):
        table.add_column(name)
    for name in ("reached", "late", "open", "p50", "p99", "slowest", "opt-out"):
        table.add_column(name, justify="right")
    for times in report.times:
        table.add_row(*_times(times), style=None if times.country is not None else "bold")
    return table


def _times(times: StageTimes) -> tuple[str, ...]:
    return (
        times.stage if times.country is None else "",
        "all" if times.country is None else times.country or "?",
        *(f"{amount:,}" for amount in (times.reached, times.late, times.open)),
        *(_duration(seconds) for seconds in (times.p50, times.p99, times.slowest)),
        "" if times.slowest_id is None else str(times.slowest_id),
    )


def _deadline(country: Group) -> str:
    shortest, longest = _duration(country.shortest_deadline), _duration(country.longest_deadline)
    within = shortest if shortest == longest else f"{shortest} to {longest}"
    by = f"rule {', '.join(country.rules)}" if country.rules else "no pack: the strictest"
    return f"deadline in {country.name or '?'}: {within}, {by}"


def _senders(report: OptOutReport) -> Table:
    table = Table(title="Senders in the period", box=None, padding=(0, 1))
    table.add_column("")
    for name in ("opt-outs", "repeated", "complaints", "sent", "rate"):
        table.add_column(name, justify="right")
    for sender in report.senders:
        amounts = (sender.opt_outs, sender.repeated, sender.complaints, sender.sent)
        table.add_row(
            sender.sender or "(no sender of ours)",
            *(f"{amount:,}" for amount in amounts),
            "" if sender.rate is None else f"{sender.rate:.2%}",
        )
    return table


def _print_breaches(console: Console, report: OptOutReport) -> None:
    console.print(f"deadlines broken: {len(report.breaches):,}")
    for breach in report.breaches[:MOST_LISTED]:
        if breach.reached_at is None:
            how = f"{breach.stage} still open ({breach.confirmation})"
        else:
            after = (breach.reached_at - breach.received_at).total_seconds()
            how = f"{breach.stage} after {_duration(after)}"
        console.print(
            f"  opt-out {breach.inbound_id} of {mask_number(breach.phone) or '(no number)'}, "
            f"{breach.country or '?'}, {', '.join(breach.businesses)}: {how}, "
            f"received {breach.received_at:{_INSTANT}}, due {breach.deadline_at:{_INSTANT}}"
        )
    _print_rest(console, len(report.breaches))


def _print_after_force(console: Console, report: OptOutReport) -> None:
    console.print(f"sent after force: {len(report.violations):,}")
    for message in report.violations[:MOST_LISTED]:
        console.print(
            f"  message {message.message_id} of {message.campaign} to "
            f"{mask_number(message.phone) or '(no number)'}, {report.machine_ms(message):,} ms "
            f"after opt-out {message.inbound_id} was in force: {message.state}"
        )
    _print_rest(console, len(report.violations))
    largest = report.largest_gap_ms
    gap = "" if largest is None else f", the latest {largest:,} ms after force"
    console.print(f"on the wire when it came in force (up to 250 ms): {len(report.in_time):,}{gap}")
    ids = ", ".join(str(doubt.message_id) for doubt in report.doubts[:MOST_LISTED])
    told = f" (messages {ids})" if ids else ""
    console.print(f"begun at an unknown time, perhaps after force: {len(report.doubts):,}{told}")


def _print_rest(console: Console, count: int) -> None:
    if count > MOST_LISTED:
        console.print(f"  and {count - MOST_LISTED:,} more; --json lists every one")


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:.1f} s"
