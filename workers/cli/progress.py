"""Progress on stderr, for work that takes longer than a moment."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

AFTER_SECONDS = 2.0
"""Work that is done sooner shows no progress."""


@contextmanager
def late_progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show progress on a terminal once the work has taken a moment.

    Args:
        total: how much there is to do; None: unknown.

    Yields:
        What to call with the amount done so far.
    """
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    began = time.monotonic()
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    task = progress.add_task(what, total=total)
    started = False

    def advance(done: int) -> None:
        nonlocal started
        progress.update(task, completed=done)
        if not started and time.monotonic() - began > AFTER_SECONDS:
            progress.start()
            started = True

    try:
        yield advance
    finally:
        if started:
            progress.stop()
