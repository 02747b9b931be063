"""Texts as an SMSC carries them: GSM-7 or UCS-2, in parts where they are long."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.policy.content.segments import Encoding, count_segments

_ESCAPE = 0x1B
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""3GPP TS 23.038, 6.2.1, in the order of the codes; `segments.py` has the same letters."""

_EXTENDED = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
"""6.2.1.1, after an escape."""

_TO_GSM = {
    **{letter: bytes([code]) for code, letter in enumerate(_BASIC) if code != _ESCAPE},
    **{letter: bytes([_ESCAPE, code]) for code, letter in _EXTENDED.items()},
}

GSM_DEFAULT = 0x00
UCS_2 = 0x08
"""``data_coding``, 5.2.19. 0 is the SMSC's default alphabet: on GSM networks, GSM-7 with a
character an octet."""

UDH_INDICATOR = 0x40
"""Of ``esm_class``, 5.2.12: the message begins with a header for the phone."""

_ALONE = {Encoding.GSM_7: 160, Encoding.UCS_2: 140}
_JOINED = {Encoding.GSM_7: 153, Encoding.UCS_2: 134}
"""Octets of the text in one SMS, and in one of several."""

_MOST_PARTS = 255
_HEADER = bytes([5, 0, 3])
"""Five octets follow; concatenation with an 8-bit reference, of three octets."""

_EIGHT_BIT = 0x80
_ASCII = 0x01
_CHARSETS = {_ASCII: "ascii", 0x03: "latin-1", 0x06: "iso8859-5", 0x07: "iso8859-8"}
_DCS_ALPHABET = 0x0C
_DCS_CLASS = 0xF0


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text in the octets of its submits.

    Attributes:
        data_coding: as the submits state it.
        parts: one a submit; each of several begins with its header.
        whole: the one part is longer than an SMS, and the SMSC's to split.
    """

    data_coding: int
    parts: Sequence[bytes]
    whole: bool = False


def encode(text: str, reference: int, *, whole: bool = False) -> EncodedText:
    """A rendered text in as few submits as carry it; no letter is cut in two.

    Args:
        reference: joins the parts on the phone: the same in all of one text, and another in the
            person's next one.
        whole: in one piece, however long.

    Raises:
        ValueError: it takes more than 255 parts.
    """
    encoding = count_segments(text).encoding
    letters = [_octets(letter, encoding) for letter in text]
    coding = GSM_DEFAULT if encoding is Encoding.GSM_7 else UCS_2
    joined = b"".join(letters)
    if len(joined) <= _ALONE[encoding]:
        return EncodedText(coding, [joined])
    if whole:
        return EncodedText(coding, [joined], whole=True)
    pieces = _fill(letters, _JOINED[encoding])
    if len(pieces) > _MOST_PARTS:
        raise ValueError("the text takes more than 255 SMS")
    header = _HEADER + bytes([reference % 256, len(pieces)])
    return EncodedText(
        coding, [header + bytes([place]) + piece for place, piece in enumerate(pieces, 1)]
    )


def decode(message: bytes, *, data_coding: int, esm_class: int) -> str:
    """What somebody wrote; what cannot be read becomes a replacement character.

    Args:
        data_coding: 5.2.19; of GSM's own codings (3GPP TS 23.038, 4) the alphabet counts.
    """
    if esm_class & UDH_INDICATOR and message:
        message = message[1 + message[0] :]
    if data_coding in _CHARSETS:
        return message.decode(_CHARSETS[data_coding], "replace")
    in_class = data_coding & _DCS_CLASS == _DCS_CLASS
    alphabet = data_coding & (0x04 if in_class else _DCS_ALPHABET)
    if alphabet == UCS_2:
        return message.decode("utf-16-be", "replace")
    if alphabet or any(octet >= _EIGHT_BIT for octet in message):
        # Eight bits: no letter of GSM-7. Whoever sends them there means one of these.
        try:
            return message.decode()
        except UnicodeDecodeError:
            return message.decode("latin-1")
    return _from_gsm(message)


def _octets(letter: str, encoding: Encoding) -> bytes:
    # A half surrogate has no meaning; what stands for it says so.
    return _TO_GSM[letter] if encoding is Encoding.GSM_7 else letter.encode("utf-16-be", "replace")


def _fill(letters: Sequence[bytes], room: int) -> list[bytes]:
    pieces, piece = [], bytearray()
    for letter in letters:
        if len(piece) + len(letter) > room:
            pieces.append(bytes(piece))
            piece.clear()
        piece += letter
    return [*pieces, bytes(piece)]


def _from_gsm(message: bytes) -> str:
    text, escaped = [], False
    for octet in message:
        if escaped:
            # An extension that we do not know is shown as its basic letter, says 6.2.1.1.
            text.append(_EXTENDED.get(octet, _BASIC[octet]))
            escaped = False
        elif octet == _ESCAPE:
            escaped = True
        else:
            text.append(_BASIC[octet])
    return "".join(text)
