"""SMPP's alphabets, addresses, ids, receipts, windows and table of codes, without an SMSC."""

import asyncio
import string
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.content.segments import count_segments
from pipeline.providers.base import Action, Ambiguous
from pipeline.providers.events import DeliveryStatus
from pipeline.providers.smpp import codes, pdu
from pipeline.providers.smpp.account import canonical_id, read_address
from pipeline.providers.smpp.addresses import read_recipient, read_sender, spellings
from pipeline.providers.smpp.inbound import fingerprint, is_reply
from pipeline.providers.smpp.pdu import Delivery, GarbageError
from pipeline.providers.smpp.receipts import is_receipt, read_receipt
from pipeline.providers.smpp.texts import UDH_INDICATOR, decode, encode
from pipeline.providers.smpp.window import Window

_LETTERS = st.text(
    st.one_of(
        st.sampled_from(string.ascii_letters + "@£€{}[]~^|\\§àñÇ`\n "),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=700,
)


def delivery(message: bytes = b"", **changes: object) -> Delivery:
    fields: dict[str, object] = {
        "source": "5511999990001",
        "source_ton": 1,
        "destination": "15550100001",
        "destination_ton": 1,
        "esm_class": 0,
        "data_coding": 0,
        "message": message,
        "parameters": {},
    }
    return Delivery(**(fields | changes))  # type: ignore[arg-type]


@given(text=_LETTERS, reference=st.integers(0, 1000))
def test_a_text_takes_the_segments_that_were_counted_and_is_whole_again(
    text: str, reference: int
) -> None:
    encoded = encode(text, reference)
    assert len(encoded.parts) == count_segments(text).segments
    several = UDH_INDICATOR if len(encoded.parts) > 1 else 0
    assert all(
        len(part) <= (159 if encoded.data_coding == 0 else 140) or not several
        for part in encoded.parts
    )
    read = [
        decode(part, data_coding=encoded.data_coding, esm_class=several) for part in encoded.parts
    ]
    assert "".join(read) == text


@given(message=st.binary(max_size=300), coding=st.integers(0, 255), esm=st.integers(0, 255))
def test_whatever_is_delivered_can_be_read(message: bytes, coding: int, esm: int) -> None:
    assert isinstance(decode(message, data_coding=coding, esm_class=esm), str)
    brought = delivery(message, data_coding=coding, esm_class=esm)
    read_receipt(brought)
    fingerprint(brought)


@given(body=st.binary(max_size=200))
def test_a_pdu_of_any_octets_is_read_or_is_garbage(body: bytes) -> None:
    raw = struct.pack(">LLLL", 16 + len(body), 5, 0, 1) + body
    try:
        assert isinstance(pdu.read_delivery(raw), Delivery)
    except GarbageError:
        return


@pytest.mark.parametrize("length", [0, 15, pdu.LARGEST_PDU + 1, 2**32 - 1])
def test_a_length_that_no_pdu_has_is_garbage(length: int) -> None:
    with pytest.raises(GarbageError):
        pdu.read_header(struct.pack(">LLLL", length, 5, 0, 1))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://h:1",
        "smpp://",
        "smpp://u:p@h",
        "smpp://u:p#w@h",
        "smpp://h/path",
        "smpp://h?x=1",
        "smpp://h#x",
        "smpp://h:70000",
        "smpp://[::1",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="smpp://host:port"):
        read_address(address)


def test_an_address_has_its_usual_port() -> None:
    assert read_address("smpp://h") == ("h", 2775, False)
    assert read_address("smpps://h") == ("h", 3550, True)
    assert read_address("smpps://h:9") == ("h", 9, True)


@pytest.mark.parametrize("address", ["", "twelve letters", "name!", "+123", "é"])
def test_what_no_sender_can_be_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="sender's address"):
        read_sender(address)


@pytest.mark.parametrize("phone", ["", "5511999990001", "+12a", "+"])
def test_what_no_recipient_can_be_is_refused(phone: str) -> None:
    with pytest.raises(ValueError, match="international number"):
        read_recipient(phone)


def test_our_address_is_looked_for_as_it_may_stand_in_our_book() -> None:
    assert spellings("15550100001", 1) == ("+15550100001", "15550100001")
    assert spellings("72345", 3) == ("72345", "+72345")
    assert spellings("ACMEIN", 5) == ("ACMEIN",)
    assert spellings("+15550100001", 0) == ("+15550100001", "15550100001")


def test_ids_are_one_however_they_are_written() -> None:
    assert canonical_id("000A3F") == canonical_id("a3f ") == "a3f"
    assert canonical_id("0000") == "0"
    assert canonical_id("00000A3F", hexadecimal=True) == "2623"
    assert canonical_id("no-number", hexadecimal=True) == "no-number"


def test_a_receipt_is_read_as_appendix_b_shows_it() -> None:
    text = (
        b"id:0123456789 sub:001 dlvrd:001 submit date:2611221200 done date:2611221201 "
        b"stat:UNDELIV err:0ea text:id:9 stat:DELIVRD err:1"
    )
    receipt = read_receipt(delivery(text, esm_class=0x04))
    assert receipt is not None
    assert (receipt.provider_id, receipt.status) == ("0123456789", DeliveryStatus.UNDELIVERED)
    assert (receipt.state, receipt.error) == ("UNDELIV", "0EA")


def test_parameters_speak_before_the_text() -> None:
    parameters = {pdu.RECEIPTED_MESSAGE_ID: b"77\0", pdu.MESSAGE_STATE: b"\x02"}
    brought = delivery(b"id:1 stat:UNDELIV", parameters=parameters)
    assert is_receipt(brought)
    receipt = read_receipt(brought)
    assert receipt is not None
    assert (receipt.provider_id, receipt.status) == ("77", DeliveryStatus.DELIVERED)


def test_what_a_person_writes_is_no_receipt_whatever_it_says() -> None:
    brought = delivery(b"id:1 stat:DELIVRD err:000")
    assert is_reply(brought)
    assert not is_receipt(brought)


@pytest.mark.parametrize("esm_class", [0x08, 0x10, 0x18])
def test_an_acknowledgement_is_neither_reply_nor_receipt(esm_class: int) -> None:
    brought = delivery(b"STOP", esm_class=esm_class)
    assert not is_reply(brought)
    assert not is_receipt(brought)


@pytest.mark.parametrize("text", [b"", b"id:1", b"stat:DELIVRD", b"id: stat:", b"id:" + b"9" * 65])
def test_a_receipt_that_says_too_little_is_none(text: bytes) -> None:
    assert read_receipt(delivery(text, esm_class=0x04)) is None


@pytest.mark.parametrize("status", sorted({*codes.SUBMITS, 0x09, 0x400, 0xFFFFFFFF}))
def test_no_status_lets_a_refused_message_be_sent_again_without_end(status: int) -> None:
    result = codes.judge_submit(status, attempt=1)
    assert result.known == (status in codes.SUBMITS)
    if not isinstance(result, Ambiguous):
        assert result.action is not Action.AMBIGUOUS
        assert result.known or result.action is Action.FAIL


@pytest.mark.parametrize("status", sorted(codes.BINDS))
def test_every_status_that_is_told_has_a_name(status: int) -> None:
    assert codes.name_of(status).startswith("ESME_R")
    assert codes.judge_bind(status).action in (Action.RETRY_LATER, Action.HALT_ACCOUNT)


def test_every_submit_status_has_a_name() -> None:
    assert set(codes.SUBMITS) <= set(codes.NAMES)
    assert not codes.judge_bind(0x555).known


def test_a_window_gives_its_places_in_turn_and_takes_them_back() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        soon, later = loop.time() + 0.05, loop.time() + 5
        window = Window(3)
        assert await window.enter(2, soon)
        assert not await window.enter(2, soon)
        big = asyncio.create_task(window.enter(5, later))
        await asyncio.sleep(0)
        small = asyncio.create_task(window.enter(1, later))
        await asyncio.sleep(0)
        assert not any(task.done() for task in (big, small))  # who came first is not passed by
        window.leave(2)
        assert await big
        assert not small.done()
        window.leave(5)
        assert await small

    asyncio.run(run())


def test_whoever_no_longer_waits_for_a_place_has_none() -> None:
    async def run() -> None:
        later = asyncio.get_running_loop().time() + 5
        window = Window(1)
        assert await window.enter(1, later)
        waiting = asyncio.create_task(window.enter(1, later))
        await asyncio.sleep(0)
        window.leave(1)  # its turn comes, and it is cancelled in the same moment
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await window.enter(1, later)

    asyncio.run(run())
