"""What goes with a message besides its text, by the address at which it lies."""

from enum import StrEnum
from urllib.parse import urlsplit

LONGEST_MEDIA_URL = 2048
"""Characters; longer ones fail at some hop on the way."""


class MediaKind(StrEnum):
    """What kind of thing it is, as WhatsApp names them."""

    IMAGE = "image"
    VIDEO = "video"
    DOCUMENT = "document"


class MediaError(ValueError):
    """An address that cannot be used; the text says why and what to write instead."""


_KINDS = {
    "jpg": MediaKind.IMAGE,
    "jpeg": MediaKind.IMAGE,
    "png": MediaKind.IMAGE,
    "mp4": MediaKind.VIDEO,
    "3gp": MediaKind.VIDEO,
    "pdf": MediaKind.DOCUMENT,
    "doc": MediaKind.DOCUMENT,
    "docx": MediaKind.DOCUMENT,
    "ppt": MediaKind.DOCUMENT,
    "pptx": MediaKind.DOCUMENT,
    "xls": MediaKind.DOCUMENT,
    "xlsx": MediaKind.DOCUMENT,
    "txt": MediaKind.DOCUMENT,
}
"""By the ending of the path: the types that the WhatsApp Cloud API takes (its page "Media")."""


def media_kind(url: str) -> MediaKind:
    """What lies at an address.

    Raises:
        MediaError: it is no https address, too long, or of no known kind.
    """
    if len(url) > LONGEST_MEDIA_URL:
        raise MediaError(f"is longer than {LONGEST_MEDIA_URL} characters; give a shorter address")
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and parts.hostname and not parts.username
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise MediaError("is no https address; write it like https://cdn.example.com/offer.jpg")
    ending = parts.path.rpartition("/")[2].rpartition(".")[2].lower()
    kind = _KINDS.get(ending)
    if kind is None:
        known = ", ".join(_KINDS)
        raise MediaError(f"must end, before any ?, in one of: {known}; it tells what it is")
    return kind
