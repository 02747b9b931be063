"""A world on paper: the files that `recado simulate` reads, and what it says of them.

Each country begins with a message that every rule allows; a test changes one thing.
"""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from workers.cli.main import app
from workers.inputs import consents_file

Table = dict[str, Any]
Change = Callable[["Paper"], None]

NOON = {
    "US": datetime(2026, 11, 18, 17, tzinfo=UTC),
    "BR": datetime(2026, 11, 18, 15, tzinfo=UTC),
    "IN": datetime(2026, 11, 18, 6, 30, tzinfo=UTC),
    "PE": datetime(2026, 11, 18, 17, tzinfo=UTC),
    "ES": datetime(2026, 11, 18, 11, tzinfo=UTC),
}
"""Noon of a Wednesday, no holiday: New York, São Paulo, India, Lima, Madrid."""

NUMBERS = {
    "US": "+12125550123",
    "BR": "+5511987654321",
    "IN": "+919812345678",
    "PE": "+51912345678",
    "ES": "+34612345678",
}
BUSINESS = "casa-azul"
BODIES = {
    "US": "Promotional message from Casa Azul: 15% off all shoes until Nov 30, {name}. "
    "Reply STOP to leave. Help: help@casaazul.example",
    "BR": "Casa Azul: 15% de desconto em toda a loja até 30/11, {name}. "
    "Responda SAIR para cancelar.",
    "IN": "CASAZL: Casa Azul gives you 15% off all shoes until 30 Nov, {name}. "
    "Reply STOP to unsubscribe.",
    "PE": "Casa Azul: 15% de descuento en toda la tienda hasta el 30/11, {name}. "
    "Responda BAJA para no recibir más.",
    "ES": "Casa Azul: 15% de descuento en toda la tienda hasta el 30/11, {name}. "
    "Responda BAJA para no recibir más.",
}
DISCLOSURES = {
    "US": {
        "identification": "Promotional message",
        "offer_terms": "15% off all shoes",
        "offer_expiry": "until Nov 30",
        "opt_out": "Reply STOP to leave",
        "support": "help@casaazul.example",
    },
    "BR": {"opt_out": "Responda SAIR para cancelar"},
    "IN": {"opt_out": "Reply STOP to unsubscribe"},
    "PE": {"opt_out": "Responda BAJA para no recibir más"},
    "ES": {"opt_out": "Responda BAJA para no recibir más"},
}
LANGUAGES = {"US": "en-US", "BR": "pt-BR", "IN": "en-IN", "PE": "es-PE", "ES": "es-ES"}
REGISTRATIONS: Mapping[str, Table] = {
    "US": {
        "kind": "10dlc",
        "tax_id": "12-3456789",
        "industry": "retail",
        "template": "Casa Azul offers",
    },
    "BR": {"kind": "operator", "cnpj": "11.222.333/0001-81", "template": "Ofertas"},
    "IN": {
        "kind": "dlt",
        "pan": "AAACC1234F",
        "address_proof": "lease-77",
        "director_id": "passport",
        "header": "CASAZL",
        "number_bound": True,
    },
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the simulation says of one recipient."""

    told: Table

    @property
    def verdict(self) -> tuple[str, str | None, str | None]:
        """(outcome, reason, rule)."""
        return self.told["outcome"], self.told["reason"], self.told["rule"]

    @property
    def not_before(self) -> datetime | None:
        """The first instant at which every rule allows it."""
        written = self.told["not_before"]
        return None if written is None else datetime.fromisoformat(written)

    def outcomes(self, rule: str) -> set[str]:
        """How the checks of a rule ended."""
        return {check["outcome"] for check in self.told["checks"] if check["rule"] == rule}


@dataclass(slots=True)
class Paper:
    """Everything that the files say; changed freely, then written and simulated."""

    country: str
    at: datetime
    campaign: Table
    recipients: list[Table]
    consents: list[Table]
    senders: list[Table] | None
    templates: list[Table] | None
    history: list[Table] = field(default_factory=list)
    suppressions: list[Table] = field(default_factory=list)
    preferences: list[Table] = field(default_factory=list)
    overlays: list[str] = field(default_factory=list)

    @property
    def sender(self) -> Table:
        """The one sender."""
        assert self.senders
        return self.senders[0]

    @property
    def consent(self) -> Table:
        """The one consent."""
        return self.consents[0]

    @property
    def template(self) -> Table:
        """The first template."""
        assert self.templates
        return self.templates[0]

    def say(self, body: str) -> None:
        """Have the campaign say something else, in its template too where it has one."""
        self.campaign["content"]["body"] = body
        for template in self.templates or []:
            if template["id"] == self.campaign["content"].get("template"):
                template["body"] = body

    def sent(self, *ago: timedelta) -> None:
        """Have messages of the campaign's category gone to the recipient before."""
        self.history += [
            {
                "to": self.recipients[0]["to"],
                "business": BUSINESS,
                "category": self.campaign["category"],
                "sent_at": (self.at - each).isoformat(),
            }
            for each in ago
        ]

    def transactional(self, body: str, category: str = "transactional") -> None:
        """Turn the campaign into another sort, without consents or disclosures."""
        self.campaign["category"] = category
        self.campaign["disclosures"] = {}
        self.campaign.pop("topic", None)
        self.consents = []
        self.say(body)
        for template in self.templates or []:
            template["category"] = category

    def simulate(self, folder: Path) -> list[Answer]:
        """What `recado simulate` says of every recipient, in their order."""
        arguments = [
            "simulate",
            str(_toml(folder / "campaign.toml", {"campaign": self.campaign})),
            str(_csv(folder / "recipients.csv", ["to"], self.recipients)),
            "--at",
            self.at.isoformat(),
            "--consents",
            str(_csv(folder / "consents.csv", consents_file.COLUMNS, self.consents)),
            "--history",
            str(_csv(folder / "history.csv", HISTORY_COLUMNS, self.history)),
            "--suppressions",
            str(_csv(folder / "suppressions.csv", SUPPRESSION_COLUMNS, self.suppressions)),
            "--json",
        ]
        if self.preferences:
            path = _csv(folder / "preferences.csv", PREFERENCE_COLUMNS, self.preferences)
            arguments += ["--preferences", str(path)]
        for name, entries in (("sender", self.senders), ("template", self.templates)):
            if entries is not None:
                path = _toml(folder / f"{name}s.toml", {name: entries})
                arguments += [f"--{name}s", str(path)]
        for overlay in self.overlays:
            arguments += ["--overlay", overlay]
        done = CliRunner().invoke(app, arguments, env={"RECADO_HASH_KEY": "k" * 32})
        assert done.exit_code == 0, done.stderr
        return [Answer(json.loads(line)) for line in done.stdout.splitlines()]


HISTORY_COLUMNS = ["to", "business", "category", "sent_at"]
SUPPRESSION_COLUMNS = ["to", "business", "reason", "since"]
PREFERENCE_COLUMNS = ["to", "business", "channels", "topics", "hours"]


def paper(country: str) -> Paper:
    """A country's world in which the one message may go at once."""
    at = NOON[country]
    return deepcopy(
        Paper(
            country=country,
            at=at,
            campaign=_campaign(country, at),
            recipients=[{"to": NUMBERS[country], "name": "Ana"}],
            consents=[_consent(country, at)],
            senders=[_sender(country, at)],
            templates=_templates(country, at),
        )
    )


def _campaign(country: str, at: datetime) -> Table:
    content: Table = {"body": BODIES[country]}
    if country == "IN":
        content["template"] = "offer"
    return {
        "id": "paper",
        "name": "On paper",
        "business": BUSINESS,
        "brand": "Casa Azul",
        "category": "marketing",
        "channel": "sms",
        "language": LANGUAGES[country],
        "topic": "shoes",
        "expires_at": at + timedelta(days=40),
        "content": content,
        "disclosures": DISCLOSURES[country],
    }


def _consent(country: str, at: datetime) -> Table:
    granted_at = at - timedelta(days=30)
    return {
        "to": NUMBERS[country],
        "business": BUSINESS,
        "channel": "sms",
        "category": "marketing",
        "topics": "shoes;hats",
        "granted_at": granted_at.isoformat(),
        "method": "web",
        "text": "Acepto recibir mensajes de marketing de Casa Azul.",
        "ip": "198.51.100.7",
        "signature": "Ana",
        "cpf": "529.982.247-25" if country == "BR" else "",
        "confirmed_at": (granted_at + timedelta(minutes=5)).isoformat(),
        "source": "checkout",
        "pre_ticked": "false",
        "initiated_by_consumer": "true",
        "policy_version": "2026-01",
    }


def _sender(country: str, at: datetime) -> Table:
    sender: Table = {
        "id": "casa-azul",
        "business": BUSINESS,
        "country": country,
        "channel": "sms",
        "address": "CASAZL" if country == "IN" else "+15550100001",
        "provider": "sandbox",
        "rate_per_second": 10,
        "tier": "high",
        "state": "active",
        "region": "ES",
    }
    if country in REGISTRATIONS:
        sender["registration"] = {
            "status": "approved",
            "approved_at": at - timedelta(days=400),
            **REGISTRATIONS[country],
        }
    return sender


def _templates(country: str, at: datetime) -> list[Table] | None:
    if country != "IN":
        return None
    entry = {
        "business": BUSINESS,
        "country": "IN",
        "channel": "sms",
        "category": "marketing",
        "language": "en-IN",
        "header": "CASAZL",
        "status": "approved",
        "approved_at": at - timedelta(days=60),
        "last_used_at": at - timedelta(days=3),
    }
    others = [{"id": f"other-{n}", "body": f"Casa Azul: text {n}.", **entry} for n in range(10)]
    return [{"id": "offer", "body": BODIES["IN"], **entry}, *others]


def _csv(path: Path, columns: Sequence[str], rows: Sequence[Table]) -> Path:
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _toml(path: Path, content: Table) -> Path:
    path.write_text("\n".join(_lines(content, "")), encoding="utf-8")
    return path


def _lines(table: Table, name: str) -> list[str]:
    plain = [
        f"{key} = {_value(value)}"
        for key, value in table.items()
        if not isinstance(value, dict | list)
    ]
    nested: list[str] = []
    for key, value in table.items():
        full = f"{name}.{key}".lstrip(".")
        if isinstance(value, dict):
            nested += [f"[{full}]", *_lines(value, full)]
        elif isinstance(value, list):
            for entry in value:
                nested += [f"[[{full}]]", *_lines(entry, full)]
    return plain + nested


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)
