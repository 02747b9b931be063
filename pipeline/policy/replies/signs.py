"""Signs that are read like words, in every language alike."""

import re

_STOP = "\N{OCTAGONAL SIGN}\N{NO ENTRY}\N{NO ENTRY SIGN}"
_HAND = "\N{RAISED HAND}\N{RAISED BACK OF HAND}\N{RAISED HAND WITH FINGERS SPLAYED}"
_UNCLEAR = (
    "\N{THUMBS DOWN SIGN}\N{POUTING FACE}\N{ANGRY FACE}\N{FACE WITH LOOK OF TRIUMPH}"
    "\N{SERIOUS FACE WITH SYMBOLS COVERING MOUTH}\N{PILE OF POO}"
    "\N{REVERSED HAND WITH MIDDLE FINGER EXTENDED}\N{FACE WITH NO GOOD GESTURE}"
    "\N{BELL WITH CANCELLATION STROKE}\N{NO MOBILE PHONES}\N{CROSS MARK}"
    "\N{SPEAKER WITH CANCELLATION STROKE}"
)
_QUESTION = "?¿؟\N{FULLWIDTH QUESTION MARK}"
_BESIDE = re.compile(r"[\s\U0001F3FB-\U0001F3FF\u2640\u2642.!…]+")
"""What may stand beside a raised hand: colours of skin, genders, points, spaces."""


def has_stop_sign(text: str) -> bool:
    """Whether a sign stands in the text that everybody reads as stop, whatever is beside it."""
    return any(sign in text for sign in _STOP)


def says_stop(text: str) -> bool:
    """Whether a text without words says stop: a stop sign, or raised hands and nothing else.

    A raised hand among other faces may greet.
    """
    if has_stop_sign(text):
        return True
    signs = _BESIDE.sub("", text)
    return bool(signs) and all(sign in _HAND for sign in signs)


def is_unclear(text: str) -> bool:
    """Whether a text without words may mean that the person has had enough."""
    return any(sign in _HAND + _UNCLEAR + _QUESTION for sign in text)
