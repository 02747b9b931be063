"""``recado dead``: stream entries that could not be used."""

import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer
from redis import Redis

from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.reports.dead_letters import dead_letters
from workers.reports.dead_letters import drop as drop_letter
from workers.reports.dead_letters import retry as retry_letter
from workers.runtime import open_runtime

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Stream entries that could not be used.",
)

EntryId = Annotated[str | None, typer.Argument(metavar="[ENTRY_ID]", help="As dead list shows it.")]
All = Annotated[bool, typer.Option("--all", help="Every one that is there now.")]


@app.command("list")
def list_letters(*, as_json: AsJson = False) -> None:
    """What could not be used, and why."""
    runtime = open_runtime("recado-dead")
    try:
        found = list(dead_letters(runtime.redis))
    finally:
        runtime.close()
    if as_json:
        print_json([asdict(letter) for letter in found])
        return
    for letter in found:
        print(
            f"{letter.id:<20} {letter.reason:<18} campaign {letter.campaign or '?'}, "
            f"{letter.size:,} bytes: {letter.detail}"
        )
    print(f"{len(found)} in all")


@app.command()
def retry(entry_id: EntryId = None, *, every: All = False, as_json: AsJson = False) -> None:
    """Put entries back into the stream, once what was wrong has been mended."""
    _each(entry_id, retry_letter, "retried", every=every, as_json=as_json)


@app.command()
def drop(entry_id: EntryId = None, *, every: All = False, as_json: AsJson = False) -> None:
    """Delete entries for good."""
    _each(entry_id, drop_letter, "dropped", every=every, as_json=as_json)


def _each(
    entry_id: str | None,
    act: Callable[["Redis", str], bool],
    done: str,
    *,
    every: bool,
    as_json: bool,
) -> None:
    if (entry_id is None) is not every:
        raise CommandError("give one entry's id, or --all", exit_code=UNUSABLE)
    if entry_id is not None and not re.fullmatch(r"\d+-\d+", entry_id):
        raise CommandError(
            f"{entry_id!r} is no entry's id; it looks like 1764000000000-0", exit_code=UNUSABLE
        )
    runtime = open_runtime("recado-dead")
    try:
        ids = [letter.id for letter in dead_letters(runtime.redis)] if every else [str(entry_id)]
        count = sum(act(runtime.redis, each) for each in ids)
    finally:
        runtime.close()
    if not every and count == 0:
        raise CommandError(f"no dead letter has the id {entry_id}; see: recado dead list")
    if as_json:
        print_json({done: count})
    else:
        print(f"{count} {done}")
