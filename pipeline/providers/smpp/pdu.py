"""PDUs: what we say in octets, and what an SMSC says in values (4 and 5).

smpplib writes and reads them; lengths and the header are checked here, before it sees them.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from smpplib import command_codes, smpp
from smpplib.command import DeliverSM, SubmitSMResp

from pipeline.providers.smpp.account import SmppAccount
from pipeline.providers.smpp.addresses import Address
from pipeline.providers.smpp.texts import UDH_INDICATOR, EncodedText

HEADER_LENGTH = 16
LARGEST_PDU = 128 * 1024
"""Octets; ``message_payload`` holds 64 K at most. More is no SMPP, or no longer in step."""

LONGEST_ID = 64
"""Octets of a message's id, 5.2.23."""

LAST_SEQUENCE = 0x7FFFFFFF
RESPONSE = 0x80000000

RECEIPTED_MESSAGE_ID = 0x001E
MESSAGE_PAYLOAD = 0x0424
MESSAGE_STATE = 0x0427

_VERSION = 0x34
_FINAL_RECEIPT = 0x01
"""``registered_delivery``, 5.2.17: tell of every end, good or bad."""

_LONGEST_VALIDITY = 30 * 86_400


class Bind(StrEnum):
    """What a session is for; the values are the specification's names."""

    TRANSMITTER = "bind_transmitter"
    RECEIVER = "bind_receiver"


class GarbageError(Exception):
    """What came is no PDU of SMPP 3.4."""


@dataclass(frozen=True, slots=True)
class Header:
    """The head of every PDU (3.2); the command by its name, empty for an unknown one."""

    length: int
    code: int
    command: str
    status: int
    sequence: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A deliver_sm (4.6): what somebody wrote, or what became of a message.

    Attributes:
        message: from ``short_message`` or, where that is empty, ``message_payload``.
        parameters: the optional ones, by tag, unread: many are an SMSC's own.
    """

    source: str
    source_ton: int
    destination: str
    destination_ton: int
    esm_class: int
    data_coding: int
    message: bytes
    parameters: Mapping[int, bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A message as its submits are written from it."""

    source: Address
    destination: Address
    text: EncodedText
    validity_seconds: int | None


_CODES: Mapping[str, int] = command_codes.commands
_NAMES = {code: name for name, code in _CODES.items()}


def read_header(raw: bytes) -> Header:
    """The head of a PDU.

    Raises:
        GarbageError: its length cannot be.
    """
    length, code, status, sequence = struct.unpack(">LLLL", raw)
    if not HEADER_LENGTH <= length <= LARGEST_PDU:
        raise GarbageError("a length that no PDU has")
    return Header(length, code, _NAMES.get(code, ""), status, sequence)


def write(command: str, sequence: int, *, status: int = 0) -> bytes:
    """A PDU that has no body, or an empty one: deliver_sm_resp ends with an unused id."""
    body = b"\0" if command == "deliver_sm_resp" else b""
    return struct.pack(">LLLL", HEADER_LENGTH + len(body), _CODES[command], status, sequence) + body


def write_bind(kind: Bind, account: SmppAccount, sequence: int) -> bytes:
    """A bind (4.1)."""
    return _generate(
        kind.value,
        sequence,
        system_id=account.system_id,
        password=account.password,
        system_type=account.system_type,
        interface_version=_VERSION,
    )


def write_submit(submission: Submission, part: int, sequence: int) -> bytes:
    """The submit_sm (4.4) of one part, counted from 0."""
    text = submission.text
    place = "message_payload" if text.whole else "short_message"
    return _generate(
        "submit_sm",
        sequence,
        source_addr_ton=submission.source.ton,
        source_addr_npi=submission.source.npi,
        source_addr=submission.source.digits,
        dest_addr_ton=submission.destination.ton,
        dest_addr_npi=submission.destination.npi,
        destination_addr=submission.destination.digits,
        esm_class=UDH_INDICATOR if len(text.parts) > 1 else 0,
        validity_period=_validity(submission.validity_seconds),
        registered_delivery=_FINAL_RECEIPT,
        data_coding=text.data_coding,
        **{place: text.parts[part]},
    )


def read_submit_response(raw: bytes) -> str:
    """The id that the SMSC gave a message; empty: it gave none, or one that nobody can keep."""
    response = _parse(_SubmitResponse("submit_sm_resp"), raw)
    provider_id = _text(response.message_id).strip()
    return provider_id if len(provider_id) <= LONGEST_ID else ""


def read_delivery(raw: bytes) -> Delivery:
    """A deliver_sm.

    Raises:
        GarbageError: it breaks off.
    """
    pdu = _parse(_Delivery("deliver_sm", need_sequence=False), raw)
    return Delivery(
        source=_text(pdu.source_addr),
        source_ton=pdu.source_addr_ton or 0,
        destination=_text(pdu.destination_addr),
        destination_ton=pdu.dest_addr_ton or 0,
        esm_class=pdu.esm_class or 0,
        data_coding=pdu.data_coding or 0,
        message=bytes(pdu.short_message or pdu.tagged.get(MESSAGE_PAYLOAD, b"")),
        parameters=pdu.tagged,
    )


class _Tagged:
    """Takes optional parameters as they are (3.2.4.1).

    smpplib knows those of the specification by name, and fails on one of which the length is
    unusual or which it does not expect: no reply may be lost over that.
    """

    tagged: dict[int, bytes]

    def parse_optional_params(self, data: bytes) -> None:
        position = 0
        while position + 4 <= len(data):
            tag, length = struct.unpack_from(">HH", data, position)
            self.tagged[tag] = data[position + 4 : position + 4 + length]
            position += 4 + length


class _Delivery(_Tagged, DeliverSM):  # type: ignore[misc]  # smpplib is untyped
    def __init__(self, command: str, **values: object) -> None:
        super().__init__(command, **values)
        self.tagged = {}


class _SubmitResponse(_Tagged, SubmitSMResp):  # type: ignore[misc]  # smpplib is untyped
    def __init__(self, command: str, **values: object) -> None:
        super().__init__(command, **values)
        self.tagged = {}


_PduT = TypeVar("_PduT", _Delivery, _SubmitResponse)


def _parse(pdu: _PduT, raw: bytes) -> _PduT:
    try:
        pdu.parse(raw)
    except Exception as error:  # smpplib's are struct.error, ValueError, KeyError, TypeError
        raise GarbageError("a PDU that breaks off") from error
    return pdu


def _generate(command: str, sequence: int, **values: object) -> bytes:
    pdu = smpp.make_pdu(command, sequence=sequence, **values)
    pdu.sequence = sequence
    return bytes(pdu.generate())


def _validity(seconds: int | None) -> str | None:
    """A relative time (7.1.1.2), ``YYMMDDhhmmss000R``; a month is a question of definition."""
    if seconds is None:
        return None
    seconds = min(seconds, _LONGEST_VALIDITY)
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, rest = divmod(rest, 60)
    return f"0000{days:02}{hours:02}{minutes:02}{rest:02}000R"


def _text(octets: bytes | None) -> str:
    return (octets or b"").decode("latin-1")
