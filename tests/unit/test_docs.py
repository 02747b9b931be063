"""The pages for users name everything that there is, and nothing else; the examples work."""

import ast
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from config.policies import Policies, load_policies
from pipeline.policy.checks import first_stop
from pipeline.policy.consent import decide_consent
from pipeline.policy.country import CountryPolicy
from pipeline.policy.decision import Proceed
from pipeline.policy.recipients import KNOWN_FIELDS
from pipeline.policy.sender import check_sender
from pipeline.policy.template import TemplateUse, check_template
from pipeline.policy.vocabulary import MessageState, Outcome, Reason
from pipeline.store.campaigns import Campaign
from workers.cli import main
from workers.inputs import (
    campaign_file,
    consents_file,
    history_file,
    preferences_file,
    recipients_file,
    senders_file,
    suppressions_file,
    templates_file,
)
from workers.inputs.refusals import RefusedRow

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
EXAMPLES = DOCS / "examples"
PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
COMMANDS_PAGE = (DOCS / "commands.md").read_text()
FILES_PAGE = (DOCS / "files.md").read_text()
REASONS_PAGE = (DOCS / "reasons.md").read_text()

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
"""A Monday on which the examples can be sent."""

IN_EVERY_COMMAND = {"--help", "--json", "--install-completion", "--show-completion"}


def section(page: str, title: str, level: str = "##") -> str:
    return page.split(f"\n{level} {title}\n")[1].split(f"\n{level} ", maxsplit=1)[0]


def first_cells(text: str) -> set[str]:
    """What stands in backquotes in the first column of the tables."""
    rows = re.findall(r"^\| ([^|]*`[^|]*) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def parsed(*folders: str) -> Iterator[ast.AST]:
    """Every node of the code in these folders, but for the vocabulary itself."""
    for folder in folders:
        for path in (PROJECT / folder).rglob("*.py"):
            if path.name != "vocabulary.py":
                yield from ast.walk(ast.parse(path.read_text()))


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", page.read_text()):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_reason_is_explained() -> None:
    tables = REASONS_PAGE.split("\n## Outcomes\n")[0]
    assert first_cells(tables) == set(Reason)


def test_reasons_that_nothing_gives_are_marked_and_no_others() -> None:
    given = {
        Reason[node.attr]
        for node in parsed("pipeline")
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Reason"
    }
    rows = [line for line in REASONS_PAGE.splitlines() if line.startswith("| `")]
    marked = {name for row in rows if "| none yet" in row for name in first_cells(row)}
    assert marked == set(Reason) - given


def test_every_outcome_of_a_decision_is_explained() -> None:
    # In pipeline/stages/answers.py: _outcome(answer, MessageState.SENT, "sent", …).
    labels = {
        str(label)
        for node in parsed("pipeline/stages")
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "_outcome"
        for label in [
            argument.value for argument in node.args if isinstance(argument, ast.Constant)
        ]
    }
    assert {"sent", "in_doubt"} <= labels
    # In pipeline/stages/statuses.py: what a provider tells afterwards.
    told = {MessageState.SENT, MessageState.DELIVERED, MessageState.UNDELIVERED, "read"}
    assert first_cells(section(REASONS_PAGE, "Outcomes")) == labels | set(Outcome) | told


def commands() -> dict[str, Any]:
    """The commands that are installed, as Typer has them."""
    group: Any = typer.main.get_command(main.app)
    return {name: group.get_command(None, name).load() for name in group.list_commands(None)}


def command_section(name: str) -> str:
    """The section whose heading is ``recado NAME``, alone or among others."""
    for part in re.split(r"^## ", COMMANDS_PAGE, flags=re.MULTILINE):
        title = part.split("\n", 1)[0]
        if title.startswith("recado ") and name in re.findall(r"\w+", title)[1:]:
            return part
    pytest.fail(f"docs/commands.md has no section on recado {name}")


@pytest.mark.parametrize(("name", "command"), commands().items(), ids=commands())
def test_every_command_and_option_is_explained(name: str, command: Any) -> None:
    text = command_section(name)
    for word, part in getattr(command, "commands", {}).items():
        assert f"recado {name} {word}" in text
        assert options(part) <= set(re.findall(r"--[a-z-]+", text)), word
    assert options(command) <= set(re.findall(r"--[a-z-]+", text))


def options(command: Any) -> set[str]:
    written = {option for parameter in command.params for option in parameter.opts}
    return {option for option in written if option.startswith("--")} - IN_EVERY_COMMAND


@pytest.mark.parametrize(
    ("title", "fields"),
    [
        (
            "Campaign",
            {*campaign_file.FIELDS, *campaign_file.CONTENT, *campaign_file.DISCLOSURES},
        ),
        ("Recipients", KNOWN_FIELDS - {"position"}),
        ("Consents", {*consents_file.COLUMNS}),
        ("Preferences", {*preferences_file.COLUMNS}),
        ("History", {*history_file.COLUMNS}),
        ("Suppressions", {*suppressions_file.COLUMNS}),
        ("Templates", {*templates_file.FIELDS}),
    ],
)
def test_every_field_of_a_file_is_explained(title: str, fields: Iterable[str]) -> None:
    assert first_cells(section(FILES_PAGE, title)) == set(fields)


def test_every_field_of_a_sender_is_explained() -> None:
    text = section(FILES_PAGE, "Senders")
    registration = {"kind", "status", "submitted_at", "approved_at", "expires_at"}
    asked = {name for names in senders_file.REGISTRATION_KINDS.values() for name in names}
    assert first_cells(text) == {*senders_file.FIELDS} | registration | asked
    assert all(f"`{kind}`" in text for kind in senders_file.REGISTRATION_KINDS)


def test_every_field_of_the_stream_is_explained() -> None:
    text = section(FILES_PAGE, "The stream")
    assert first_cells(text) >= {"schema", "campaign", "messages"} | KNOWN_FIELDS


def test_every_reason_of_a_dead_letter_is_explained() -> None:
    reasons = {
        str(keyword.value.value)
        for node in parsed("pipeline/stages", "workers")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "Refusal"
        for keyword in node.keywords
        if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant)
    }
    assert "not_json" in reasons
    assert first_cells(section(FILES_PAGE, "Dead letters", "###")) == reasons


@pytest.fixture(scope="module")
def policies() -> Policies:
    return load_policies()


@pytest.fixture(scope="module")
def example() -> Campaign:
    return campaign_file.read_campaign(EXAMPLES / "campaign.toml", now=NOW)


def accepted(rows: Iterable[Any]) -> list[Any]:
    found = list(rows)
    assert [str(row) for row in found if isinstance(row, RefusedRow)] == []
    assert found
    return found


def rules(policies: Policies, country: str) -> CountryPolicy:
    policy = policies.for_country(country, NOW.date())
    assert policy is not None
    return policy


def test_the_example_recipients_and_suppressions_are_read(example: Campaign) -> None:
    path = EXAMPLES / "recipients.csv"
    assert len(accepted(recipients_file.read_recipients(path, variables=example.variables))) == 10
    accepted(suppressions_file.read_suppressions(EXAMPLES / "suppressions.csv"))
    accepted(preferences_file.read_preferences(EXAMPLES / "preferences.csv"))


def test_the_example_consents_are_all_that_their_countries_ask_for(
    example: Campaign, policies: Policies
) -> None:
    for row in accepted(consents_file.read_consents(EXAMPLES / "consents.csv", hash_key=b"key")):
        policy = rules(policies, row.number.country)
        decision = decide_consent(
            policy.consents.get(example.category),
            [row.record],
            channel=example.channel,
            topic=example.topic,
            opted_out_at=None,
            now=NOW,
        )
        assert row.record.business == example.business
        assert isinstance(decision, Proceed), row


def test_the_example_senders_may_send_in_their_countries(
    example: Campaign, policies: Policies
) -> None:
    senders = accepted(senders_file.read_senders(EXAMPLES / "senders.toml"))
    for sender in senders:
        checks = check_sender(rules(policies, sender.country), sender.facts(), now=NOW)
        assert first_stop(checks) is None, sender.code
    own = {one.country for one in senders if one.channel is example.channel}
    assert own == {"BR", "PT"}


def test_the_example_templates_may_be_used_and_hold_the_campaigns_text(
    example: Campaign, policies: Policies
) -> None:
    templates = accepted(templates_file.read_templates(EXAMPLES / "templates.toml"))
    for template in templates:
        policy, facts = rules(policies, template.country), template.facts()
        use = TemplateUse(
            business=example.business,
            channel=template.channel,
            category=example.category,
            language=template.language,
        )
        assert first_stop(check_template(policy, facts, use, now=NOW)) is None, template.code
        if template.code == example.template_code:
            assert (template.channel, template.language) == (example.channel, example.language)
    bodies = {template.code: template.body for template in templates}
    assert bodies[str(example.template_code)] == example.body
    assert all(text in example.body for text in example.disclosures.values())
