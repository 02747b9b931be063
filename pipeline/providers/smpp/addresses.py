"""Addresses as SMPP writes them: type of number (5.2.5), numbering plan (5.2.6), and the digits."""

import re
from dataclasses import dataclass

_UNKNOWN, _INTERNATIONAL, _NETWORK_SPECIFIC, _ALPHANUMERIC = 0, 1, 3, 5
_ISDN = 1

_E164 = re.compile(r"\+?[0-9]{7,15}", re.ASCII)
_SHORT_CODE = re.compile(r"[0-9]{3,8}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9 ._&-]{1,11}", re.ASCII)
"""A header as India's, or another name: at most 11 letters of the phones' alphabet."""


@dataclass(frozen=True, slots=True)
class Address:
    """One end of a message."""

    ton: int
    npi: int
    digits: str


def read_sender(address: str) -> Address:
    """A sender's address: an international number, a short code, or a name.

    Raises:
        ValueError: it is none of these.
    """
    if _SHORT_CODE.fullmatch(address):
        return Address(_NETWORK_SPECIFIC, _UNKNOWN, address)
    if _E164.fullmatch(address):
        return Address(_INTERNATIONAL, _ISDN, address.removeprefix("+"))
    if _NAME.fullmatch(address):
        return Address(_ALPHANUMERIC, _UNKNOWN, address)
    raise ValueError("the sender's address is no number, short code or name of 11 letters")


def read_recipient(phone: str) -> Address:
    """A person's number.

    Raises:
        ValueError: it is not in the international form.
    """
    if not phone.startswith("+") or not _E164.fullmatch(phone):
        raise ValueError("the recipient has no international number")
    return Address(_INTERNATIONAL, _ISDN, phone.removeprefix("+"))


def spell_phone(digits: str, ton: int) -> str:
    """A person's number as the SMSC gave it, with the sign of an international one."""
    return f"+{digits}" if ton == _INTERNATIONAL and digits.isdigit() else digits


def spellings(digits: str, ton: int) -> tuple[str, ...]:
    """How a sender's address may stand in our book of senders; the likeliest first."""
    if not digits.isdigit():
        return (digits,) if not digits.startswith("+") else (digits, digits.removeprefix("+"))
    both = (f"+{digits}", digits)
    return both if ton == _INTERNATIONAL else both[::-1]
