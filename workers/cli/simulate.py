"""``recado simulate``: what a campaign would come to at an instant; nothing is sent."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from workers.cli.output import UNUSABLE, AsJson, CommandError
from workers.cli.show_simulation import print_summary
from workers.cli.simulated import Refused, open_database, open_files
from workers.inputs.refusals import FieldError
from workers.inputs.values import Fields
from workers.simulation.files_world import Files
from workers.simulation.rulings import as_line
from workers.simulation.run import rulings, without_collector
from workers.simulation.summary import Summary, Tally


def _file(option: str, text: str) -> Any:
    return typer.Option(option, metavar="F", help=text, exists=True, dir_okay=False)


_File = Path | None


def simulate(
    campaign: Annotated[Path, typer.Argument(help="The campaign, TOML.")],
    recipients: Annotated[Path, typer.Argument(help="The recipients, CSV or NDJSON.")],
    *,
    at: Annotated[str, typer.Option("--at", metavar="TIME", help="ISO 8601 with an offset.")],
    consents: Annotated[_File, _file("--consents", "Consents: the files are all there is.")] = None,
    history: Annotated[_File, _file("--history", "What was sent before.")] = None,
    suppressions: Annotated[_File, _file("--suppressions", "Who has left.")] = None,
    senders: Annotated[_File, _file("--senders", "The senders.")] = None,
    templates: Annotated[_File, _file("--templates", "The templates.")] = None,
    preferences: Annotated[_File, _file("--preferences", "What people prefer.")] = None,
    overlay: Annotated[
        list[str] | None, typer.Option("--overlay", metavar="NAME", help="Switch it on besides.")
    ] = None,
    summary: Annotated[
        Path | None, typer.Option("--summary", metavar="F", help="Write the figures there as JSON.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide for every recipient what would happen at an instant, and send nothing.

    With --consents no service is used: the files are the whole world. Without it the database is
    asked, and not changed. With --json one line a recipient, in their order; else the figures.
    """
    others = {
        "history": history,
        "suppressions": suppressions,
        "senders": senders,
        "templates": templates,
        "preferences": preferences,
    }
    files = None if consents is None else Files(consents=consents, **others)
    if files is None:
        _refuse_files(others)
    figures = _decide(campaign, recipients, files, _instant(at), overlay or [], as_json=as_json)
    _write(summary, figures)
    if not as_json:
        print_summary(figures)
    if figures.recipients == 0:
        raise CommandError(f"{recipients}: no row could be used", exit_code=UNUSABLE)


def _decide(
    campaign: Path,
    recipients: Path,
    files: Files | None,
    at: datetime,
    overlays: list[str],
    *,
    as_json: bool,
) -> Summary:
    """Decide for everybody, and print each line where lines are wanted."""
    refused = Refused()
    opened = (
        open_database(campaign, at, overlays)
        if files is None
        else open_files(campaign, files, at, overlays, refused)
    )
    try:
        with without_collector(), opened as (world, numbers):
            tally = Tally(world, at=at)
            for ruling in rulings(world, recipients, at=at, numbers=numbers, refuse=refused.add):
                tally.add(ruling)
                if as_json:
                    sys.stdout.write(as_line(ruling) + "\n")
            return tally.summary(refused=refused.count(recipients))
    finally:
        sys.stdout.flush()
        refused.report()


def _instant(written: str) -> datetime:
    try:
        instant = Fields({"--at": written}).instant("--at")
    except FieldError as error:
        raise CommandError(str(error), exit_code=UNUSABLE) from None
    if instant is None:
        raise CommandError(
            "--at is empty; write it as 2026-11-27T09:00:00-03:00", exit_code=UNUSABLE
        )
    return instant


def _refuse_files(others: dict[str, Path | None]) -> None:
    """Beside the database a file would be another, smaller truth: nobody could tell which held."""
    for name, path in others.items():
        if path is not None:
            raise CommandError(
                f"--{name} is read only together with --consents; without it the database is the "
                f"world: load the file with recado {name} import, or leave it out",
                exit_code=UNUSABLE,
            )


def _write(path: Path | None, figures: Summary) -> None:
    if path is None:
        return
    text = json.dumps(figures.as_json(), ensure_ascii=False, indent=2)
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from None
