"""Who does something, and why, as it is kept in the records."""

import getpass
import os
from typing import Annotated

import typer

from workers.cli.output import UNUSABLE, CommandError
from workers.reports.strangers import harmless

LONGEST_NAME = 100
LONGEST_REASON = 500

By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who does it; else who is logged in.")
]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept.")]


def actor_of(by: str | None) -> str:
    """The name that is kept: the one given, else of whoever is logged in.

    Raises:
        CommandError: it is empty or too long.
    """
    return checked_text("--by", _user() if by is None else by, LONGEST_NAME)


def checked_text(option: str, text: str, most: int) -> str:
    """A text that the database can hold and a terminal can show.

    Raises:
        CommandError: it is empty, or longer than `most` characters.
    """
    cleaned = harmless(text).strip()
    if not cleaned:
        raise CommandError(f"{option} is empty; write a text", exit_code=UNUSABLE)
    if len(cleaned) > most:
        raise CommandError(f"{option} is longer than {most} characters", exit_code=UNUSABLE)
    return cleaned


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid {os.getuid()}"
