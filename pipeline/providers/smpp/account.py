"""What an SMPP session needs to know of its account."""

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

PORTS = {"smpp": 2775, "smpps": 3550}
"""Where an address names no port; the first is IANA's, the second what is common for TLS."""

_FORM = "must be smpp://host:port, or smpps://host:port for TLS"


class LongTexts(StrEnum):
    """How a text travels that does not fit into one SMS."""

    PARTS = "parts"
    """Several submits, joined by the header that phones read (3GPP TS 23.040, 9.2.3.24)."""
    PAYLOAD = "payload"
    """One submit with the whole text in ``message_payload`` (5.3.2.32); the SMSC splits it."""


class ReceiptIds(StrEnum):
    """How an SMSC writes the id of a message in its answer, and in a receipt."""

    SAME = "same"
    HEX_THEN_DECIMAL = "hex_then_decimal"
    DECIMAL_THEN_HEX = "decimal_then_hex"


@dataclass(frozen=True, kw_only=True, slots=True)
class SmppAccount:
    """One account at an SMSC; its password stays out of its text.

    Attributes:
        name: as in the settings, in lower case; it stands in logs.
        tls: whether the connection is encrypted, and the SMSC's certificate checked.
        system_type: what some SMSCs want to be told at a bind; mostly empty.
        window: submits that may be unanswered at once, on each connection.
        enquire_link_seconds: after so long without a word from the SMSC it is asked whether it
            is there.
        request_timeout: seconds for an answer; afterwards nobody knows what became of a submit.
        opt_out_errors: receipts' ``err`` codes by which this SMSC says that the person has left.
        violation_errors: those by which it says that the message broke a rule.
    """

    name: str
    host: str
    port: int
    tls: bool = False
    system_id: str
    password: str = field(default="", repr=False)
    system_type: str = ""
    window: int = 10
    enquire_link_seconds: float = 30.0
    request_timeout: float = 20.0
    long_texts: LongTexts = LongTexts.PARTS
    receipt_ids: ReceiptIds = ReceiptIds.SAME
    opt_out_errors: frozenset[str] = frozenset()
    violation_errors: frozenset[str] = frozenset()


def read_address(base_url: str) -> tuple[str, int, bool]:
    """Host, port, and whether TLS is wanted, of ``smpp://host:port`` or ``smpps://host:port``.

    Raises:
        ValueError: it is no such address.
    """
    try:
        parts = urlsplit(base_url)
        port = parts.port
    except ValueError:
        # Its words show what stands in the port's place, which may be a password.
        raise ValueError(_FORM) from None
    more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in PORTS or not parts.hostname or more:
        raise ValueError(_FORM)
    return parts.hostname, port or PORTS[parts.scheme], parts.scheme == "smpps"


def canonical_id(provider_id: str, *, hexadecimal: bool = False) -> str:
    """An id as it is compared: without leading zeros and capitals, a hexadecimal one in decimal.

    SMSCs pad ids in one place and not in the other.
    """
    cleaned = provider_id.strip().lower()
    if hexadecimal:
        try:
            return str(int(cleaned, 16))
        except ValueError:
            return cleaned
    return cleaned.lstrip("0") or cleaned[:1]


def answered_id(account: SmppAccount, provider_id: str) -> str:
    """The id in the answer to a submit, as receipts are looked up by it."""
    hexadecimal = account.receipt_ids is ReceiptIds.HEX_THEN_DECIMAL
    return canonical_id(provider_id, hexadecimal=hexadecimal)


def receipted_id(account: SmppAccount, provider_id: str) -> str:
    """The id in a receipt, as `answered_id` has written it."""
    hexadecimal = account.receipt_ids is ReceiptIds.DECIMAL_THEN_HEX
    return canonical_id(provider_id, hexadecimal=hexadecimal)
