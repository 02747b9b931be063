import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.policy.vocabulary import Category, Channel, MessageState, Outcome, Reason, Stage
from pipeline.stages import intake
from pipeline.stages.intake import Chunk
from pipeline.store import campaigns, contacts, messages, suppressions
from pipeline.store.campaigns import Campaign
from pipeline.store.messages import Verdict
from workers.clock import machine_now
from workers.heartbeat import alive_here
from workers.intake import DEAD_STREAM, STREAM
from workers.runtime import Runtime

NUMBER = "+12125550100"
Recado = Callable[..., Any]


@pytest.fixture
def blocked_message(runtime: Runtime) -> int:
    """A message that the consent stage has blocked for want of a consent."""
    now = machine_now()
    with runtime.transaction() as connection:
        campaigns.create(
            connection,
            Campaign(
                code="news",
                name="News",
                business="b",
                brand="B",
                category=Category.MARKETING,
                channel=Channel.SMS,
                language="en",
                body="B: {name}",
            ),
            now=now,
        )
        row = {"to": NUMBER, "variables": {"name": "Ann Secret"}}
        chunk = Chunk(campaign="news", rows=[row])
        (message_id,) = intake.run(connection, [chunk], now=now, lease=now).ids
        verdict = Verdict(
            id=message_id,
            state=MessageState.BLOCKED,
            outcome=Outcome.BLOCK,
            reason=Reason.NO_CONSENT,
            rule="us_consent_express_written",
            policy="US-1",
        )
        messages.apply(
            connection,
            [verdict],
            stage=Stage.CONSENT,
            from_state=MessageState.ACCEPTED,
            lease=None,
            now=now,
        )
    return message_id


def test_explain_hides_the_number_unless_it_was_given(recado: Recado, blocked_message: int) -> None:
    by_id = recado("explain", str(blocked_message))
    assert by_id.returncode == 0, by_id.stderr
    assert "consent: block no_consent" in by_id.stdout
    assert "rule us_consent_express_written" in by_id.stdout
    assert NUMBER not in by_id.stdout
    by_number = recado("explain", NUMBER)
    assert NUMBER in by_number.stdout
    assert "Ann Secret" not in by_id.stdout + by_number.stdout


def test_explain_as_json_tells_rule_policy_and_next_chance(
    recado: Recado, blocked_message: int
) -> None:
    done = recado("explain", str(blocked_message), "--json")
    (message,) = json.loads(done.stdout)
    assert message["state"] == "blocked"
    assert message["next"] == "none: this is its end"
    assert message["decisions"][-1]["policy"] == "US-1"
    assert NUMBER not in done.stdout


def test_explain_asks_every_rule_again_of_what_has_not_left(
    recado: Recado, blocked_message: int
) -> None:
    told = json.loads(recado("explain", str(blocked_message), "--json").stdout)[0]["rules_now"]
    assert (told["outcome"], told["reason"]) == ("block", "no_consent")
    assert told["rule"] == "us_consent_express_written"
    assert told["policy"].startswith("US-")
    by_rule = {check["rule"]: check for check in told["checks"]}
    # Not the first alone: what else is wrong is told at once.
    assert by_rule["us_content_optout_instruction"]["outcome"] == "block"
    assert by_rule["us_reg_10dlc"]["reason"] == "sender_unregistered"
    assert by_rule["us_reg_10dlc"]["source"] == "document B, lines 48 to 50"
    in_words = recado("explain", str(blocked_message)).stdout
    assert "no_consent; for good" in in_words
    assert "rule us_reg_10dlc: The sending number is registered beforehand" in in_words


def test_explain_asks_no_rule_about_the_second_row_of_a_recipient(
    recado: Recado, runtime: Runtime, blocked_message: int
) -> None:
    now = machine_now()
    rows = [{"to": NUMBER, "id": "a", "position": place} for place in (7, 8)]
    with runtime.transaction() as connection:
        intake.run(connection, [Chunk(campaign="news", rows=rows)], now=now, lease=now)
    told = json.loads(recado("explain", NUMBER, "--json").stdout)["messages"]
    # What it says is not kept: its variables would be missing, which is nobody's fault.
    assert {each["reason"]: each["rules_now"] is not None for each in told} == {
        "no_consent": True,
        None: True,
        "duplicate": False,
    }
    assert blocked_message in {each["id"] for each in told}


def test_explain_of_nobody_fails_with_one_line(recado: Recado) -> None:
    for subject in ("12345", "+12125550199", "no-such-key", "9" * 30):
        done = recado("explain", subject)
        assert done.returncode == 1
        assert done.stderr == (
            f"recado: no message is known for {subject}; 13 months after its campaign's end "
            "a message is removed\n"
        )
    assert recado("explain", "+1").returncode == 2


def test_a_campaign_is_paused_resumed_and_cancelled(recado: Recado, blocked_message: int) -> None:
    assert blocked_message
    assert "paused" in recado("campaign", "pause", "news").stdout
    assert json.loads(recado("campaign", "list", "--json").stdout)[0]["state"] == "paused"
    assert "active" in recado("campaign", "resume", "news").stdout
    assert "cancelled" in recado("campaign", "cancel", "news").stdout
    again = recado("campaign", "resume", "news")
    assert again.returncode == 1
    assert "is cancelled and stays so" in again.stderr
    unknown = recado("campaign", "show", "newz")
    assert unknown.returncode == 2
    assert "did you mean news?" in unknown.stderr


def test_campaign_show_balances(recado: Recado, blocked_message: int) -> None:
    assert blocked_message
    done = recado("campaign", "show", "news")
    assert "1 accepted = 0 sent + 1 blocked" in done.stdout
    balance = json.loads(recado("campaign", "show", "news", "--json").stdout)["balance"]
    assert balance["reasons"] == {"blocked": {"no_consent": 1}}


def test_status_shows_the_stream_and_the_states(recado: Recado, blocked_message: int) -> None:
    assert blocked_message
    done = recado("status", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["store"]["states"] == {"blocked": 1}
    assert found["stream_entries"] == 0
    text = recado("status").stdout
    assert "missing        intake, dispatch" in text
    assert "blocked 1" in text


def test_dead_letters_are_listed_retried_and_dropped(recado: Recado, runtime: Runtime) -> None:
    client: Any = runtime.redis
    fields: dict[Any, Any] = {
        "schema": "recado.intake/1",
        "campaign": "gone",
        "messages": "[{}]",
        "reason": "unknown_campaign",
        "detail": "create it first",
        "entry": "1-1",
    }
    ids = [client.xadd(DEAD_STREAM, fields).decode() for _ in range(3)]
    listed = json.loads(recado("dead", "list", "--json").stdout)
    assert [letter["id"] for letter in listed] == ids
    assert listed[0]["reason"] == "unknown_campaign"

    assert recado("dead", "retry", ids[0]).stdout == "1 retried\n"
    ((_, put_back),) = client.xrange(STREAM)
    assert put_back == {
        b"schema": b"recado.intake/1",
        b"campaign": b"gone",
        b"messages": b"[{}]",
    }
    assert recado("dead", "retry", ids[0]).returncode == 1
    assert recado("dead", "drop").returncode == 2
    assert recado("dead", "drop", "x").returncode == 2
    assert recado("dead", "drop", "--all").stdout == "2 dropped\n"
    assert client.xlen(DEAD_STREAM) == 0


def test_a_process_says_that_it_lives_and_ends_when_told_to(
    recado: Recado, start: Callable[..., Any], runtime: Runtime, wait_for: Callable[..., None]
) -> None:
    assert recado("health", "dispatch").returncode == 1
    process = start("dispatch")
    wait_for(lambda: alive_here(runtime.redis, "dispatch"), what="the heartbeat")
    assert recado("health", "dispatch").stdout == f"dispatch is alive: {process.pid}\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not alive_here(runtime.redis, "dispatch")


def test_imports_are_idempotent_and_report_bad_rows(
    recado: Recado, senders_file: Path, tmp_path: Path
) -> None:
    assert recado("senders", "import", senders_file).stdout.startswith("1 taken, 1 changed, 0 ref")
    assert recado("senders", "import", senders_file).stdout.startswith("1 taken, 0 changed, 0 ref")
    file = tmp_path / "consents.csv"
    header = "to,business,channel,category,granted_at"
    good = f"{NUMBER},b,*,marketing,2026-01-01T00:00:00Z"
    file.write_text("\n".join([header, good, f"{NUMBER},b,*,marketing,2026-01-01"]))
    first = recado("consents", "import", file)
    assert first.returncode == 0
    assert first.stdout.startswith("1 taken, 1 changed, 1 refused")
    assert "consents.csv:3: granted_at has no offset" in first.stdout
    assert recado("consents", "import", file).stdout.startswith("1 taken, 0 changed, 1 refused")
    file.write_text(f"{header}\n{NUMBER},b,*,nonsense,\n")
    none = recado("consents", "import", file, "--json")
    assert none.returncode == 2
    assert json.loads(none.stdout)["refusals"][0]["field"] == "category"


def test_a_newer_consent_lifts_an_opt_out_and_an_older_one_does_not(
    recado: Recado, runtime: Runtime, tmp_path: Path
) -> None:
    listed = tmp_path / "suppressions.csv"
    listed.write_text(f"to,business,reason,since\n{NUMBER},b,opt_out,2026-02-01T00:00:00Z\n")
    assert recado("suppressions", "import", listed).stdout.startswith("1 taken, 1 changed")
    assert recado("suppressions", "import", listed).stdout.startswith("1 taken, 0 changed")

    def lifted(granted_at: str) -> bool:
        file = tmp_path / "consents.csv"
        row = f"{NUMBER},b,*,marketing,{granted_at}"
        file.write_text(f"to,business,channel,category,granted_at\n{row}\n")
        assert recado("consents", "import", file).returncode == 0
        with runtime.transaction() as connection:
            people = contacts.find(connection, [NUMBER]).values()
            (entry,) = suppressions.of(connection, people, ["b"])
        return entry.lifted_at is not None

    assert not lifted("2026-01-01T00:00:00Z")
    assert lifted("2026-03-01T00:00:00Z")
    recado("suppressions", "import", listed)
    assert lifted("2026-03-01T00:00:00Z")


def test_policies_need_no_server(recado: Recado) -> None:
    env = {"RECADO_DATABASE_URL": "postgresql://127.0.0.1:1/x", "RECADO_REDIS_URL": "redis://x:1"}
    packs = json.loads(recado("policy", "list", "--json", env=env).stdout)
    assert {"BR", "EU", "IN", "PE", "US"} <= {pack["code"] for pack in packs}
    shown = json.loads(
        recado("policy", "show", "es", "--at", "2026-11-27", "--json", env=env).stdout
    )
    assert shown["pack"] == "EU"
    assert all(rule["source"] for rule in shown["rules"])
    assert any(rule["enforced"] for rule in shown["rules"])
    assert recado("policy", "show", "XX", env=env).returncode == 2
    assert recado("policy", "show", "BR", "--at", "soon", env=env).returncode == 2


def test_a_wrong_setting_stops_with_its_name(recado: Recado) -> None:
    done = recado("status", env={"RECADO_CLOCK_SPEED": "fast"})
    assert done.returncode == 2
    assert re.fullmatch(r"recado: RECADO_CLOCK_SPEED: .*\n", done.stderr)
