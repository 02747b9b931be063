"""Whatever octets an SMSC sends: a value that can be stored, or one error that says so."""

import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from smpplib import smpp

from pipeline.providers.smpp import pdu
from pipeline.providers.smpp.inbound import fingerprint, is_reply, read_reply
from pipeline.providers.smpp.pdu import Delivery, GarbageError
from pipeline.providers.smpp.receipts import is_receipt, read_receipt

DELIVER_SM = 0x00000005
SUBMIT_SM_RESP = 0x80000004


def framed(command: int, body: bytes, status: int = 0) -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command, status, 1) + body


def valid() -> bytes:
    made = smpp.make_pdu(
        "deliver_sm",
        sequence=1,
        source_addr="5511999990001",
        destination_addr="15550100001",
        esm_class=4,
        short_message=b"id:1 sub:001 dlvrd:001 stat:UNDELIV err:012 text:hello",
    )
    return bytes(made.generate())


VALID = valid()


def check(delivery: Delivery) -> None:
    fingerprint(delivery)
    texts = []
    receipt = read_receipt(delivery) if is_receipt(delivery) else None
    if receipt is not None:
        assert 0 < len(receipt.provider_id) <= 64
        texts += [receipt.provider_id, receipt.state, receipt.error or ""]
    if is_reply(delivery):
        event = read_reply(delivery, "1")
        assert event.person.phone
        assert all(event.addresses)
        assert len(event.body) <= 4096
        texts += [event.body, event.person.phone, *event.addresses]
    for text in texts:
        assert "\0" not in text
        text.encode()


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    octets = bytearray(VALID)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(16, len(octets) - 1))
        match draw(st.sampled_from("change insert cut")):
            case "change":
                octets[place] = draw(st.integers(0, 255))
            case "insert":
                octets[place:place] = draw(st.binary(max_size=8))
            case _:
                del octets[place : place + draw(st.integers(1, 8))]
        if len(octets) <= 17:
            break
    octets[:4] = struct.pack(">L", len(octets))
    return bytes(octets)


@settings(max_examples=500, deadline=None)
@given(raw=mutated() | st.binary(max_size=200).map(lambda body: framed(DELIVER_SM, body)))
@example(raw=framed(DELIVER_SM, b""))
@example(raw=framed(DELIVER_SM, b"\xff" * 60_000))
def test_any_delivery(raw: bytes) -> None:
    try:
        delivery = pdu.read_delivery(raw)
    except GarbageError:
        return
    check(delivery)


@settings(max_examples=300, deadline=None)
@given(
    source=st.text(st.characters(max_codepoint=255), min_size=1, max_size=21),
    destination=st.text(st.characters(max_codepoint=255), max_size=21),
    esm_class=st.integers(0, 255),
    data_coding=st.integers(0, 255),
    message=st.binary(max_size=80)
    | st.sampled_from([b"id:\0\0 stat:DELIVRD", b"id:1 stat:UNDELIV\0\0 err:\0", b"\0", b""]),
    given_id=st.none() | st.binary(max_size=80),
)
def test_any_values(
    source: str,
    destination: str,
    esm_class: int,
    data_coding: int,
    message: bytes,
    given_id: bytes | None,
) -> None:
    check(
        Delivery(
            source=source,
            source_ton=1,
            destination=destination,
            destination_ton=1,
            esm_class=esm_class,
            data_coding=data_coding,
            message=message,
            parameters={} if given_id is None else {pdu.RECEIPTED_MESSAGE_ID: given_id},
        )
    )


@settings(deadline=None)
@given(body=st.binary(max_size=400))
@example(body=b"1" * 100_000 + b"\0")
def test_any_answer_to_a_submit(body: bytes) -> None:
    try:
        provider_id = pdu.read_submit_response(framed(SUBMIT_SM_RESP, body))
    except GarbageError:
        return
    assert len(provider_id) <= 65


@pytest.mark.parametrize("length", [0, 15, 128 * 1024 + 1, 1 << 30, 0xFFFFFFFF])
def test_a_length_that_cannot_be_is_no_pdu(length: int) -> None:
    with pytest.raises(GarbageError):
        pdu.read_header(struct.pack(">LLLL", length, DELIVER_SM, 0, 1))
