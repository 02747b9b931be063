"""Phone numbers in what people read who need not know them."""

PREFIX = 3
SUFFIX = 4
SHORTEST_SHOWN = 10
"""With fewer characters the shown digits would leave next to nothing to guess."""


def mask_number(phone: str | None) -> str | None:
    """A number of which only the country and the last four digits can be read: ``+55•••••4321``.

    Args:
        phone: E.164; None, for a person who is known by no number, stays None.
    """
    if phone is None:
        return None
    shown = phone[-SUFFIX:] if len(phone) >= SHORTEST_SHOWN else ""
    return f"{phone[:PREFIX]}•••••{shown}"
