"""What people write, as an SMSC brings it: a deliver_sm that is no receipt (4.6)."""

from dataclasses import dataclass
from hashlib import blake2b

from pipeline.policy.vocabulary import Channel
from pipeline.providers.events import InboundReply, Person
from pipeline.providers.smpp.addresses import spell_phone, spellings
from pipeline.providers.smpp.pdu import Delivery
from pipeline.providers.smpp.texts import decode
from pipeline.providers.untrusted import read_id, read_text

_TYPE = 0x3C


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """By what two deliver_sm are told apart: an SMSC gives what people write no id.

    Attributes:
        pair: of the person and the address that they wrote to, 16 hexadecimal digits.
        content: of what they wrote, to the octet, 16 more.
    """

    pair: str
    content: str


def is_reply(delivery: Delivery) -> bool:
    """Whether somebody has written: not so in an acknowledgement of a phone or of its owner."""
    return delivery.esm_class & _TYPE == 0 and read_id(delivery.source) is not None


def fingerprint(delivery: Delivery) -> Fingerprint:
    """What tells this deliver_sm from others; the same one brought again has the same."""
    return Fingerprint(
        pair=_digest(delivery.source.encode(), delivery.destination.encode()),
        content=_digest(
            bytes([delivery.esm_class & 0xFF, delivery.data_coding & 0xFF]), delivery.message
        ),
    )


def read_reply(delivery: Delivery, provider_id: str) -> InboundReply:
    """What somebody wrote.

    A long text comes in parts, and each is a reply: none of them waits for another, and a STOP
    in any of them is heard.

    Args:
        provider_id: the one that it was given here.
    """
    phone = spell_phone(delivery.source, delivery.source_ton)
    text = decode(delivery.message, data_coding=delivery.data_coding, esm_class=delivery.esm_class)
    ours = read_id(delivery.destination)
    return InboundReply(
        provider_id=provider_id,
        channel=Channel.SMS,
        person=Person(phone=read_id(phone)),
        addresses=() if ours is None else spellings(ours, delivery.destination_ton),
        body=read_text(text),
    )


def _digest(*parts: bytes) -> str:
    digest = blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()
