"""``recado consents|senders|templates|suppressions import FILE``."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from workers.cli.import_report import ImportReport, show_report
from workers.cli.output import AsJson
from workers.cli.session import session
from workers.inputs.consents_file import read_consents
from workers.inputs.load import (
    BATCH,
    consent_hash_key,
    load_consents,
    load_senders,
    load_suppressions,
    load_templates,
)
from workers.inputs.refusals import RefusedRow
from workers.inputs.senders_file import read_senders
from workers.inputs.suppressions_file import read_suppressions
from workers.inputs.templates_file import read_templates
from workers.runtime import Runtime

File = Annotated[Path, typer.Argument(help="The file to load.", exists=True, dir_okay=False)]


def _group(text: str) -> typer.Typer:
    group = typer.Typer(
        add_completion=False, rich_markup_mode=None, no_args_is_help=True, help=text
    )
    # A callback keeps `import` a command of its own, though it is the only one.
    group.callback()(lambda: None)
    return group


consents = _group("Load consents.")
senders = _group("Load senders.")
templates = _group("Load templates.")
suppressions = _group("Load suppressions.")


@consents.command("import")
def import_consents(file: File, *, as_json: AsJson = False) -> None:
    """Load consents (CSV or NDJSON). A consent newer than an opt-out lifts it."""
    with session("recado-import") as runtime:
        rows = read_consents(file, hash_key=consent_hash_key(runtime))
        _load(runtime, file, rows, load_consents, as_json=as_json)


@senders.command("import")
def import_senders(file: File, *, as_json: AsJson = False) -> None:
    """Load senders (TOML, repeated [[sender]])."""
    with session("recado-import") as runtime:
        _load(runtime, file, read_senders(file), load_senders, as_json=as_json)


@templates.command("import")
def import_templates(file: File, *, as_json: AsJson = False) -> None:
    """Load templates (TOML, repeated [[template]])."""
    with session("recado-import") as runtime:
        _load(runtime, file, read_templates(file), load_templates, as_json=as_json)


@suppressions.command("import")
def import_suppressions(file: File, *, as_json: AsJson = False) -> None:
    """Load suppressions (CSV or NDJSON). What is on the list already stays as it is."""
    with session("recado-import") as runtime:
        _load(runtime, file, read_suppressions(file), load_suppressions, as_json=as_json)


def _load(
    runtime: Runtime,
    file: Path,
    rows: Iterable[Any],
    load: Callable[[Runtime, list[Any]], int],
    *,
    as_json: bool,
) -> None:
    """Store the good rows of a file, a batch a transaction, and report."""
    report = ImportReport(file, keep_all=as_json)
    batch: list[Any] = []
    with report.progress():
        for row in rows:
            if isinstance(row, RefusedRow):
                report.refuse(row)
                continue
            batch.append(row)
            if len(batch) == BATCH:
                report.take(len(batch), load(runtime, batch))
                batch = []
        if batch:
            report.take(len(batch), load(runtime, batch))
    show_report(report, as_json=as_json)
