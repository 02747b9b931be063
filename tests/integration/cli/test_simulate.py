"""`recado simulate` from files: no service is used, and what is said of whom."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.rules.paper import BUSINESS, Paper, paper
from workers.cli.main import app
from workers.cli.simulated import Refused
from workers.inputs.refusals import RefusedRow
from workers.simulation.addressees import read_addressees

PROJECT = Path(__file__).parents[3]
EXAMPLES = PROJECT / "docs" / "examples"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Change = Callable[[Paper], None]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)])


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr or result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def verdict(line: dict[str, Any]) -> tuple[str, str | None, str | None, str | None]:
    return line["outcome"], line["reason"], line["rule"], line["not_before"]


def test_no_server_is_started_and_no_address_is_asked(tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if not name.startswith("RECADO_")}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "workers.cli.main", "simulate"),
            *map(str, (EXAMPLES / "campaign.toml", EXAMPLES / "recipients.csv")),
            *("--at", "2026-11-23T10:00:00-03:00", "--consents", str(EXAMPLES / "consents.csv")),
            "--json",
        ],
        env=own | {"RECADO_HOME": str(tmp_path / "home"), "PYTHONPATH": str(PROJECT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 10
    # The embedded servers would have been made here.
    assert list(tmp_path.iterdir()) == []


def test_one_line_a_recipient_with_the_public_fields(tmp_path: Path) -> None:
    (told,) = [answer.told for answer in paper("US").simulate(tmp_path)]
    assert list(told) == [
        *("id", "to", "country", "zones", "outcome", "reason", "rule", "not_before"),
        *("segments", "checks"),
    ]
    assert told["zones"] == ["America/New_York"]
    assert told["segments"] == {"encoding": "gsm-7", "units": 121, "segments": 1}
    order = ["number", "policy", "suppression", "consent", "content", "sender", "template"]
    order += ["window", "frequency", "quota", "expiry"]
    asked = list(dict.fromkeys(check["question"] for check in told["checks"]))
    assert asked == order
    assert {check["outcome"] for check in told["checks"]} == {"pass"}


def closed(world: Paper) -> None:
    world.at = datetime(2026, 11, 19, 4, tzinfo=UTC)  # 23:00 in New York


def sent_often(world: Paper) -> None:
    """The cap ends five days after the instant, at 23:00 in New York."""
    world.sent(26 * DAY, 26 * DAY, 2 * DAY)


def recipient(**fields: Any) -> Change:
    return lambda world: world.recipients[0].update(fields)


def campaign(**fields: Any) -> Change:
    return lambda world: world.campaign.update(fields)


def both(*changes: Change) -> Change:
    def change(world: Paper) -> None:
        for each in changes:
            each(world)

    return change


def nevada_before_nine(world: Paper) -> None:
    world.at -= HOUR / 2
    world.recipients[0]["to"] = world.consent["to"] = "+17025550123"
    world.overlays = ["us-states"]


def no_sender(world: Paper) -> None:
    world.senders = None


def suspended(world: Paper) -> None:
    world.sender["state"] = "suspended"


CASES: dict[str, tuple[Change, tuple[str, str | None, str | None, str | None]]] = {
    "no number": (recipient(to="12"), ("block", "invalid_number", None, None)),
    "no number at all": (recipient(to="", id="c-7"), ("block", "invalid_number", None, None)),
    "a country with a pack, and no consent": (
        recipient(to="+4915112345678"),
        ("block", "no_consent", "eu_consent_explicit_prior", None),
    ),
    "a country without a pack": (
        recipient(to="+5491123456789"),
        ("block", "no_policy", None, None),
    ),
    "national with its country": (
        recipient(to="(212) 555-0123", country="US"),
        ("send", None, None, None),
    ),
    "an unknown zone": (
        recipient(timezone="Mars/Olympus"),
        ("block", "no_common_window", None, None),
    ),
    "a variable is missing": (
        recipient(name=""),
        ("block", "content_variable_missing", None, None),
    ),
    "the window is shut": (
        closed,
        ("defer", "window_closed", "us_window_promo", "2026-11-19T13:00:00Z"),
    ),
    "the cap is reached": (
        sent_often,
        ("defer", "frequency_cap", "us_freq_promo", "2026-11-23T17:00:00Z"),
    ),
    "window and cap: the first reason, and the first instant for both": (
        both(closed, sent_often),
        ("defer", "window_closed", "us_window_promo", "2026-11-24T13:00:00Z"),
    ),
    "the own zone decides": (
        recipient(timezone="Pacific/Honolulu"),
        ("defer", "window_closed", "us_window_promo", "2026-11-18T18:00:00Z"),
    ),
    "a state's own window, switched on": (
        nevada_before_nine,
        ("defer", "window_closed", "us_states_nv_window", "2026-11-18T17:00:00Z"),
    ),
    "not before the campaign begins": (
        lambda world: world.campaign.update(starts_at=world.at + 2 * DAY),
        ("defer", "window_closed", None, "2026-11-20T17:00:00Z"),
    ),
    "the campaign begins at night": (
        campaign(starts_at=datetime(2026, 11, 21, 4, tzinfo=UTC)),
        ("defer", "window_closed", "us_window_promo", "2026-11-21T13:00:00Z"),
    ),
    "it would be too late": (
        both(closed, campaign(expires_at=datetime(2026, 11, 19, 13, tzinfo=UTC))),
        ("block", "expired", "us_window_promo", None),
    ),
    "just in time": (
        both(closed, campaign(expires_at=datetime(2026, 11, 19, 13, 0, 1, tzinfo=UTC))),
        ("defer", "window_closed", "us_window_promo", "2026-11-19T13:00:00Z"),
    ),
    "the campaign is over": (
        campaign(expires_at=datetime(2026, 11, 18, 17, tzinfo=UTC)),
        ("block", "expired", None, None),
    ),
    "over, and no consent either": (
        both(
            campaign(expires_at=datetime(2026, 11, 18, 17, tzinfo=UTC)),
            lambda world: world.consents.clear(),
        ),
        ("block", "no_consent", "us_consent_express_written", None),
    ),
    "only a person can lift it": (
        both(closed, suspended),
        ("defer", "sender_suspended", None, None),
    ),
    "nobody knows the senders": (no_sender, ("send", None, None, None)),
    "the consent ends before the window opens": (
        both(
            closed,
            lambda world: world.consent.update(revoked_at="2026-11-19T10:00:00Z"),
        ),
        ("block", "consent_revoked", "us_consent_express_written", None),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_one(name: str, tmp_path: Path) -> None:
    change, expected = CASES[name]
    world = paper("US")
    change(world)
    told = world.simulate(tmp_path)[-1].told
    assert verdict(told) == expected


def test_skipped_checks_are_said_to_be_skipped(tmp_path: Path) -> None:
    world = paper("US")
    no_sender(world)
    (answer,) = world.simulate(tmp_path)
    outcomes = {check["question"]: check["outcome"] for check in answer.told["checks"]}
    assert (outcomes["sender"], outcomes["template"], outcomes["quota"]) == ("skipped",) * 3


def test_a_number_named_twice_is_a_duplicate_and_under_another_id_another_message(
    tmp_path: Path,
) -> None:
    world = paper("US")
    one = world.recipients[0]
    world.recipients = [one, dict(one), one | {"id": "b"}, one | {"id": "b"}]
    world.sent(DAY, 2 * DAY)
    answers = world.simulate(tmp_path)
    assert [answer.verdict[:2] for answer in answers] == [
        ("send", None),
        ("block", "duplicate"),
        # The cap counts the first row: it is the third message to this person.
        ("defer", "frequency_cap"),
        ("block", "duplicate"),
    ]
    assert answers[2].not_before == world.at + 29 * DAY


def test_quotas_count_those_before_at_their_own_instant(tmp_path: Path) -> None:
    world = paper("US")
    world.sender["tier"] = "new"
    people = [f"+1{area}555{n:04d}" for area in ("808", "212") for n in range(400)]
    world.recipients = [{"to": to, "name": "Ana"} for to in people]
    world.consents = [{**world.consent, "to": to} for to in people]
    answers = world.simulate(tmp_path)
    # Hawaii opens an hour from now and takes its 400; New York gets what is left of 500.
    assert [answer.verdict[1] for answer in answers[:400]] == ["window_closed"] * 400
    assert [answer.verdict[1] for answer in answers[400:500]] == [None] * 100
    assert [answer.verdict[1] for answer in answers[500:]] == ["daily_quota"] * 300
    assert {answer.not_before for answer in answers[500:]} == {
        datetime(2026, 11, 19, 17, 1, tzinfo=UTC),  # 100 of them …
        datetime(2026, 11, 19, 18, 1, tzinfo=UTC),  # … and then Hawaii's have left the day
    }


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def test_bad_rows_are_named_on_stderr_and_the_rest_is_taken(tmp_path: Path) -> None:
    world = paper("US")
    world.history = [
        {"to": "12", "business": BUSINESS, "category": "marketing", "sent_at": "2026-11-17T10:00Z"},
        {"to": "+12125550123", "business": BUSINESS, "category": "ads", "sent_at": "2026-11-17Z"},
    ]
    world.simulate(tmp_path)
    arguments = (
        *(tmp_path / "campaign.toml", tmp_path / "recipients.csv", "--at", "2026-11-18T17:00Z"),
        *("--consents", tmp_path / "consents.csv", "--history", tmp_path / "history.csv"),
        *("--senders", tmp_path / "senders.toml", "--json"),
        *("--summary", tmp_path / "figures.json"),
    )
    with (tmp_path / "recipients.csv").open("a") as file:
        file.write("one,too,many\n+12125550124,Bo\n")
    done = run(*arguments)
    assert [line["to"] for line in lines(done)] == ["+12125550123", "+12125550124"]
    history = tmp_path / "history.csv"
    assert done.stderr.splitlines() == [
        f"{history}:2: to is not a valid number; write it as +<country><number>",
        f"{history}:3: sent_at is not a time; write it as 2026-11-27T23:59:00-03:00",
        f"{tmp_path / 'recipients.csv'}:3: row has 3 fields and the header has 2; quote a comma",
    ]
    notes = json.loads((tmp_path / "figures.json").read_text())["notes"]
    assert "history.csv: 2 rows cannot be used, and count as not there" in notes


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--at", "2026-11-23T10:00:00"), "--at has no offset from UTC; write it as"),
        (("--at", "2026-11-23"), "--at has no offset from UTC; write it as"),
        (("--at", "soon"), "--at is not a time; write it as"),
        (("--at", "2026-11-23T10:00Z", "--overlay", "us-state"), "did you mean 'us-states'?"),
    ],
)
def test_what_cannot_be_used_ends_it(arguments: tuple[str, ...], problem: str) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "workers.cli.main", "simulate"),
            *map(str, (EXAMPLES / "campaign.toml", EXAMPLES / "recipients.csv")),
            *("--consents", str(EXAMPLES / "consents.csv"), *arguments),
        ],
        env=dict(os.environ) | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert problem in done.stderr


def test_files_beside_the_database_are_refused(tmp_path: Path) -> None:
    history = write(tmp_path / "history.csv", "to,business,category,sent_at")
    done = run(
        EXAMPLES / "campaign.toml",
        EXAMPLES / "recipients.csv",
        *("--at", "2026-11-23T10:00Z", "--history", history),
    )
    assert "--history is read only together with --consents" in str(done.exception)


def test_the_summary_adds_up(tmp_path: Path) -> None:
    world = paper("US")
    one, sender = world.recipients[0], world.sender
    sender["rate_per_second"] = 0.01
    people = [f"+1212555{n:04d}" for n in range(200, 400)]
    world.recipients = [one, dict(one), *({"to": to, "name": "Ana"} for to in people)]
    world.recipients += [{"to": "12", "name": "Ana"}, {"to": "+18085550123", "name": "Ana"}]
    world.consents += [{**world.consent, "to": to} for to in [*people, "+18085550123"]]
    world.sender["official"] = False
    world.simulate(tmp_path)
    figures = tmp_path / "figures.json"
    done = run(
        *(tmp_path / "campaign.toml", tmp_path / "recipients.csv", "--at", "2026-11-18T17:00Z"),
        *("--consents", tmp_path / "consents.csv", "--senders", tmp_path / "senders.toml"),
        *("--summary", figures),
    )
    assert done.exit_code == 0, done.stderr
    told = json.loads(figures.read_text())
    counted = [told[name] for name in ("now", "later", "waiting", "expired", "blocked")]
    assert counted == [201, 1, 0, 0, 2]
    assert sum(counted) == told["recipients"] == 204
    # One message in a hundred seconds, and nothing after 21:00 in New York.
    assert sum(told["hours"].values()) == 202
    assert max(told["hours"].values()) == 36
    assert told["days"] == pytest.approx(202 * 100 / 86_400, abs=0.02)
    assert told["zone"] == "America/New_York"
    assert [(c["rule"], c["messages"]) for c in told["warnings"]] == [("gl_official_api", 202)]
    (cost,) = told["costs"]
    assert (cost["rule"], cost["messages"], cost["currency"]) == ("us_route_cost", 202, "USD")
    assert (cost["least"], cost["most"]) == (pytest.approx(1.01), pytest.approx(2.02))
    (fine,) = told["exposure"]
    assert (fine["rule"], fine["most"]) == ("us_fine_per_message", 1500)
    for words in ("would go now", "201", "us_window_promo", "1,500.00 USD", "no history file"):
        assert words in done.stdout


def test_the_first_of_too_many_refusals_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "recipients.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["to"], *(["a", "b"] for _ in range(30))])
    refused = Refused()
    for row in read_addressees(path, variables=frozenset(), numbers={}):
        assert isinstance(row, RefusedRow)
        refused.add(row)
    refused.report()
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 21
    assert told[-1] == f"{path}: … and 10 more"


def test_the_worked_example_comes_out_as_its_page_shows_it() -> None:
    names = ("consents", "history", "suppressions")
    done = run(
        *(EXAMPLES / "campaign.toml", EXAMPLES / "recipients.csv"),
        *("--at", "2026-11-21T10:00:00-03:00"),
        *(part for name in names for part in (f"--{name}", EXAMPLES / f"{name}.csv")),
        *("--senders", EXAMPLES / "senders.toml", "--templates", EXAMPLES / "templates.toml"),
    )
    assert done.exit_code == 0, done.stderr
    page = (PROJECT / "docs" / "simulate.md").read_text()
    shown = "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines())
    assert shown in page
