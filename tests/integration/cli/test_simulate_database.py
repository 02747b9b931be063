"""`recado simulate` on the database: the same answers as from files, and nothing is changed."""

import csv
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.policy.vocabulary import CampaignState
from pipeline.store import campaigns, senders
from tests.integration.world import CAMPAIGN, NOW, World
from tests.rules.paper import BUSINESS, NUMBERS, paper
from workers.inputs.campaign_file import read_campaign
from workers.inputs.consents_file import read_consents
from workers.inputs.load import load_consents, load_suppressions
from workers.inputs.refusals import RefusedRow
from workers.inputs.senders_file import read_senders
from workers.inputs.suppressions_file import read_suppressions
from workers.runtime import Runtime
from workers.simulation.database_world import DatabaseWorld
from workers.simulation.rulings import Ruling
from workers.simulation.run import rulings

DAY = timedelta(days=1)


def good(rows: Any) -> list[Any]:
    found = list(rows)
    assert not [row for row in found if isinstance(row, RefusedRow)]
    return found


@pytest.fixture
def folder(tmp_path: Path, runtime: Runtime) -> Path:
    """A world on paper, and the same one in the database."""
    world = paper("US")
    world.at = NOW
    one, consent = NUMBERS["US"], world.consent
    others = {name: f"+1212555{place:04d}" for place, name in enumerate("abcdefgh", start=150)}
    world.recipients = [{"to": to, "name": "Ana"} for to in (one, *others.values(), "12")]
    world.recipients.append({"to": "+18085550123", "name": "Ana"})
    month = datetime.fromisoformat(consent["granted_at"])
    world.consents += [
        {**consent, "to": others["a"], "ip": ""},
        {**consent, "to": others["b"], "revoked_at": (NOW - DAY).isoformat()},
        {**consent, "to": others["c"]},
        # Taken back, and given again.
        {
            "to": others["c"],
            **{name: consent[name] for name in ("business", "channel", "category")},
            "topics": "*",
            "revoked_at": (month + DAY).isoformat(),
        },
        {
            **consent,
            "to": others["c"],
            "granted_at": (month + 2 * DAY).isoformat(),
            "confirmed_at": "",
        },
        {**consent, "to": others["d"]},
        {**consent, "to": others["e"]},
        {**consent, "to": others["f"], "channel": "whatsapp"},
        {**consent, "to": others["f"], "topics": "*", "signature": ""},
        {**consent, "to": "+18085550123"},
    ]
    world.suppressions = [
        _left(others["d"], month + DAY),  # the consent is older
        _left(others["e"], month - DAY),  # and here it is newer
    ]
    world.simulate(tmp_path)
    with runtime.transaction() as connection:
        senders.save_senders(connection, good(read_senders(tmp_path / "senders.toml")), now=NOW)
    load_suppressions(runtime, good(read_suppressions(tmp_path / "suppressions.csv")))
    load_consents(runtime, good(read_consents(tmp_path / "consents.csv", hash_key=b"key")))
    return tmp_path


def _left(to: str, since: Any) -> dict[str, str]:
    return {"to": to, "business": BUSINESS, "reason": "opt_out", "since": since.isoformat()}


def test_the_database_answers_as_the_files_do_and_is_not_changed(
    folder: Path, recado: Callable[..., Any], world: World
) -> None:
    arguments = (folder / "campaign.toml", folder / "recipients.csv", "--at", NOW.isoformat())
    tables = ("contacts", "consents", "campaigns", "messages", "decisions", "frequency_use")

    def counted() -> list[int]:
        return [len(world.query(f"SELECT FROM {table}")) for table in tables]

    before = counted()

    asked = recado("simulate", *arguments, "--json")

    assert asked.returncode == 0, asked.stderr
    files = (
        *("--consents", folder / "consents.csv", "--suppressions", folder / "suppressions.csv"),
        *("--senders", folder / "senders.toml", "--json"),
    )
    on_paper = recado("simulate", *arguments, *files)
    for told, expected in zip(asked.stdout.splitlines(), on_paper.stdout.splitlines(), strict=True):
        assert json.loads(told) == json.loads(expected)
    found = [json.loads(line)["reason"] for line in asked.stdout.splitlines()]
    assert found == [
        None,
        "consent_evidence_incomplete",
        "consent_revoked",
        None,
        "suppressed",
        None,
        "consent_evidence_incomplete",
        "no_consent",
        "no_consent",
        "invalid_number",
        "window_closed",
    ]
    assert counted() == before


def decided(world: World, folder: Path, people: Sequence[str]) -> list[Ruling]:
    path = folder / "some.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["to", "name"], *([to, "Ana"] for to in people)])
    read = read_campaign(folder / "campaign.toml", now=NOW)
    runtime = world.runtime
    with runtime.transaction() as connection:
        drawn = DatabaseWorld(connection, read, books=runtime.books, at=NOW)
        refused: list[RefusedRow] = []
        found = list(rulings(drawn, path, at=NOW, numbers={}, refuse=refused.append))
    assert not refused
    return found


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (CampaignState.PAUSED, ("defer", "paused", None)),
        (CampaignState.CANCELLED, ("block", "cancelled", None)),
        (CampaignState.ACTIVE, ("send", None, None)),
    ],
)
def test_a_campaign_that_is_stored_is_in_the_state_that_it_has_there(
    folder: Path, world: World, state: CampaignState, expected: tuple[str, str | None, None]
) -> None:
    world.campaign(code="paper", business=BUSINESS)
    with world.runtime.transaction() as connection:
        campaigns.set_state(connection, "paper", state, reason=None, now=NOW)
    (found,) = decided(world, folder, [NUMBERS["US"]])
    assert (found.outcome.value, found.reason, found.not_before) == expected


def test_what_has_been_sent_already_counts(folder: Path, world: World) -> None:
    (person,) = world.contacts([NUMBERS["US"]])
    world.execute(
        "INSERT INTO frequency_use SELECT :person, :business, 'marketing+public_service',"
        " CAST(:sent AS timestamptz[]), ARRAY[3], ARRAY[CAST(:now AS timestamptz)]",
        person=person,
        business=BUSINESS,
        sent=[NOW - 3 * DAY, NOW - 29 * DAY, NOW - 30 * DAY],
        now=NOW,
    )
    world.execute(
        "INSERT INTO quota_use (sender_id, bucket, used)"
        " SELECT id, CAST(:now AS timestamptz) - interval '1 hour', 10000 FROM senders",
        now=NOW,
    )
    (found,) = decided(world, folder, [NUMBERS["US"]])
    assert (found.outcome.value, found.reason) == ("defer", "frequency_cap")
    assert found.not_before == NOW + DAY
    asked = {check.question.value: check for check in found.checks}
    assert asked["quota"].until == NOW + timedelta(hours=23)


def test_somebody_whose_reply_is_held_waits_for_a_person(folder: Path, world: World) -> None:
    (person,) = world.contacts([NUMBERS["US"]])
    world.execute(
        "INSERT INTO inbound_messages (source, provider_id, contact_id, address, received_at, body)"
        " VALUES ('a', 'e', :person, 'x', :now, 'hm')",
        person=person,
        now=NOW,
    )
    world.execute(
        "INSERT INTO review_holds SELECT :person, :business, id, :now FROM inbound_messages",
        person=person,
        business=BUSINESS,
        now=NOW,
    )
    (found,) = decided(world, folder, [NUMBERS["US"]])
    assert (found.outcome.value, found.reason, found.not_before) == ("defer", "suppressed", None)


def test_strangers_have_given_no_consent(folder: Path, world: World) -> None:
    found = decided(world, folder, ["+12125550999", "+12125550998"])
    assert [one.reason for one in found] == ["no_consent"] * 2
    assert CAMPAIGN.business != BUSINESS
