"""A simulation from the first recipient to the last."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path

from pipeline.policy.numbers import NumberFacts
from workers.inputs.refusals import RefusedRow
from workers.simulation.addressees import Addressee, read_addressees
from workers.simulation.judge import Judge
from workers.simulation.rulings import Ruling
from workers.simulation.world import World

CHUNK = 1000
"""Recipients whose facts are read at once."""


def rulings(
    world: World,
    recipients: Path,
    *,
    at: datetime,
    numbers: Mapping[str, NumberFacts],
    refuse: Callable[[RefusedRow], None],
) -> Iterator[Ruling]:
    """The decision about each recipient of a file, in its order.

    Args:
        numbers: those that were read before.
        refuse: told of every row that cannot be read; it has no ruling.

    Raises:
        InputFileError: the file or its header cannot be used.
    """
    judge = Judge(world, at=at)
    variables = frozenset(world.campaign.variables)
    rows = _good(read_addressees(recipients, variables=variables, numbers=numbers), refuse)
    while chunk := list(islice(rows, CHUNK)):
        yield from judge.judge(chunk)


def _good(
    rows: Iterable[Addressee | RefusedRow], refuse: Callable[[RefusedRow], None]
) -> Iterator[Addressee]:
    for row in rows:
        if isinstance(row, RefusedRow):
            refuse(row)
        else:
            yield row


@contextmanager
def without_collector() -> Iterator[None]:
    """Leave the garbage collector off.

    It would look through a hundred thousand consents again and again, and find nothing.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
