"""What a command works with: the runtime, over a schema that is up to date."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.store import schema
from workers.cli.output import CommandError
from workers.runtime import Runtime, open_runtime


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
