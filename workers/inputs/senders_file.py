"""Senders: TOML, repeated ``[[sender]]`` with ``[sender.registration]``."""

import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.policy.numbers import COUNTRY_OF_REGION
from pipeline.policy.sender import SenderState
from pipeline.policy.vocabulary import Channel, RegistrationStatus, Tier
from pipeline.store.senders import Sender
from workers.inputs.refusals import FieldError, RefusedRow
from workers.inputs.toml_file import TomlFile, entries_of
from workers.inputs.values import Fields

FIELDS = (
    "id",
    "business",
    "country",
    "channel",
    "address",
    "provider",
    "rate_per_second",
    "tier",
    "state",
    "official",
    "region",
    "transfer_safeguard",
    "registration",
)
REGISTRATION_KINDS = {
    "10dlc": ("tax_id", "industry", "template"),
    "operator": ("cnpj", "template"),
    "dlt": ("pan", "address_proof", "director_id", "header", "number_bound"),
}
"""Kind of registration → the fields that its country asks for."""

_DATES = ("submitted_at", "approved_at", "expires_at")
_MOST_RATE = 10_000.0


def read_senders(path: Path) -> Iterator[Sender | RefusedRow]:
    """The senders of a file, and those that cannot be used.

    Raises:
        InputFileError: the file cannot be used at all.
    """
    file = TomlFile(path)
    seen: set[str] = set()
    for place, entry in enumerate(entries_of(file, "sender")):
        try:
            sender = parse_sender(entry)
        except FieldError as error:
            line = file.line_of("sender", error.field, entry=place)
            yield RefusedRow(file=path, line=line, field=error.field, problem=error.problem)
            continue
        if sender.code in seen:
            line = file.line_of("sender", "id", entry=place)
            problem = f"{sender.code!r} stands twice in the file; the first one is taken"
            yield RefusedRow(file=path, line=line, field="id", problem=problem)
            continue
        seen.add(sender.code)
        yield sender


def parse_sender(entry: dict[str, Any]) -> Sender:
    """A sender from the fields of one table.

    Raises:
        FieldError: a field cannot be used.
    """
    fields = Fields(entry)
    fields.refuse_others(FIELDS)
    country = fields.country("country")
    return Sender(
        code=fields.required_text("id", '"loja-azul-br"', most=64),
        business=fields.required_text("business", '"loja-azul"', most=64),
        country=COUNTRY_OF_REGION.get(country, country),
        channel=fields.required_word("channel", Channel),
        address=fields.required_text("address", '"+15550100001"', most=64),
        provider=fields.required_text("provider", '"sandbox"', most=64).lower(),
        rate_per_second=_rate(fields, entry),
        tier=fields.required_word("tier", Tier),
        state=fields.required_word("state", SenderState),
        registration=_registration(fields, entry),
        official=fields.flag("official") is not False,
        region=fields.country("region") if "region" in entry else None,
        safeguard=fields.text("transfer_safeguard", most=64),
    )


def _rate(fields: Fields, entry: dict[str, Any]) -> float:
    value = entry.get("rate_per_second")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fields.error("rate_per_second", "is missing or no number; write e.g. 80")
    if not (math.isfinite(value) and 0 < value <= _MOST_RATE):
        raise fields.error("rate_per_second", f"is not between 0 and {_MOST_RATE:g}")
    return float(value)


def _registration(fields: Fields, entry: dict[str, Any]) -> dict[str, Any] | None:
    table = entry.get("registration")
    if table is None:
        return None
    if not isinstance(table, dict):
        raise fields.error("registration", "is not a table; write [sender.registration]")
    own = Fields(table, "registration.")
    kind = own.required_text("kind", " or ".join(f'"{name}"' for name in REGISTRATION_KINDS))
    if kind not in REGISTRATION_KINDS:
        raise own.error("kind", f"is {kind[:40]!r}; one of: {', '.join(REGISTRATION_KINDS)}")
    asked = REGISTRATION_KINDS[kind]
    own.refuse_others(("kind", "status", *_DATES, *asked))
    status = own.required_word("status", RegistrationStatus)
    stored: dict[str, Any] = {"kind": kind, "status": status.value}
    dates: dict[str, datetime | None] = {name: own.instant(name) for name in _DATES}
    stored |= {name: moment.isoformat() for name, moment in dates.items() if moment is not None}
    for name in asked:
        if isinstance(table.get(name), bool):
            stored[name] = table[name]
        elif (text := own.text(name)) is not None:
            stored[name] = text
    return stored
