"""Recipients as intake would take them: whose number it is, and whether they were named before."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.policy.decision import Block
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.recipients import BadRow
from pipeline.policy.vocabulary import Reason
from pipeline.policy.zones import check_zone
from workers.inputs.recipients_file import CheckedRow, read_checked
from workers.inputs.refusals import RefusedRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressee:
    """One recipient.

    Attributes:
        id: the producer's own, else the number as the pipeline keys it.
        to: E.164, or as it is written where it is no number.
        number: None: it is no valid number.
        zones: where the person may be; the row's own zone where it names one.
        refused: why intake would not take the row; None: it would.
        bad_zone: whether the row's own zone is none.
    """

    id: str
    to: str
    number: NumberFacts | None
    zones: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    refused: Reason | None = None
    bad_zone: bool = False


def read_addressees(
    path: Path, *, variables: Collection[str], numbers: Mapping[str, NumberFacts]
) -> Iterator[Addressee | RefusedRow]:
    """The recipients of a file in their order, and the rows that cannot be read.

    Args:
        variables: the names that the body needs.
        numbers: numbers that were read before, by how they are written; they cost nothing.

    Raises:
        InputFileError: the file or its header cannot be used.
    """
    keys: set[str] = set()
    for row in read_checked(path, variables=variables):
        yield row if isinstance(row, RefusedRow) else _addressee(row, numbers, keys)


def _addressee(row: CheckedRow, numbers: Mapping[str, NumberFacts], keys: set[str]) -> Addressee:
    recipient = row.recipient
    if isinstance(recipient, BadRow):  # its number cannot even be looked at
        to = str(row.row.get("to", ""))
        own = str(row.row.get("id", f"?{to}"))
        return Addressee(id=own, to=to, number=None, refused=Reason.INVALID_NUMBER)
    found = numbers.get(recipient.to) or read_number(recipient.to, recipient.country)
    number = None if isinstance(found, Block) else found
    to = recipient.to if number is None else number.e164
    key = recipient.id or (f"?{to}" if number is None else to)
    refused = Reason.INVALID_NUMBER if number is None else None
    if key in keys:
        refused = Reason.DUPLICATE
    keys.add(key)
    zone = recipient.timezone
    return Addressee(
        id=key,
        to=to,
        number=number,
        zones=(zone,) if zone else () if number is None else number.zones,
        values=recipient.variables or {},
        refused=refused,
        bad_zone=zone is not None and not check_zone(zone),
    )
