"""``recado up`` and ``recado demo``: the whole system on this machine."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from config.logs import configure_logs
from config.settings import load_settings
from workers.cli.output import FAILED, AsJson, CommandError, print_json
from workers.demo.run import run_demo
from workers.demo.view import open_view, print_report
from workers.servers import ServersError
from workers.stack.interrupts import take_sigterm_as_interrupt
from workers.stack.keeping import keep_up
from workers.stack.supervisor import StackError

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended."""


def demo(
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the folder with data and logs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the whole system at work: five countries, a day and a night, nothing really sent."""
    settings = load_settings()
    configure_logs("console", "WARNING")
    settings.home.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="demo-", dir=settings.home)).resolve()
    take_sigterm_as_interrupt()
    try:
        with open_view() as view:
            report = run_demo(home, view)
    except KeyboardInterrupt:
        _remove(home, keep=keep)
        raise typer.Exit(INTERRUPTED) from None
    except (StackError, ServersError) as error:
        raise CommandError(f"{error}; everything is left in {home}") from error
    if as_json:
        print_json(report.as_dict())
    else:
        print_report(report)
    balanced = not report.problems()
    # The logs of a run that failed are what one needs to see.
    _remove(home, keep=keep or not balanced)
    if not balanced:
        raise typer.Exit(FAILED)


def up() -> None:
    """Keep the whole stack up on this machine, until Ctrl-C or SIGTERM."""
    settings = load_settings()
    configure_logs("console", "WARNING")
    take_sigterm_as_interrupt()
    try:
        keep_up(settings, dict(os.environ))
    except KeyboardInterrupt:
        print("everything is stopped", file=sys.stderr)
    except StackError as error:
        raise CommandError(str(error)) from error


def _remove(home: Path, *, keep: bool) -> None:
    if keep:
        print(f"data and logs are kept in {home}", file=sys.stderr)
    else:
        shutil.rmtree(home, ignore_errors=True)
