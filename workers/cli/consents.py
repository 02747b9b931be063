"""``recado consents``: load consents, prove their ledger, list those that are due."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import typer

from workers.cli.imports import consents as app
from workers.cli.output import UNUSABLE, AsJson, CommandError, print_json
from workers.cli.session import session
from workers.reports.consents import DueConsent, LedgerReport, read_due, read_ledger
from workers.reports.masks import mask_number

__all__ = ["app"]

SHOWN = 50
"""Breaks and consents that are listed; the others are counted."""

_HASH = re.compile(r"[0-9a-f]{64}")
DEFAULT_DAYS = 30
MOST_DAYS = 3650


@app.command()
def verify(
    *,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="HASH", help="A hash written down earlier, to be found."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the whole ledger, and prove that nothing was changed, removed, inserted or reordered.

    Exits with 1 when something does not fit.
    """
    expected = _read_hash(expect)
    with session("recado-consents") as runtime:
        found = read_ledger(runtime, expected=expected)
    if as_json:
        print_json(found.as_json())
    else:
        print_ledger(found)
    if not found.sound:
        raise CommandError(
            f"the ledger of consents is not sound; what does not fit: {len(found.breaks)}"
        )


def _read_hash(written: str | None) -> bytes | None:
    if written is None:
        return None
    plain = written.strip().lower()
    if not _HASH.fullmatch(plain):
        problem = "--expect is no hash; give the 64 hexadecimal digits that verify has printed"
        raise CommandError(problem, exit_code=UNUSABLE)
    return bytes.fromhex(plain)


def print_ledger(found: LedgerReport) -> None:
    """The report for people; of what does not fit, the first fifty."""
    links, states = found.links, found.states
    print(f"{links.events:,} events about {states.contacts:,} people")
    if links.first_at is not None and links.last_at is not None:
        print(f"recorded from {links.first_at.isoformat()} to {links.last_at.isoformat()}")
    if states.uncompared:
        print(f"{states.uncompared:,} states not compared: their events are of an older version")
    for one in found.breaks[:SHOWN]:
        place = "ledger" if one.event_id is None else f"event {one.event_id}"
        print(f"  {place} [{one.kind.value}]: {one.problem}")
    if len(found.breaks) > SHOWN:
        print(f"  … and {len(found.breaks) - SHOWN:,} more; --json lists all")
    if links.expected_at is not None:
        print(f"the hash that was given is that of event {links.expected_at}")
    if found.sound:
        print("The ledger is sound. The hash of its last event, to be written down:")
        print(f"  {links.head.hex()}")


@app.command()
def due(
    *,
    within: Annotated[
        int, typer.Option("--within", metavar="DAYS", min=1, max=MOST_DAYS, help="Else 30.")
    ] = DEFAULT_DAYS,
    as_json: AsJson = False,
) -> None:
    """The consents that grow too old for their country's rules within so many days.

    Those of people who have left are not among them: nobody asks them again.
    """
    with session("recado-consents") as runtime:
        found = read_due(runtime, within=timedelta(days=within), now=runtime.clock.now())
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    print_due(found, within)


def print_due(found: Sequence[DueConsent], days: int) -> None:
    """The consents that are due, a line each; numbers are masked."""
    for one in found[:SHOWN]:
        print(_line(one))
    if len(found) > SHOWN:
        print(f"… and {len(found) - SHOWN:,} more; --json lists all, with their numbers")
    print(f"consents that expire within {days} days: {len(found):,}")


def _line(one: DueConsent) -> str:
    given = one.given
    scope = f"{given.category}, channel {given.channel}, topic {given.topic or 'none'}"
    return (
        f"{one.expires_at.isoformat()}  {mask_number(given.phone)}  {given.business}  {scope}  "
        f"{one.rule}"
    )


def _as_json(one: DueConsent) -> dict[str, object]:
    given = one.given
    return {
        "to": given.phone,
        "country": one.country,
        "business": given.business,
        "category": given.category,
        "channel": given.channel,
        "topic": given.topic,
        "granted_at": given.granted_at,
        "renewed_at": given.renewed_at,
        "expires_at": one.expires_at,
        "rule": one.rule,
    }
