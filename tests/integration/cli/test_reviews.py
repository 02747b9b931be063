"""`recado reviews` and what `recado explain` and `recado status` tell of the opt-out lane."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from pipeline.policy.vocabulary import MessageState, Stage
from tests.integration.leavers import HOUR, Leavers
from tests.integration.world import BUSINESS, World
from workers.clock import machine_now
from workers.queues import queue_lengths

PHONES = ["+12125550100", "+12125550101"]
MASKED = ["+12•••••0100", "+12•••••0101"]
HOSTILE = "stop\x1b[2J\x1b]0;owned\x07\u202e it\r\n\x00please\u200b\ud800 [bold]now[/bold] क्‍ष 👍"
HARMLESS = "stop[2J]0;owned it please [bold]now[/bold] क्‍ष 👍"

Recado = Callable[..., Any]


@pytest.fixture
def leavers(world: World) -> Leavers:
    world.sender()
    return Leavers(world)


@pytest.fixture
def people(leavers: Leavers) -> Sequence[int]:
    return leavers.world.contacts(PHONES)


def test_reviews_are_listed_with_their_texts_and_without_numbers(
    recado: Recado, leavers: Leavers, people: Sequence[int]
) -> None:
    # What the webhook stores has neither null characters nor halves of characters.
    stored = HOSTILE.replace("\x00", "").replace("\ud800", "")
    now = machine_now()
    newer = leavers.held(people[0], now - HOUR, body=stored, matched="stop (en)")
    nobodys = leavers.held(None, now - 2 * HOUR, businesses=["*"], body="quem é?", language=None)
    leavers.reply(people[1], now)

    done = recado("reviews", "list", "--json")

    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)
    assert (first["id"], first["known"], first["to"], first["text"]) == (
        nobodys,
        False,
        None,
        "quem é?",
    )
    assert (second["id"], second["to"], second["country"]) == (newer, MASKED[0], "US")
    assert (second["businesses"], second["language"]) == ([BUSINESS], "en-US")
    assert (second["match"], second["matched"]) == ("sentence", "stop (en)")
    assert second["text"] == HARMLESS
    assert 3600 <= second["age_seconds"] < 3700
    told = recado("reviews", "list").stdout
    assert f"text: {HARMLESS}\n" in told
    assert f"from {MASKED[0]}, US, to {BUSINESS}" in told
    assert told.endswith("2 in all\n")
    assert "\x1b" not in told
    assert PHONES[0] not in told + done.stdout


def test_a_decision_is_in_force_and_told_to_the_lane(
    recado: Recado, leavers: Leavers, people: Sequence[int]
) -> None:
    world = leavers.world
    now = machine_now()
    replies = [leavers.held(person, now - HOUR) for person in people]
    ids = [str(reply) for reply in replies]

    done = recado(
        "reviews", "decide", *ids, "opt-out", "--by", "ana", "--note", "é pra sair", "--json"
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["decision"] == "opt_out"
    assert told["decided"] == told["in_force"] == replies
    assert queue_lengths(world.runtime.redis)[Stage.OPTOUT] == 1
    rows = world.query("SELECT * FROM opt_outs")
    assert all(row.in_force_at >= now for row in rows)
    noted = {
        (row.decided_by, row.decision_note) for row in world.query("SELECT * FROM inbound_messages")
    }
    assert noted == {("ana", "é pra sair")}

    again = recado("reviews", "decide", ids[0], "opt-out")
    assert again.returncode == 0
    assert f"left as they are: {ids[0]}" in again.stdout
    other = recado("reviews", "decide", ids[0], "none")
    assert other.returncode == 1
    assert other.stderr == f"recado: reply {ids[0]} was decided as opt_out by ana already\n"
    assert json.loads(recado("reviews", "list", "--json").stdout) == []


def test_none_lets_what_was_held_go_on(
    recado: Recado, leavers: Leavers, people: Sequence[int]
) -> None:
    world = leavers.world
    now = machine_now()
    reply = leavers.held(people[0], now - HOUR)
    (message,) = world.messages(
        world.campaign(),
        [people[0]],
        MessageState.DEFERRED,
        reason="suppressed",
        not_before=now + HOUR,
    )
    assert "when the reply that holds it is decided on" in recado("explain", str(message)).stdout

    done = recado("reviews", "decide", str(reply), "none", env={"LOGNAME": "eva"})

    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 decided as none by eva\n1 messages that were held are decided again\n"
    assert world.row(message).not_before <= machine_now()
    assert queue_lengths(world.runtime.redis)[Stage.OPTOUT] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["77", "opt-out"], "reply 77 was never held for review"),
        (["1", "maybe"], "maybe"),
        (["x", "none"], "Invalid value for 'ID'"),
        (["0", "none"], "Invalid value for 'ID'"),
        ([str(2**63), "none"], "Invalid value for 'ID'"),
        (["none"], "ID"),
        (["1", "none", "--by", " \x1b "], "--by is empty; write a text"),
        (["1", "none", "--note", "x" * 1001], "--note is longer than 1000 characters"),
    ],
)
def test_wrong_input_is_told(recado: Recado, arguments: list[str], told: str) -> None:
    done = recado("reviews", "decide", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_tells_what_a_person_has_written_and_what_followed(
    recado: Recado, leavers: Leavers, people: Sequence[int]
) -> None:
    world = leavers.world
    now = machine_now()
    delivered = now - 5 * HOUR
    (message,) = world.messages(
        world.campaign(),
        [people[0]],
        MessageState.DELIVERED,
        sent_at=delivered,
        delivered_at=delivered,
        read_at=delivered + HOUR,
    )
    left = leavers.opt_out(people[0], now - 3 * HOUR, cancelled=4, complaint=True)
    held = leavers.held(people[0], now - HOUR, body="my secret words")
    leavers.reply(people[0], now, kind="number_change", body="", intent="none", match="platform")
    world.execute(
        "INSERT INTO notices (inbound_id, kind, contact_id, business, sender_id, body, state,"
        " created_at, sent_at) SELECT :id, 'confirmation', :contact, 'acme', id, 'bye', 'sent',"
        " :now, :now FROM senders",
        id=left,
        contact=people[0],
        now=now,
    )

    by_id = recado("explain", str(message))
    assert by_id.returncode == 0, by_id.stderr
    assert f"read at {(delivered + HOUR).isoformat()}" in by_id.stdout
    assert f"What {MASKED[0]} has written" in by_id.stdout
    assert f"reply {left} to acme: opt_out by keyword (stop (en)), scope all" in by_id.stdout
    assert f"opt-out {left} from acme, by reply, a complaint" in by_id.stdout
    assert "4 waiting messages ended" in by_id.stdout
    assert "confirmation: sent" in by_id.stdout
    assert f"recado reviews decide {held}" in by_id.stdout
    assert "the person has another number now" in by_id.stdout
    assert "secret" not in by_id.stdout

    told = json.loads(recado("explain", PHONES[0], "--json").stdout)
    assert told["to"] == PHONES[0]
    assert [one["id"] for one in told["messages"]] == [message]
    assert told["messages"][0]["read_at"] == (delivered + HOUR).isoformat()
    assert [one["match"] for one in told["replies"]] == ["keyword", "sentence", "platform"]
    assert [one["reply"] for one in told["opt_outs"]] == [left]
    assert [one["state"] for one in told["notices"]] == ["sent"]
    assert [one["reply"] for one in told["holds"]] == [held]
    (only,) = json.loads(recado("explain", str(message), "--json").stdout)
    assert only["person"]["opt_outs"] == told["opt_outs"]
    assert "contact_id" not in only
    assert PHONES[0] not in json.dumps(only)


def test_explain_tells_of_a_person_who_only_ever_wrote(
    recado: Recado, leavers: Leavers, people: Sequence[int]
) -> None:
    leavers.opt_out(people[1], machine_now() - HOUR)
    done = recado("explain", PHONES[1])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"What {PHONES[1]} has written")
    # Known, but nothing ever happened.
    assert recado("explain", PHONES[0]).returncode == 1


def test_status_shows_the_clock_the_reviews_and_who_is_missing(
    recado: Recado, leavers: Leavers, people: Sequence[int]
) -> None:
    now = machine_now()
    empty = recado("status")
    assert "opt-out clock  0 open, 0 past half of the deadline, 0 past all of it" in empty.stdout
    assert "replies        0 for the lane; 0 for a person\n" in empty.stdout
    assert "optout, web" in empty.stdout.split("missing")[1].splitlines()[0]
    leavers.opt_out(people[0], now - timedelta(minutes=10), confirmed=None)
    leavers.opt_out(people[0], now - timedelta(minutes=40), confirmed=None)
    leavers.held(people[1], now - HOUR)
    leavers.reply(people[1], now - timedelta(minutes=1))

    store = json.loads(recado("status", "--json").stdout)["store"]

    assert (store["opt_outs_open"], store["opt_outs_past_half"]) == (2, 1)
    assert store["opt_outs_past_deadline"] == 0
    assert store["oldest_opt_out_at"] == (now - timedelta(minutes=40)).isoformat()
    assert (store["reviews_waiting"], store["replies_waiting"]) == (1, 1)
    text = recado("status").stdout
    assert "opt-out clock  2 open (the oldest for 2,40" in text
    assert "replies        1 for the lane (the oldest for 6" in text
