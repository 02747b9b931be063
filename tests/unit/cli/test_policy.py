"""``recado policy`` as an officer runs it, and the pages that are made of the packs."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from config.packs.fields import LONGEST_PERIOD
from config.policies import COUNTRIES_FOLDER, PolicyError, load_policies
from pipeline.policy.decision import Defer, Proceed
from pipeline.policy.numbers import NumberFacts, read_number
from pipeline.policy.vocabulary import Category, Channel
from pipeline.policy.window_table import WindowTable
from pipeline.stages import caps
from workers.cli.output import CommandError
from workers.cli.policies import app
from workers.reports.rules_page import rules_page

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(autouse=True)
def _plain_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # no .env
    monkeypatch.delenv("RECADO_OVERLAYS", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def as_json(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_the_page_of_all_rules_is_what_the_packs_say() -> None:
    assert (DOCS / "rules.md").read_text() == rules_page(load_policies()), (
        "run: recado policy page > docs/rules.md"
    )


def test_the_page_has_every_rule_of_every_pack_and_overlay() -> None:
    printed = run("page").output
    policies = load_policies()
    rules = [rule for pack in policies.packs() for rule in pack.rules]
    rules += [rule for overlay in policies.overlays() for rule in overlay.rules]
    assert [rule.id for rule in rules if f"| `{rule.id}`<br>" not in printed] == []


def test_the_list_tells_which_overlays_are_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECADO_OVERLAYS", '["france"]')
    entries = {entry["code"]: entry for entry in as_json("list")}
    assert entries["BR"]["overlay"] is False
    assert (entries["france"]["overlay"], entries["france"]["on"]) == (True, True)
    assert entries["france"]["countries"] == {"FR": "France"}
    assert entries["spain"]["on"] is False
    assert set(entries["BR"]["countries"]) < set(entries["whatsapp-limits"]["countries"])
    printed = run("list").output
    assert "overlay france           on " in printed


def test_show_tells_the_rules_of_a_day_with_the_overlays_asked_for() -> None:
    def rules(*more: str) -> dict[str, Any]:
        return {rule["id"]: rule for rule in as_json("show", "US", *more)["rules"]}

    alone = rules("--at", "2026-11-27")
    assert "us_states_tx_window" not in alone
    joined = rules("--at", "2026-11-27", "--overlay", "us-states", "--overlay", "us-whatsapp")
    assert {"us_states_tx_window", "us_whatsapp_no_marketing"} <= joined.keys()
    assert joined["us_states_tx_window"]["states"] == ["TX"]
    assert joined["us_states_tx_window"]["overlay"] == "us-states"
    assert joined["us_freq_promo"]["value_in_words"] == "at most 3 in 31 days"
    assert joined["us_freq_promo"]["enforced_by"] == "pipeline.policy.frequency"
    earlier = rules("--at", "2025-08-31", "--overlay", "us-states")
    assert "us_states_tx_window" not in earlier
    assert "us_states_fl_window" in earlier


def test_show_prints_value_dates_source_and_what_enforces_it() -> None:
    printed = run("show", "us", "--at", "2026-11-27", "--overlay", "us-states").output
    assert printed.startswith("United States (US), pack US, US-")
    texas = printed[printed.index("us_states_tx_window") :].split("\n\n", maxsplit=1)[0]
    cited = "Tex. Bus. & Com. Code 301.051; SB 140, for texts since 1 September 2025"
    assert texas.splitlines() == [
        "us_states_tx_window  [window, defer, enforced, overlay us-states]",
        "  In Texas, marketing arrives between 9 a.m. and 9 p.m. local time, on Sundays from noon.",
        "  value: Monday to Saturday 09:00-21:00; Sunday 12:00-21:00",
        "  binds: marketing and public service, in TX, since 2025-09-01",
        "  enforced by: pipeline.policy.window",
        f"  source: {cited} (told by others)",
    ]


def test_an_unknown_overlay_and_an_unknown_country_are_refused() -> None:
    unknown = run("show", "US", "--overlay", "us-state").exception
    assert isinstance(unknown, PolicyError)
    assert "did you mean 'us-states'" in str(unknown)
    nowhere = run("show", "CL").exception
    assert isinstance(nowhere, CommandError)
    assert nowhere.exit_code == 2


def test_check_finds_nothing_wrong_with_the_project() -> None:
    done = run("check")
    assert done.exit_code == 0
    assert done.output == "6 packs and 8 overlays can be used\n"


def test_check_names_the_first_error_of_every_file(tmp_path: Path) -> None:
    folder = Path(copytree(COUNTRIES_FOLDER, tmp_path / "packs"))
    for name, right, wrong in (("br", "limit = 4,", "limt = 4,"), ("us", '"defer"', '"dfer"')):
        path = folder / f"{name}.toml"
        path.write_text(path.read_text().replace(right, wrong))
    done = run("check", str(folder))
    assert isinstance(done.exception, CommandError)
    assert done.exception.exit_code == 2
    brazil, states = done.output.splitlines()
    assert brazil.startswith(f"{folder}/br.toml:")
    assert brazil.endswith(
        "rule br_freq_marketing: value.limt: no such field; did you mean 'limit'?"
    )
    assert states.startswith(f"{folder}/us.toml:")
    assert states.endswith("action: 'dfer' is unknown; did you mean 'defer'?")


def test_the_worked_example_of_a_pack_decides(tmp_path: Path) -> None:
    folder = Path(copytree(COUNTRIES_FOLDER, tmp_path / "packs"))
    (folder / "co.toml").write_text((DOCS / "examples" / "pack-colombia.toml").read_text())
    assert run("check", str(folder)).exit_code == 0
    policies = load_policies(folder)
    assert policies.for_country("CO", date(2023, 10, 9)) is None
    policy = policies.for_country("CO", date(2026, 11, 23))
    person = read_number("+573001234567")
    assert policy is not None
    assert isinstance(person, NumberFacts)

    def decision(day: int, hour: int) -> object:
        return (
            WindowTable()
            .decide(
                policy,
                Category.MARKETING,
                zones=person.zones,
                state=person.state,
                now=datetime(2026, 11, day, hour, tzinfo=UTC),
                channel=Channel.SMS,
            )
            .decision
        )

    monday_opens = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert isinstance(decision(21, 19), Proceed)  # a Saturday, 14:00 in Bogotá
    found = decision(21, 20)
    assert isinstance(found, Defer)
    assert (found.until, found.rule) == (monday_opens, "co_window")
    assert isinstance(decision(23, 12), Proceed)
    assert isinstance(decision(16, 15), Defer)  # the independence of Cartagena
    assert policy.caps[Category.MARKETING][0].limit == 1


def test_no_pack_may_count_longer_than_the_stages_look_back() -> None:
    assert LONGEST_PERIOD == caps.LONGEST_PERIOD
