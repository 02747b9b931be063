"""``recado consents|preferences|senders|templates|suppressions import FILE``."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from workers.cli.actor import actor_of
from workers.cli.import_report import ImportReport, show_report
from workers.cli.output import AsJson
from workers.cli.session import session
from workers.inputs.consents_file import read_consents
from workers.inputs.load import (
    BATCH,
    SenderLoader,
    consent_hash_key,
    load_consents,
    load_preferences,
    load_suppressions,
    load_templates,
)
from workers.inputs.preferences_file import read_preferences
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


consents = _group("Load consents, prove their ledger, list those that are due.")
preferences = _group("Load what people prefer.")
senders = _group("Load, list, suspend and lift senders.")
templates = _group("Load templates.")
suppressions = _group("Load suppressions.")


@consents.command("import")
def import_consents(file: File, *, as_json: AsJson = False) -> None:
    """Load consents (CSV or NDJSON). A consent newer than an opt-out lifts it."""
    with session("recado-import") as runtime:
        rows = read_consents(file, hash_key=consent_hash_key(runtime))
        _load(runtime, file, rows, load_consents, as_json=as_json)


@preferences.command("import")
def import_preferences(file: File, *, as_json: AsJson = False) -> None:
    """Load preferences (CSV or NDJSON). A row without any wish takes back the person's last."""
    with session("recado-import") as runtime:
        _load(runtime, file, read_preferences(file), load_preferences, as_json=as_json)


@senders.command("import")
def import_senders(file: File, *, as_json: AsJson = False) -> None:
    """Load senders (TOML, repeated [[sender]]). A suspended sender stays so until it is lifted."""
    loader = SenderLoader(by=actor_of(None), remarks=[])
    with session("recado-import") as runtime:
        rows = read_senders(file)
        _load(runtime, file, rows, loader.load, remarks=loader.remarks, as_json=as_json)


@templates.command("import")
def import_templates(file: File, *, as_json: AsJson = False) -> None:
    """Load templates (TOML, repeated [[template]])."""
    with session("recado-import") as runtime:
        _load(runtime, file, read_templates(file), load_templates, as_json=as_json)


@suppressions.command("import")
def import_suppressions(file: File, *, as_json: AsJson = False) -> None:
    """Load suppressions (CSV or NDJSON). What is on the list already stays as it is.

    A row whose reason is the name of a public block list, e.g. procon-sp, is an entry of that list.
    """
    with session("recado-import") as runtime:
        rows = read_suppressions(file, runtime.policies.block_lists)
        _load(runtime, file, rows, load_suppressions, as_json=as_json)


def _load(
    runtime: Runtime,
    file: Path,
    rows: Iterable[Any],
    load: Callable[[Runtime, list[Any]], int],
    *,
    remarks: Sequence[str] = (),
    as_json: bool,
) -> None:
    """Store the good rows of a file, a batch a transaction, and report."""
    report = ImportReport(file, keep_all=as_json, remarks=remarks)
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
