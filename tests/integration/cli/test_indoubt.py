"""`recado indoubt`: what is in doubt, and what an operator knows of it."""

import json
import subprocess
from collections.abc import Callable

import pytest

from pipeline.policy.vocabulary import MessageState
from tests.integration.world import World, numbers
from workers.clock import machine_now
from workers.reports.masks import mask_number

Recado = Callable[..., "subprocess.CompletedProcess[str]"]

PHONES = numbers(4)


def _doubted(world: World) -> list[int]:
    """Two campaigns of two messages each, in doubt since now and since a moment in the past."""
    sender, now = world.sender(), machine_now()
    ids: list[int] = []
    for code, people in (("one", PHONES[:2]), ("two", PHONES[2:])):
        ids += world.messages(
            world.campaign(code, expires_at=None),
            world.contacts(people),
            MessageState.IN_DOUBT,
            sender_id=sender.id,
            attempt=1,
            in_doubt_at=now,
        )
    world.execute(
        "UPDATE messages SET in_doubt_at = in_doubt_at - interval '2 hours' WHERE id = :id",
        id=ids[3],
    )
    return ids


def test_doubts_are_listed_without_numbers(recado: Recado, world: World) -> None:
    ids = _doubted(world)

    listed = json.loads(recado("indoubt", "list", "--json").stdout)

    assert [one["id"] for one in listed] == [ids[3], *ids[:3]]
    assert listed[0]["age_seconds"] >= 7200
    expected = {"campaign": "two", "sender": "us", "account": "sandbox", "attempt": 1}
    assert expected.items() <= listed[0].items()
    assert listed[0]["to"] == mask_number(PHONES[3])
    older = json.loads(recado("indoubt", "list", "--json", "--older-than", "60").stdout)
    assert [one["id"] for one in older] == [ids[3]]
    text = recado("indoubt", "list", "--campaign", "one").stdout
    assert "2 shown, 4 in doubt in all" in text
    assert not any(phone in text for phone in PHONES)
    assert "in doubt       4 (the oldest for 7,2" in recado("status").stdout


def test_a_misspelt_filter_is_no_empty_one(recado: Recado, world: World) -> None:
    _doubted(world)
    for call in (("list",), ("settle", "--unsent", "--reason", "their console")):
        for given in (("--campaign", "onw"), ("--sender", "uss")):
            done = recado("indoubt", *call, *given)
            assert (done.returncode, done.stdout) == (2, "")
            assert "did you mean" in done.stderr


def test_doubts_are_settled_one_by_one_and_by_campaign(recado: Recado, world: World) -> None:
    ids = _doubted(world)
    why = ("--reason", "their console", "--by", "ana")

    assert recado("indoubt", "settle", str(ids[0]), "--sent", *why).stdout.startswith("1 settled")
    again = recado("indoubt", "settle", str(ids[0]), str(ids[1]), "--unsent", *why)
    assert again.stdout.startswith("1 settled as unsent by ana")
    assert again.returncode == 1
    assert "1 were not in doubt" in again.stderr
    done = recado("indoubt", "settle", "--campaign", "two", "--again", "--json", *why)
    assert json.loads(done.stdout) == {"as": "again", "settled": 2, "by": "ana"}

    assert list(world.states(ids).values()) == ["sent", "failed", "accepted", "accepted"]
    trail = json.loads(recado("audit", "list", "--subject", "two", "--json").stdout)
    assert [(one["action"], one["actor"], one["reason"]) for one in trail] == [
        ("doubts_settled", "ana", "their console")
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("1", "--reason", "x"),
        ("1", "--sent", "--again", "--reason", "x"),
        ("--sent", "--reason", "x"),
        ("1", "--campaign", "two", "--sent", "--reason", "x"),
        ("1", "--sent"),
        ("1", "--sent", "--reason", " "),
        ("1", "--older-than", "5", "--sent", "--reason", "x"),
        ("-1", "--sent", "--reason", "x"),
    ],
    ids=" ".join,
)
def test_what_is_no_settlement_is_refused(
    recado: Recado, world: World, arguments: tuple[str, ...]
) -> None:
    ids = _doubted(world)
    assert recado("indoubt", "settle", *arguments).returncode == 2
    assert world.states() == dict.fromkeys(ids, "in_doubt")
