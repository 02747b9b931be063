"""``recado consents``: a ledger that is proved, and consents that are due."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.store import suppressions
from tests.conftest import Recado
from tests.integration.world import BUSINESS, NOW, World
from workers.cli import consents as commands
from workers.cli.output import UNUSABLE, CommandError
from workers.inputs.consents_file import ConsentRow, read_consents
from workers.inputs.load import load_consents
from workers.reports.consents import read_due, read_ledger

CPF = "529.982.247-25"
DIGITS = "52998224725"
HEADER = "to,business,channel,category,granted_at,method,text,ip,cpf,confirmed_at\n"
ROW = (
    f"+5511987654321,{BUSINESS},*,marketing,2026-03-04T09:00:00-03:00,web,Aceito.,"
    f"192.0.2.21,{CPF},2026-03-04T09:02:00-03:00\n"
)
PERU = ["+51987654321", "+51987654322", "+51987654323", "+51987654324"]
DAY = timedelta(days=1)


def test_verify_proves_a_ledger_and_finds_what_was_done_to_it(recado: Recado, world: World) -> None:
    world.consent(world.contacts(PERU[:2]))

    sound = recado("consents", "verify")
    assert sound.returncode == 0, sound.stderr
    assert "4 events about 2 people" in sound.stdout
    head = sound.stdout.split()[-1]

    world.consent(world.contacts(PERU[2:3]))
    later = recado("consents", "verify", "--expect", head, "--json")
    assert later.returncode == 0, later.stderr
    assert json.loads(later.stdout)["expected_at"] == 4
    assert json.loads(later.stdout)["events"] == 6

    with world.runtime.transaction() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("UPDATE consent_events SET evidence = '{}' WHERE id = 3"))
    broken = recado("consents", "verify")
    assert broken.returncode == 1
    assert "event 3 [changed]" in broken.stdout
    assert "event 3 [state_differs]" not in broken.stdout
    assert broken.stderr.splitlines()[-1].startswith("recado: the ledger of consents is not sound")


def test_a_hash_that_is_none_is_refused() -> None:
    with pytest.raises(CommandError, match="64 hexadecimal digits") as refused:
        commands.verify(expect="abc")
    assert refused.value.exit_code == UNUSABLE


def test_preferences_are_loaded_once(recado: Recado, world: World, tmp_path: Path) -> None:
    path = tmp_path / "wishes.csv"
    path.write_text(
        "to,business,channels,topics,hours\n"
        f"{PERU[0]},{BUSINESS},sms,,monday-friday 18:00-21:00\n"
        f"{PERU[1]},{BUSINESS},fax,,\n"
        f"{PERU[2]},{BUSINESS},sms,,\n"
        f"{PERU[2]},{BUSINESS},whatsapp,news,\n"
    )
    first = recado("preferences", "import", path)
    assert first.returncode == 0, first.stderr
    assert "3 taken, 2 changed, 1 refused" in first.stdout
    assert "wishes.csv:3: channels names 'fax'" in first.stdout
    rows = world.query("SELECT channels, topics, hours FROM preferences ORDER BY contact_id")
    assert rows[0].hours["0"] == [["18:00:00", "21:00:00"]]
    assert (rows[1].channels, rows[1].topics) == (["whatsapp"], ["news"])


def test_a_cpf_is_stored_nowhere_and_shown_never(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "consents.csv"
    path.write_text(HEADER + ROW)
    rows = list(read_consents(path, hash_key=b"a key of the operator"))
    good = [row for row in rows if isinstance(row, ConsentRow)]
    assert load_consents(world.runtime, good) == 1

    for table in world.query("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"):
        stored = world.query(f"SELECT CAST(t AS text) AS row FROM {table.name} t")  # noqa: S608 - names of the catalogue
        for row in stored:
            assert CPF not in row.row, table.name
            assert DIGITS not in row.row, table.name
    (event,) = world.query("SELECT evidence FROM consent_events WHERE kind = 'granted'")
    assert event.evidence["cpf_valid"] is True
    assert len(event.evidence["cpf_hash"]) == 64

    found = read_ledger(world.runtime, expected=None)
    commands.print_ledger(found)
    shown = capsys.readouterr().out + json.dumps(found.as_json(), default=str) + repr(rows)
    assert found.sound
    assert CPF not in shown
    assert DIGITS not in shown


def test_consents_that_grow_too_old_are_listed_with_their_day(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    soon, renewed, left, fresh = world.contacts(PERU)
    world.consent([soon], granted_at=datetime(2026, 6, 3, 12, tzinfo=UTC))
    world.consent([renewed], granted_at=NOW - 400 * DAY, renewed_at=NOW - 170 * DAY)
    world.consent([left], granted_at=NOW - 175 * DAY)
    world.consent([fresh], granted_at=NOW - 10 * DAY)
    with world.runtime.transaction() as connection:
        entry = (left, BUSINESS, "opt_out", NOW - DAY)
        suppressions.add(connection, [entry], source="reply", now=NOW)

    found = read_due(world.runtime, within=30 * DAY, now=NOW)

    assert [one.given.contact_id for one in found] == [soon, renewed]
    assert found[0].expires_at == datetime(2026, 12, 3, 12, tzinfo=UTC)
    assert {(one.country, one.rule) for one in found} == {("PE", "pe_consent_max_age")}
    commands.print_due(found, 30)
    shown = capsys.readouterr().out
    assert "2026-12-03T12:00:00+00:00  +51•••••4321  acme" in shown
    assert "consents that expire within 30 days: 2" in shown
    assert read_due(world.runtime, within=5 * DAY, now=NOW) == []
    # Past its day it is no longer due: it has to be given anew.
    assert [
        one.given.contact_id for one in read_due(world.runtime, within=DAY * 9, now=NOW + 11 * DAY)
    ] == [renewed]
