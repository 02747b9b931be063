"""What a command prints, and how it ends."""

import json
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any

import typer

FAILED = 1
"""The work itself failed."""

UNUSABLE = 2
"""Bad usage, or a file or a setting that cannot be used."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


class CommandError(Exception):
    """A command ends with this line and exit code."""

    def __init__(self, text: str, *, exit_code: int = FAILED) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def print_json(value: Any) -> None:
    """Print one JSON document on one line; instants as ISO 8601, enums by their public names."""
    print(json.dumps(value, default=_plain, ensure_ascii=False), flush=True)


def _plain(value: object) -> object:
    match value:
        case datetime() | date():
            return value.isoformat()
        case Enum():
            return value.value
        case _:
            return str(value)
