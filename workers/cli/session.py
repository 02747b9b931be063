"""What a command works with: the runtime, over a schema that is up to date."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any

import typer

from pipeline.store import schema
from workers.cli.errors import CommandError
from workers.runtime import Runtime, open_runtime

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@contextmanager
def session(application: str = "recado-cli") -> Iterator[Runtime]:
    """The means of this command, closed at its end.

    The embedded servers' schema is brought up to date; that of others is only checked, because
    whoever runs them decides when it changes.

    Raises:
        CommandError: the schema is not up to date.
    """
    runtime = open_runtime(application)
    try:
        if runtime.servers.embedded is not None:
            schema.upgrade(runtime.engine)
        else:
            _check_schema(runtime)
        yield runtime
    finally:
        runtime.close()


def _check_schema(runtime: Runtime) -> None:
    with runtime.transaction() as connection:
        found = schema.current_revision(connection)
    needed = schema.newest_revision()
    if found != needed:
        state = "has no schema yet" if found is None else f"has schema {found}"
        raise CommandError(
            f"the database {state}, and this version needs {needed}; run: recado db upgrade"
        )


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
