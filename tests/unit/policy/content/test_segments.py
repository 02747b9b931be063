import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.policy.content.segments import Encoding, count_segments

GSM, UCS = Encoding.GSM_7, Encoding.UCS_2


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", GSM, 0, 1),
        ("Reply STOP", GSM, 10, 1),
        ("a" * 160, GSM, 160, 1),
        ("a" * 161, GSM, 161, 2),
        ("a" * 306, GSM, 306, 2),
        ("a" * 307, GSM, 307, 3),
        ("a" * 459, GSM, 459, 3),
        ("a" * 460, GSM, 460, 4),
        ("€", GSM, 2, 1),
        ("€" * 80, GSM, 160, 1),
        ("€" * 81, GSM, 162, 2),
        ("^{}\\[~]|\f", GSM, 18, 1),
        # An escape does not stand at a segment's end: 152 letters and a euro leave one unused.
        ("a" * 152 + "€" + "a" * 152, GSM, 306, 3),
        ("a" * 151 + "€" + "a" * 153, GSM, 306, 2),
        ("é à è ù ì ò ñ ü ö ä Ç ß ¿ ¡", GSM, 27, 1),
        # Not in the table: most accents of Portuguese and Spanish, and the small cedilla.
        ("promoção", UCS, 8, 1),
        ("más", UCS, 3, 1),
        ("ç", UCS, 1, 1),
        ("`", UCS, 1, 1),
        ("\N{RIGHT SINGLE QUOTATION MARK}", UCS, 1, 1),
        ("ã" * 70, UCS, 70, 1),
        ("ã" * 71, UCS, 71, 2),
        ("ã" * 134, UCS, 134, 2),
        ("ã" * 135, UCS, 135, 3),
        ("बंद", UCS, 3, 1),
        ("😀", UCS, 2, 1),
        ("😀" * 35, UCS, 70, 1),
        ("😀" * 36, UCS, 72, 2),
        # A pair is not cut: 66 letters and an emoji leave one unit of the first segment unused.
        ("ã" * 66 + "😀" + "ã" * 66, UCS, 134, 3),
        ("ã" * 65 + "😀" + "ã" * 67, UCS, 134, 2),
        # Braces and the euro take one unit in UCS-2.
        ("ã{}€", UCS, 4, 1),
    ],
)
def test_known_vectors(text: str, encoding: Encoding, units: int, segments: int) -> None:
    counted = count_segments(text)
    assert (counted.encoding, counted.units, counted.segments) == (encoding, units, segments)


@given(st.text(max_size=700))
def test_segments_hold_their_units_and_no_segment_is_superfluous(text: str) -> None:
    counted = count_segments(text)
    alone, joined = (160, 153) if counted.encoding is GSM else (70, 67)
    if counted.segments == 1:
        assert counted.units <= alone
    else:
        assert counted.units > alone
        assert counted.units <= joined * counted.segments
        assert counted.units > (joined - 1) * (counted.segments - 1)


@given(st.text(max_size=300), st.text(max_size=300))
def test_more_text_never_takes_fewer_segments(text: str, more: str) -> None:
    assert count_segments(text + more).segments >= count_segments(text).segments
