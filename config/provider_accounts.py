"""What an account at a provider must have, and where the provider may be."""

from ipaddress import ip_address
from urllib.parse import urlsplit

NEEDED = {
    "sandbox": ("base_url",),
    "twilio": ("auth_token", "account_sid"),
    # Without the last nobody who leaves is heard: its webhooks are all refused.
    "whatsapp_cloud": ("access_token", "app_secret"),
    "smpp": ("base_url", "system_id"),
    "inbound": ("webhook_secret",),
}
"""The settings that an account cannot do without, by its kind."""

REAL = frozenset({"twilio", "whatsapp_cloud"})
"""Kinds of account whose secrets are worth something."""


def check_base_url(kind: str, base_url: str) -> None:
    """Look at an address before anything depends on it.

    A request to one that cannot be an address would end as one of which nobody knows whether it
    was sent, and so would every message.

    Raises:
        ValueError: it is no address, holds more than that, or would show a secret on its way.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    usable = host and base_url.isascii() and base_url.isprintable() and " " not in base_url
    if not usable or parts.scheme not in ("http", "https"):
        raise ValueError("BASE_URL must be like https://api.example.com")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("BASE_URL must hold no name, password or query; they have settings")
    if kind in REAL and parts.scheme == "http" and not _is_here(host or ""):
        raise ValueError(f"BASE_URL of kind {kind} must begin with https: secrets go to it")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
