"""``recado optouts``: whether people who left were let go in time."""

from datetime import datetime, timedelta
from typing import Annotated

import typer

from pipeline.store import optout_period
from pipeline.store.optout_period import Period
from workers.cli.instants import read_instant
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.cli.session import session
from workers.cli.show_optouts import print_report
from workers.inputs.refusals import near_name
from workers.reports.optouts import OptOutReport, read_report
from workers.runtime import Runtime

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Whether people who left were let go in time.",
)

DEFAULT_PERIOD = timedelta(days=30)

_WRITTEN = "a day, or an instant with its offset"


@app.callback()
def _optouts() -> None:
    """Keep `report` a command of its own: a group with one command would become it."""


@app.command()
def report(
    *,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="T", help=f"Received since: {_WRITTEN}; else 30 days."),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--to", metavar="T", help=f"Received until: {_WRITTEN}; else now."),
    ] = None,
    business: Annotated[
        str | None, typer.Option("--business", help="Only those who left this business.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The opt-outs of a period: how soon each was in force, what broke a deadline, what was sent.

    Exits with 1 when a deadline was broken, or anything was sent to a person after their opt-out
    was in force.
    """
    with session("recado-optouts") as runtime:
        now = runtime.clock.now()
        period = _period(start, end, business, now)
        _check_business(runtime, business)
        found = read_report(runtime, period, now=now)
    if as_json:
        print_json(found.as_json())
    else:
        print_report(found)
    if not found.kept:
        raise CommandError(_broken(found))


def _period(start: str | None, end: str | None, business: str | None, now: datetime) -> Period:
    until = now if end is None else read_instant("--to", end, end_of_day=True)
    since = until - DEFAULT_PERIOD if start is None else read_instant("--from", start)
    if since >= until:
        raise CommandError(
            f"--from is {since.isoformat()}, which is not before {until.isoformat()}",
            exit_code=UNUSABLE,
        )
    return Period(start=since, end=until, business=business)


def _check_business(runtime: Runtime, business: str | None) -> None:
    """A misspelt name has no opt-outs, and would pass for a business that kept every promise."""
    if business is None:
        return
    with runtime.transaction() as connection:
        known = optout_period.known_businesses(connection)
    if business not in known:
        hint = near_name(business, known) if known else "there is none yet"
        raise CommandError(f"no business is called {business!r}; {hint}", exit_code=UNUSABLE)


def _broken(found: OptOutReport) -> str:
    parts = []
    if found.breaches:
        parts.append(f"{len(found.breaches):,} deadlines were broken")
    if found.violations:
        parts.append(f"{len(found.violations):,} messages were sent after an opt-out was in force")
    return "; ".join(parts)
