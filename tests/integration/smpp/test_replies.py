"""What people write takes effect before it is answered, and takes effect once."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.smpp.desk import Desk, settings_of
from tests.integration.smpp.smsc import Smsc
from tests.integration.world import numbers

Start = Callable[..., "subprocess.Popen[str]"]
WaitFor = Callable[..., None]


def test_a_stop_is_in_force_when_it_is_answered(desk: Desk, wait_for: WaitFor) -> None:
    assert desk.write("STOP") == 0
    assert desk.replies() == [("STOP", "opt_out")]
    (row,) = desk.world.query("SELECT business FROM suppressions")
    assert row.business == "acme"
    wait_for(lambda: len(desk.told) == 1, what="the lane's turn")


def test_what_is_brought_again_counts_once_and_what_is_said_again_counts(desk: Desk) -> None:
    said = ["STOP", "STOP", "START", "START", "STOP"]
    assert [desk.write(text) for text in said] == [0] * 5
    assert [body for body, _ in desk.replies()] == ["STOP", "START", "STOP"]
    assert desk.world.query("SELECT FROM suppressions")


def test_an_opt_in_that_is_brought_again_lets_nothing_through_to_who_left_since(
    desk: Desk,
) -> None:
    for text in ("START", "STOP", "START"):
        assert desk.write(text) == 0
    assert [body for body, _ in desk.replies()] == ["START", "STOP"]
    assert desk.world.query("SELECT FROM suppressions")


def test_two_people_may_say_the_same(desk: Desk) -> None:
    for phone in numbers(2, seed=9):
        assert desk.write("STOP", source_addr=phone.removeprefix("+")) == 0
    assert len(desk.replies()) == 2


def test_without_the_database_nothing_is_acknowledged_and_it_is_brought_again(
    desk: Desk, wait_for: WaitFor
) -> None:
    desk.world.execute("ALTER TABLE inbound_messages RENAME TO away")
    assert desk.write("STOP") == 0x64
    desk.world.execute("ALTER TABLE away RENAME TO inbound_messages")
    wait_for(lambda: desk.write("STOP") == 0, what="the database")
    assert desk.replies() == [("STOP", "opt_out")]


@pytest.mark.parametrize(
    ("octets", "fields", "text"),
    [
        ("00530054004f0050", {"data_coding": 8}, "STOP"),
        ("0500034a0201" + "00530054004f0050", {"data_coding": 8, "esm_class": 0x40}, "STOP"),
        ("0500034a0201" + b"STOP".hex(), {"data_coding": 0, "esm_class": 0x40}, "STOP"),
        ("e1" + b" STOP".hex(), {"data_coding": 3}, "á STOP"),
        ("097f" + b" SAIR".hex(), {"data_coding": 0}, "Çà SAIR"),
        ("1b65" + b"5 STOP".hex(), {"data_coding": 0xF1}, "€5 STOP"),
        ("e17f" + b" STOP".hex(), {"data_coding": 0}, "á\x7f STOP"),
    ],
)
def test_every_alphabet_is_read(desk: Desk, octets: str, fields: dict[str, Any], text: str) -> None:
    assert desk.write("", octets=octets, **fields) == 0
    ((body, _),) = desk.replies()
    assert body == text


def test_unusual_parameters_lose_no_reply(desk: Desk) -> None:
    unusual = {
        "network_error_code": "03ffee99",
        "source_subaddress": "a0ff",
        "its_session_info": "00",
    }
    assert desk.write("STOP", parameters=unusual) == 0
    assert desk.replies() == [("STOP", "opt_out")]


def test_a_text_in_the_payload_is_read(desk: Desk) -> None:
    assert desk.write("", message_payload="STOP") == 0
    assert desk.replies() == [("STOP", "opt_out")]


def test_an_empty_message_is_kept(desk: Desk) -> None:
    assert desk.write("") == 0
    assert desk.replies() == [("", "none")]


def test_a_receiver_that_lost_its_connection_comes_back(desk: Desk, wait_for: WaitFor) -> None:
    desk.smsc.drop()
    wait_for(lambda: desk.smsc.log()["bound"] == ["receiver"], what="another bind")
    assert desk.write("STOP") == 0
    assert desk.smsc.enquire("receiver") == 0


def test_it_takes_leave_when_it_is_stopped(smsc: Smsc, start: Start, wait_for: WaitFor) -> None:
    process = start("smpp", env=settings_of(smsc))
    wait_for(lambda: "receiver" in smsc.log()["bound"], timeout=40, what="the bind")
    process.terminate()
    assert process.wait(20) == 0
    assert smsc.log()["unbinds"] == 1


def test_without_an_account_it_waits(
    start: Start, wait_for: WaitFor, recado: Callable[..., Any]
) -> None:
    process = start("smpp")
    wait_for(lambda: recado("health", "smpp").returncode == 0, timeout=40, what="a heartbeat")
    assert process.poll() is None
