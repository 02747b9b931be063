"""The worlds in which ``recado simulate`` decides, and the rows that they cannot use."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline.policy.numbers import NumberFacts
from pipeline.store import senders
from pipeline.store.senders import Template
from workers.cli.import_report import SHOWN
from workers.cli.session import session
from workers.inputs.campaign_file import read_campaign, with_template_body
from workers.inputs.refusals import RefusedRow
from workers.inputs.templates_file import read_templates
from workers.simulation.database_world import DatabaseWorld
from workers.simulation.files_world import Files, FilesWorld
from workers.simulation.rules import read_rules
from workers.simulation.world import World

Opened = tuple[World, Mapping[str, NumberFacts]]
"""A world, and the numbers that were read already."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
"""A campaign that is over at the simulated instant is no mistake: its messages have expired."""


class Refused:
    """Rows that cannot be used, of all files."""

    def __init__(self) -> None:
        self._rows: dict[Path, list[RefusedRow]] = {}
        self._counts: Counter[Path] = Counter()

    def add(self, row: RefusedRow) -> None:
        """One more."""
        self._counts[row.file] += 1
        rows = self._rows.setdefault(row.file, [])
        if len(rows) < SHOWN:
            rows.append(row)

    def count(self, file: Path) -> int:
        """How many of a file's rows cannot be used."""
        return self._counts[file]

    def report(self) -> None:
        """Name the first of each file on stderr, and how many more there are."""
        for file, rows in self._rows.items():
            for row in rows:
                print(row, file=sys.stderr)
            if self._counts[file] > len(rows):
                print(f"{file}: … and {self._counts[file] - len(rows)} more", file=sys.stderr)


@contextmanager
def open_files(
    campaign: Path, files: Files, at: datetime, overlays: Sequence[str], refused: Refused
) -> Iterator[Opened]:
    """The files' world; no service is used.

    Raises:
        InputFileError: a file cannot be used at all.
        PolicyError: there is no overlay of such a name.
    """
    policies, books = read_rules(overlays)
    templates = None if files.templates is None else _templates(files.templates, refused)
    read = read_campaign(campaign, now=_LONG_AGO)
    world = FilesWorld(
        with_template_body(campaign, read, templates or ()),
        files,
        templates=templates,
        block_lists=policies.block_lists,
        books=books,
        at=at,
        refuse=refused.add,
    )
    yield world, world.people.numbers


@contextmanager
def open_database(campaign: Path, at: datetime, overlays: Sequence[str]) -> Iterator[Opened]:
    """The database's world, in one transaction that cannot write.

    Raises:
        InputFileError: the campaign's file cannot be used.
        PolicyError: there is no overlay of such a name.
    """
    _, books = read_rules(overlays)
    read = read_campaign(campaign, now=_LONG_AGO)
    with session("recado-simulate") as runtime, runtime.engine.connect() as opened:
        connection = opened.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with connection.begin():
            known = senders.select_templates(connection, [read.business])
            whole = with_template_body(campaign, read, known)
            yield DatabaseWorld(connection, whole, books=books, at=at), {}


def _templates(path: Path, refused: Refused) -> list[Template]:
    found = []
    for row in read_templates(path):
        if isinstance(row, RefusedRow):
            refused.add(row)
        else:
            found.append(row)
    return found
