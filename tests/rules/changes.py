"""What may be changed in a world on paper, and the shape of a rule's case."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.rules.paper import BUSINESS, Paper

Change = Callable[[Paper], None]

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

NO_EVIDENCE = "consent_evidence_incomplete"

ZONES = {
    "US": "America/New_York",
    "BR": "America/Sao_Paulo",
    "IN": "Asia/Kolkata",
    "PE": "America/Lima",
    "ES": "Europe/Madrid",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One rule's line.

    Attributes:
        passing, failing: what is changed in a world in which everything passes.
        reason: of the failing world; with `outcome` ``warn`` the message goes all the same.
        until: how long the failing message waits; None: not looked at.
        told: the rule that the answer names, where it is another that acts for this one; empty:
            none is named.
        quiet: whether the rule is not among the checks while it lets pass.
    """

    rule: str
    country: str
    failing: Change
    outcome: str = "block"
    reason: str | None = None
    passing: Change | None = None
    until: timedelta | None = None
    told: str | None = None
    quiet: bool = False

    @property
    def name(self) -> str:
        """For the test's id."""
        return f"{self.country}-{self.rule}-{self.reason}"


def together(*changes: Change) -> Change:
    """One change after another."""

    def change(paper: Paper) -> None:
        for each in changes:
            each(paper)

    return change


def consent(**fields: Any) -> Change:
    """Other fields in the consent."""
    return lambda paper: paper.consent.update(fields)


def without_consent(paper: Paper) -> None:
    """Nobody has agreed to anything."""
    paper.consents = []


def campaign(**fields: Any) -> Change:
    """Other fields in the campaign."""
    return lambda paper: paper.campaign.update(fields)


def content(**fields: Any) -> Change:
    """Other fields in the campaign's content."""
    return lambda paper: paper.campaign["content"].update(fields)


def replaced(old: str, new: str) -> Change:
    """Something else in the text."""

    def change(paper: Paper) -> None:
        body = paper.campaign["content"]["body"]
        assert old in body
        paper.say(body.replace(old, new))

    return change


def transactional(body: str, category: str = "transactional") -> Change:
    """Another sort of message, without a consent."""
    return lambda paper: paper.transactional(body, category)


def sender(**fields: Any) -> Change:
    """Other fields in the sender."""
    return lambda paper: paper.sender.update(fields)


def registration(**fields: Any) -> Change:
    """Other fields in the sender's registration; None removes one."""

    def change(paper: Paper) -> None:
        table = paper.sender["registration"] | fields
        paper.sender["registration"] = {k: v for k, v in table.items() if v is not None}

    return change


def template(**fields: Any) -> Change:
    """Other fields in the template that the campaign names."""
    return lambda paper: paper.template.update(fields)


def local(written: str) -> Change:
    """At this time of the recipient's clock."""

    def change(paper: Paper) -> None:
        paper.at = datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(ZONES[paper.country]))

    return change


def sent(*ago: timedelta) -> Change:
    """Messages went to the person so long ago."""
    return lambda paper: paper.sent(*ago)


def crowd(size: int, tier: str) -> Change:
    """So many recipients before the one that is looked at, all of a sender of that tier."""

    def change(paper: Paper) -> None:
        paper.sender["tier"] = tier
        # Public: any valid number of the plan will do, all in one area.
        first = {"US": 12125551000, "BR": 5511970000000}[paper.country]
        people = [f"+{first + each}" for each in range(size)]
        one = paper.recipients[0]
        paper.recipients = [{"to": to, "name": "Bo"} for to in people] + [one]
        paper.consents += [{**paper.consent, "to": to} for to in people]

    return change


def prefers(**fields: str) -> Change:
    """The person has wishes."""

    def change(paper: Paper) -> None:
        row = {"to": paper.recipients[0]["to"], "business": BUSINESS, **fields}
        paper.preferences.append(row)

    return change


def number(e164: str) -> Change:
    """Somebody else's number, with the same consent."""

    def change(paper: Paper) -> None:
        paper.recipients[0]["to"] = e164
        paper.consent["to"] = e164

    return change


def left(paper: Paper) -> None:
    """The person opted out yesterday."""
    paper.suppressions.append(
        {
            "to": paper.recipients[0]["to"],
            "business": BUSINESS,
            "reason": "opt_out",
            "since": (paper.at - DAY).isoformat(),
        }
    )


def own_templates(count: int) -> Change:
    """The business has so many approved templates."""

    def change(paper: Paper) -> None:
        assert paper.templates
        del paper.templates[count:]

    return change


def approved_ago(days: int) -> Change:
    """The sender's registration was approved so long ago."""
    return lambda paper: paper.sender["registration"].update(
        approved_at=paper.at - timedelta(days=days)
    )


def granted_ago(days: int) -> Change:
    """The consent was given so long ago."""

    def change(paper: Paper) -> None:
        granted_at = paper.at - timedelta(days=days)
        paper.consent["granted_at"] = granted_at.isoformat()
        paper.consent["confirmed_at"] = (granted_at + MINUTE).isoformat()

    return change


def in_use(paper: Paper) -> None:
    """The templates were approved and used not long before."""
    for each in paper.templates or []:
        each.update(approved_at=paper.at - 20 * DAY, last_used_at=paper.at - DAY)


def unused_for(days: int) -> Change:
    """The template was last used so long ago."""
    return lambda paper: paper.template.update(last_used_at=paper.at - timedelta(days=days))
