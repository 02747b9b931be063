"""`recado bench simulate`: how long a campaign to many takes on paper, from files alone."""

import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.world import BODIES, BUSINESS, DISCLOSURES, STARTS_AT, Person, consent_of, people

COUNTRY = "US"
"""Its messages pass every question: consent, text, sender, window, cap and quota."""

WRITTEN_TO = 0.3
"""Of the recipients, how many got a message before."""

DAYS = 20

CONSENT_COLUMNS = (
    "to",
    "business",
    "channel",
    "category",
    "topics",
    "granted_at",
    "method",
    "text",
    "ip",
    "signature",
    "confirmed_at",
    "source",
    "pre_ticked",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One simulation.

    Attributes:
        seconds: of the whole command, from its start to its end.
        cpu_seconds: of the one process.
        peak_bytes: its largest memory.
        outcomes: how many messages would be sent, deferred, blocked.
    """

    recipients: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    outcomes: dict[str, int]


def measure(recipients: int) -> Run:
    """Write the files of a campaign, and simulate it with a line for each recipient.

    Raises:
        RuntimeError: the command failed.
    """
    with tempfile.TemporaryDirectory(prefix="recado-bench-") as name:
        folder = Path(name)
        arguments = _write(folder, people(recipients, countries={COUNTRY: 1}))
        lines = folder / "lines.ndjson"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        with lines.open("w") as output:
            done = subprocess.run(  # noqa: S603 - our own command
                [sys.executable, "-m", "workers.cli.main", "simulate", *arguments, "--json"],
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                env=_environment(),
                cwd=folder,
                check=False,
            )
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise RuntimeError(f"recado simulate failed: {done.stderr}")
        with lines.open() as told:
            outcomes = Counter(json.loads(line)["outcome"] for line in told)
    return Run(
        recipients=outcomes.total(),
        seconds=seconds,
        cpu_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        peak_bytes=after.ru_maxrss * 1024,
        outcomes=dict(outcomes),
    )


def _environment() -> dict[str, str]:
    """Without settings of the machine, and with the code that is measured."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RECADO_")}
    return own | {"PYTHONPATH": str(Path(__file__).parent.parent)}


def _write(folder: Path, crowd: list[Person]) -> list[str]:
    generator = random.Random(7)
    (folder / "campaign.toml").write_text(_campaign())
    (folder / "senders.toml").write_text(_SENDER)
    _csv(folder / "recipients.csv", ("to", "name"), ([one.number, "Ana"] for one in crowd))
    _csv(folder / "consents.csv", CONSENT_COLUMNS, _consents(crowd, generator))
    written_to = (one for one in crowd if generator.random() < WRITTEN_TO)
    _csv(
        folder / "history.csv",
        ("to", "business", "category", "sent_at"),
        ([one.number, BUSINESS, "marketing", _ago(generator)] for one in written_to),
    )
    return [
        "campaign.toml",
        "recipients.csv",
        *("--at", STARTS_AT.isoformat()),
        *("--consents", "consents.csv"),
        *("--history", "history.csv"),
        *("--senders", "senders.toml"),
    ]


def _ago(generator: random.Random) -> str:
    return (STARTS_AT - timedelta(days=generator.randrange(1, 40))).isoformat()


def _consents(crowd: list[Person], generator: random.Random) -> Iterator[list[object]]:
    for one in crowd:
        record = consent_of(one, now=STARTS_AT, generator=generator)
        if record is None or record.granted_at is None or record.confirmed_at is None:
            continue
        topics = "*" if record.topics is None else ";".join(record.topics)
        yield [
            *(one.number, BUSINESS, "*", "marketing", topics, record.granted_at.isoformat()),
            *("web", record.text, record.ip, record.signature, record.confirmed_at.isoformat()),
            *(record.source, "false"),
        ]


def _csv(path: Path, columns: tuple[str, ...], rows: Iterator[list[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def _campaign() -> str:
    language, body = BODIES[COUNTRY]
    stated = "\n".join(f'{name} = "{text}"' for name, text in DISCLOSURES[COUNTRY].items())
    return _CAMPAIGN.format(
        business=BUSINESS,
        language=language,
        expires_at=(STARTS_AT + timedelta(days=DAYS)).isoformat(),
        body=body,
        stated=stated,
    )


_CAMPAIGN = """
[campaign]
id = "bench"
name = "Bench"
business = "{business}"
brand = "Bench"
category = "marketing"
channel = "sms"
language = "{language}"
topic = "offers"
expires_at = {expires_at}

[campaign.content]
body = "{body}"

[campaign.disclosures]
{stated}
"""

_SENDER = f"""
[[sender]]
id = "bench-us"
business = "{BUSINESS}"
country = "{COUNTRY}"
channel = "sms"
address = "+15550100001"
provider = "sandbox"
rate_per_second = 5
tier = "high"
state = "active"

[sender.registration]
kind = "10dlc"
status = "approved"
approved_at = 2026-01-01T00:00:00Z
tax_id = "12-3456789"
industry = "retail"
template = "offer"
"""
