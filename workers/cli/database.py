"""``recado db``: the schema."""

import typer

from pipeline.store.schema import upgrade as upgrade_schema
from workers.cli.output import AsJson, print_json
from workers.runtime import open_runtime

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _db() -> None:
    """The database's schema."""


@app.command()
def upgrade(*, as_json: AsJson = False) -> None:
    """Bring the schema up to date. Running it again, or twice at once, does no harm."""
    runtime = open_runtime("recado-db")
    try:
        before, after = upgrade_schema(runtime.engine)
    finally:
        runtime.close()
    if as_json:
        print_json({"before": before, "after": after})
    elif before == after:
        print(f"The schema is up to date ({after}).")
    else:
        print(f"The schema is now {after} (was {before or 'empty'}).")
