"""How many SMS a text takes: the segments that an operator carries and charges for."""

from dataclasses import dataclass
from enum import StrEnum


class Encoding(StrEnum):
    """How the characters of an SMS travel."""

    GSM_7 = "gsm-7"
    """Seven bits a character: the letters of most Western European languages."""
    UCS_2 = "ucs-2"
    """Sixteen bits a character: everything else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segments:
    """A text as an SMS.

    Attributes:
        units: what the text takes: septets in GSM-7, 16-bit units in UCS-2.
        segments: how many messages carry it; an empty text takes one.
    """

    encoding: Encoding
    units: int
    segments: int


_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The basic table of 3GPP TS 23.038 6.2.1, without the escape."""

_EXTENDED = frozenset("\f^{}\\[~]|€")
"""Its extension table 6.2.1.1: each takes an escape besides."""

_ALONE = {Encoding.GSM_7: 160, Encoding.UCS_2: 70}
_JOINED = {Encoding.GSM_7: 153, Encoding.UCS_2: 67}
"""Units of a segment that is one of several; a header takes the rest of its 140 bytes."""

_PLANE = 0xFFFF
_WIDE = 2
"""Units of a character with an escape, or of one outside the first plane."""


def count_segments(text: str) -> Segments:
    """The segments of a rendered text.

    A character that takes two units (an escape and a letter, or a surrogate pair) is never cut
    in two: it begins the next segment, so that a text can take one more than its units tell.
    """
    widths = _gsm_widths(text)
    encoding = Encoding.GSM_7
    if widths is None:
        encoding = Encoding.UCS_2
        widths = [_WIDE if ord(character) > _PLANE else 1 for character in text]
    units = sum(widths)
    if units <= _ALONE[encoding]:
        return Segments(encoding=encoding, units=units, segments=1)
    return Segments(encoding=encoding, units=units, segments=_filled(widths, _JOINED[encoding]))


def _gsm_widths(text: str) -> list[int] | None:
    """Septets of each character; None: one is in neither table."""
    if _BASIC.issuperset(text):
        return [1] * len(text)
    widths = []
    for character in text:
        if character in _BASIC:
            widths.append(1)
        elif character in _EXTENDED:
            widths.append(_WIDE)
        else:
            return None
    return widths


def _filled(widths: list[int], room: int) -> int:
    if _WIDE not in widths:  # the fast way: nothing can be cut in two
        return -(-len(widths) // room)
    segments, used = 1, 0
    for width in widths:
        if used + width > room:
            segments, used = segments + 1, 0
        used += width
    return segments
