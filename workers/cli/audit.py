"""``recado audit``: what was done to senders and campaigns, by whom, and why."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.store import audit
from pipeline.store.audit import AuditEvent
from workers.cli.instants import read_instant
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.cli.session import session
from workers.inputs.refusals import near_name
from workers.runtime import Runtime

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="What was done to senders and campaigns, by whom, and why.",
)

MOST_LISTED = 200
"""Entries that a person reads; ``--json`` has them all."""


@app.callback()
def _audit() -> None:
    """Keep `list` a command of its own: a group with one command would become it."""


@app.command("list")
def list_events(
    *,
    subject: Annotated[
        str | None,
        typer.Option("--subject", metavar="ID", help="Only of this sender or campaign."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="T", help="Since a day, or an instant with its offset."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The audit trail, oldest first."""
    start = None if since is None else read_instant("--since", since)
    with session("recado-audit") as runtime:
        with runtime.transaction() as connection:
            found = audit.listed(
                connection, subject=subject, since=start, most=None if as_json else MOST_LISTED + 1
            )
        if subject is not None and not found:
            _check_subject(runtime, subject)
    if as_json:
        print_json([asdict(event) for event in found])
        return
    if len(found) > MOST_LISTED:
        print(f"the last {MOST_LISTED}; --json lists all")
        found = found[-MOST_LISTED:]
    for event in found:
        print(_line(event))
    print(f"{len(found)} in all" if found else "nothing was done")


def _line(event: AuditEvent) -> str:
    rule = f", rule {event.rule}" if event.rule else ""
    return (
        f"{event.id}  {event.occurred_at:%Y-%m-%d %H:%M:%S} UTC  {event.action:<18} "
        f"{event.subject}  by {event.actor}: {event.reason}{rule}"
    )


def _check_subject(runtime: Runtime, subject: str) -> None:
    """A misspelt id has no entries, and would pass for something that nobody ever touched."""
    with runtime.transaction() as connection:
        known = audit.known_subjects(connection)
    if subject not in known:
        hint = near_name(subject, known) if known else "there is none yet"
        raise CommandError(
            f"no sender or campaign has the id {subject!r}; {hint}", exit_code=UNUSABLE
        )
