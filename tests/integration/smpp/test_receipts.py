"""Receipts move their messages, whatever an SMSC calls them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.providers.smpp.account import ReceiptIds
from pipeline.store import receipt_ids
from tests.integration.smpp.desk import Desk
from tests.integration.world import NOW


@pytest.mark.parametrize(
    ("stat", "state"),
    [
        ("DELIVRD", "delivered"),
        ("UNDELIV", "undelivered"),
        ("EXPIRED", "undelivered"),
        ("REJECTD", "undelivered"),
        ("ENROUTE", "sent"),
        ("UNKNOWN", "sent"),
        ("NONSENSE", "sent"),
    ],
)
def test_a_receipt_moves_its_message(desk: Desk, stat: str, state: str) -> None:
    message_id = desk.message("4711")
    assert desk.receipt("4711", stat) == 0
    assert desk.state(message_id) == state


def test_a_receipt_settles_a_doubt(desk: Desk) -> None:
    message_id = desk.message("4711")
    desk.world.execute("UPDATE messages SET state = 'in_doubt'")
    assert desk.receipt("0004711", "DELIVRD") == 0
    assert desk.state(message_id) == "delivered"


def test_a_receipt_may_speak_by_its_parameters_alone(desk: Desk) -> None:
    message_id = desk.message("a3f")
    fields = {
        "source_addr": "1",
        "receipted_message_id": "A3F",
        "message_state": 2,
        "short_message": "",
    }
    assert desk.smsc.deliver(fields) == 0
    assert desk.state(message_id) == "delivered"


def test_ids_may_be_hexadecimal_in_receipts(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(receipt_ids=ReceiptIds.DECIMAL_THEN_HEX)
    message_id = desk.message("2623")
    assert desk.receipt("00000A3F", "DELIVRD") == 0
    assert desk.state(message_id) == "delivered"


def test_a_message_in_parts_has_arrived_when_all_have(desk: Desk) -> None:
    message_id = desk.message("1", "2", "3")
    for part, state in (("2", "sent"), ("1", "sent"), ("1", "sent"), ("3", "delivered")):
        assert desk.receipt(part, "DELIVRD") == 0
        assert desk.state(message_id) == state


def test_a_message_of_which_a_part_is_lost_has_not_arrived(desk: Desk) -> None:
    message_id = desk.message("1", "2")
    assert [desk.receipt("1", "DELIVRD"), desk.receipt("2", "EXPIRED")] == [0, 0]
    assert desk.state(message_id) == "undelivered"


def test_a_text_in_pieces_is_settled_by_its_receipts_and_never_as_delivered(desk: Desk) -> None:
    message_id = desk.message("1", "3", parts=3)
    desk.world.execute("UPDATE messages SET state = 'in_doubt'")
    for part in ("1", "3"):
        assert desk.receipt(part, "DELIVRD") == 0
        assert desk.state(message_id) == "sent"


def test_one_id_for_all_parts_is_enough(desk: Desk) -> None:
    message_id = desk.message("7", "7", "7")
    assert desk.receipt("7", "DELIVRD") == 0
    assert desk.state(message_id) == "delivered"


def test_a_receipt_before_its_answer_is_recorded_waits_for_it(desk: Desk) -> None:
    assert desk.receipt("77", "DELIVRD") == 0x64
    message_id = desk.message("77")
    assert desk.receipt("77", "DELIVRD") == 0
    assert desk.state(message_id) == "delivered"


def test_a_receipt_of_nobody_s_message_is_let_go_in_the_end(desk: Desk) -> None:
    assert [desk.receipt("88", "DELIVRD") for _ in range(4)] == [0x64, 0x64, 0x64, 0]


def test_another_account_s_receipt_moves_nothing(desk: Desk) -> None:
    message_id = desk.message("99", account="other")
    assert desk.receipt("99", "DELIVRD") == 0x64
    assert desk.state(message_id) == "sent"


def test_an_error_may_say_that_the_person_has_left(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(opt_out_errors=frozenset({"0EA"}), violation_errors=frozenset({"991"}))
    message_id = desk.message("5")
    assert desk.receipt("5", "UNDELIV", err="0ea") == 0
    assert desk.state(message_id) == "undelivered"
    assert desk.world.query("SELECT FROM suppressions")
    desk.message("6")
    assert desk.receipt("6", "REJECTD", err="991") == 0
    (row,) = desk.world.query("SELECT sum(violations) AS violations FROM sender_hours")
    assert row.violations == 1


def test_two_processes_that_are_told_of_the_last_two_parts_find_the_message_whole(
    desk: Desk, wait_for: Callable[..., None]
) -> None:
    message_id = desk.message("1", "2")
    engine = desk.world.runtime.engine

    def tell(part: str) -> bool:
        with engine.begin() as connection:
            found = receipt_ids.find(connection, "acme", [part], arrived=[part], now=NOW)
        return found[part].complete

    waits = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = :name"
    with ThreadPoolExecutor(1) as other, engine.begin() as connection:
        first = receipt_ids.find(connection, "acme", ["1"], arrived=["1"], now=NOW)
        second = other.submit(tell, "2")
        wait_for(
            lambda: desk.world.query(waits, name=engine.url.database), what="the second process"
        )
        connection.commit()
        assert second.result(10)
    assert not first["1"].complete
    assert first["1"].message_id == message_id
