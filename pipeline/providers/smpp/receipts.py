"""Delivery receipts: what an SMSC tells of a message that it took (4.6.1, appendix B).

The text of a receipt is of no fixed form; nearly every SMSC writes the one that appendix B shows.
Its times have no zone, and are not read: a receipt counts from when it came.
"""

import re
from dataclasses import dataclass

from pipeline.providers.events import DeliveryStatus
from pipeline.providers.http import storable
from pipeline.providers.smpp import pdu
from pipeline.providers.smpp.codes import MESSAGE_STATES, STATES
from pipeline.providers.smpp.pdu import Delivery
from pipeline.providers.smpp.texts import decode

_TYPE = 0x3C
_RECEIPT = 0x04
_INTERMEDIATE = 0x20
"""Of ``esm_class``, 5.2.12: the end of a message, and a step on its way."""

_LONGEST_TEXT = 1000
_FIELD = re.compile(r"\b(id|stat|err):\s*([^\s]+)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What became of a part of a message.

    Attributes:
        provider_id: the SMSC's, as it stands in the receipt.
        status: None: it does not know.
        error: the network's or the SMSC's own code, as it is written; None: there is none.
    """

    provider_id: str
    status: DeliveryStatus | None
    state: str
    error: str | None


def is_receipt(delivery: Delivery) -> bool:
    """Whether a deliver_sm tells of a message of ours, rather than bringing one.

    Some SMSCs leave the type out and give the id as a parameter, which no phone can send.
    """
    return (
        delivery.esm_class & _TYPE in (_RECEIPT, _INTERMEDIATE)
        or pdu.RECEIPTED_MESSAGE_ID in delivery.parameters
    )


def read_receipt(delivery: Delivery) -> Receipt | None:
    """The receipt that a deliver_sm holds; None: it says of no message what became of it.

    The parameters of 5.3.2 speak where they are there, else the text.
    """
    text = decode(
        delivery.message[:_LONGEST_TEXT],
        data_coding=delivery.data_coding,
        esm_class=delivery.esm_class,
    )
    # Whatever follows is a piece of the message itself.
    head = re.split(r"\btext:", storable(text), maxsplit=1, flags=re.IGNORECASE)[0]
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(head):
        fields.setdefault(name.lower(), value)
    parameters = delivery.parameters
    given = storable(parameters.get(pdu.RECEIPTED_MESSAGE_ID, b"").decode("latin-1")).strip()
    provider_id = given or fields.get("id", "")
    number = int.from_bytes(parameters.get(pdu.MESSAGE_STATE, b""), "big")
    state = MESSAGE_STATES.get(number) or fields.get("stat", "").upper()
    if not 0 < len(provider_id) <= pdu.LONGEST_ID or not state:
        return None
    error = fields.get("err", "").upper()[:16]
    return Receipt(
        provider_id=provider_id,
        status=STATES.get(state[:7]),
        state=state[:16],
        error=error if error.strip("0") else None,
    )
