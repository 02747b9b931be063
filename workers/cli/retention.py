"""``recado retention``: remove what has had its time."""

from typing import Annotated

import typer

from workers.cli.output import AsJson, print_json
from workers.cli.session import session
from workers.retention import Removal, ends_now, make_months, to_remove

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Remove what has had its time.",
)


@app.callback()
def _retention() -> None:
    """Keep `run` a command of its own: a group with one command would become it."""


@app.command()
def run(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove old messages, decisions and counts, as the dispatcher does once a day."""
    with session("recado-retention") as runtime:
        limits = ends_now(runtime)
        if dry_run:
            found = to_remove(runtime)
        else:
            make_months(runtime)
            removal = Removal(runtime)
            while removal.step():
                pass
            found = dict(removal.removed)
    if as_json:
        before = {"messages": limits.messages, "decisions": limits.decisions}
        print_json({"dry_run": dry_run, "before": before, "removed": found})
        return
    verb = "would be removed" if dry_run else "removed"
    print(f"messages of campaigns that ended before {limits.messages:%Y-%m-%d}")
    print(f"decisions made before {limits.decisions:%Y-%m-%d}")
    for kind, rows in found.items():
        print(f"{kind:<16} {rows:>14,} {verb}")
