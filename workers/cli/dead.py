"""``recado dead``: stream entries that could not be used, messages that ended their workers."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from pipeline.store import set_aside
from pipeline.store.set_aside import AsideMessage
from workers.cli.actor import By, actor_of
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.cli.session import session
from workers.clock import machine_now
from workers.reports import dead_letters
from workers.reports.dead_letters import DeadLetter
from workers.runtime import Runtime

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="What could not be worked on: stream entries, and messages that were set aside.",
)

BATCH = 1000
"""Messages in one transaction."""

LARGEST_ID = 2**63 - 1

DeadId = Annotated[str | None, typer.Argument(metavar="[ID]", help="As dead list shows it.")]
All = Annotated[bool, typer.Option("--all", help="Every one that is there now.")]


@app.command("list")
def list_letters(*, as_json: AsJson = False) -> None:
    """What could not be used, and why."""
    with session("recado-dead") as runtime:
        entries = list(dead_letters.dead_letters(runtime.redis))
        messages = _messages(runtime)
    if as_json:
        print_json([*map(_entry_as_json, entries), *map(_message_as_json, messages)])
        return
    for letter in entries:
        print(
            f"{letter.id:<20} {letter.reason:<18} campaign {letter.campaign or '?'}, "
            f"{letter.size:,} bytes: {letter.detail}"
        )
    for message in messages:
        print(
            f"{message.id:<20} {'set_aside':<18} campaign {message.campaign}, a message that was "
            f"{message.before or '?'}: taken up {message.tries} times, and never finished"
        )
    print(f"{len(entries) + len(messages)} in all")


@app.command()
def retry(
    dead_id: DeadId = None, *, every: All = False, by: By = None, as_json: AsJson = False
) -> None:
    """Try again, once what was wrong has been mended.

    Entries go back into the stream; messages are decided anew.
    """
    _each(dead_id, "retried", every=every, actor=actor_of(by), as_json=as_json)


@app.command()
def drop(
    dead_id: DeadId = None, *, every: All = False, by: By = None, as_json: AsJson = False
) -> None:
    """Give up for good: entries are deleted; messages stay failed, and are listed no more."""
    _each(dead_id, "dropped", every=every, actor=actor_of(by), as_json=as_json)


def _each(dead_id: str | None, done: str, *, every: bool, actor: str, as_json: bool) -> None:
    if (dead_id is None) is not every:
        raise CommandError("give one id, or --all", exit_code=UNUSABLE)
    if dead_id is not None and not _is_id(dead_id):
        raise CommandError(
            f"{dead_id!r} is no id; an entry's looks like 1764000000000-0, a message's is a number",
            exit_code=UNUSABLE,
        )
    with session("recado-dead") as runtime:
        if dead_id is None:
            entries = [letter.id for letter in dead_letters.dead_letters(runtime.redis)]
            messages = [message.id for message in _messages(runtime)]
        else:
            entries = [dead_id] if "-" in dead_id else []
            messages = [] if entries else [int(dead_id)]
        act = dead_letters.retry if done == "retried" else dead_letters.drop
        count = sum(act(runtime.redis, each) for each in entries)
        count += _act_on(runtime, messages, done, actor)
    if not every and count == 0:
        raise CommandError(f"no dead letter has the id {dead_id}; see: recado dead list")
    if as_json:
        print_json({done: count})
    else:
        print(f"{count} {done}")


def _is_id(value: str) -> bool:
    if re.fullmatch(r"\d{1,20}-\d{1,20}", value, re.ASCII):
        return True
    return re.fullmatch(r"\d{1,19}", value, re.ASCII) is not None and int(value) <= LARGEST_ID


def _messages(runtime: Runtime) -> list[AsideMessage]:
    found: list[AsideMessage] = []
    while True:
        with runtime.transaction() as connection:
            after = found[-1].id if found else 0
            page = set_aside.listed(connection, after=after, most=BATCH)
        found += page
        if len(page) < BATCH:
            return found


def _act_on(runtime: Runtime, ids: Sequence[int], done: str, actor: str) -> int:
    count, now = 0, runtime.clock.now()
    for start in range(0, len(ids), BATCH):
        chunk = ids[start : start + BATCH]
        with runtime.transaction() as connection:
            if done == "retried":
                lease = machine_now()  # the dispatcher takes them up in its next round
                moved = set_aside.retry(connection, chunk, actor=actor, now=now, lease=lease)
            else:
                moved = set_aside.drop(connection, chunk, actor=actor, now=now)
        count += len(moved)
    return count


def _entry_as_json(letter: DeadLetter) -> dict[str, Any]:
    return {
        "kind": "entry",
        "id": letter.id,
        "entry": letter.entry,
        "campaign": letter.campaign,
        "reason": letter.reason,
        "detail": letter.detail,
        "size": letter.size,
    }


def _message_as_json(message: AsideMessage) -> dict[str, Any]:
    return {
        "kind": "message",
        "id": message.id,
        "campaign": message.campaign,
        "reason": "set_aside",
        "before": message.before,
        "tries": message.tries,
        "since": message.since,
    }
