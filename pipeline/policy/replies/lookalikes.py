"""Letters of one script that stand in for those of another: a Cyrillic er for a P."""

_LATIN = "abehkmoptxycsijdqwrn"
_CYRILLIC = "авенкмортхусѕіјԁԛԝгп"
_LATIN_FOR_GREEK = "abezhikmnoptyxs"
_GREEK = "αβεζηικμνορτυχσ"

_TO_LATIN = str.maketrans(_CYRILLIC + _GREEK + "ьһ", _LATIN + _LATIN_FOR_GREEK + "bh")
_TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)
_TO_GREEK = str.maketrans(_LATIN_FOR_GREEK, _GREEK)


def readings(token: str) -> list[str]:
    """The words of one script that a word with look-alikes may be meant for.

    Args:
        token: a normalised word.
    """
    if token.isascii():
        return []
    return [token.translate(letters) for letters in (_TO_LATIN, _TO_CYRILLIC, _TO_GREEK)]
