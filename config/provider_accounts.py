"""What an account at a provider must have, and where the provider may be."""

from collections.abc import Mapping
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


SENDING_MARGIN = 1.0
"""Seconds of a lease beside the request. A message's begins up to 0.2 s after the claim, and its
answer is written down with others. A notice that misses its slot waits for another: its request
may begin later, for as long as the lease leaves time for it, and for a second in any case."""


def check_sending(sending_seconds: float, request_timeouts: Mapping[str, float]) -> None:
    """See that every request that begins in time ends before the lease on its message does.

    Otherwise a message is in doubt, and the alarm is raised, while its answer is still to come.
    With a lease that is hardly longer than asked for here this may happen to a notice all the
    same, when it begins late or waits for a place on an SMPP connection.

    Args:
        sending_seconds: the lease of a message or notice that is being sent.
        request_timeouts: seconds, by the name of the account.

    Raises:
        ValueError: an account's requests may take longer.
    """
    for name, timeout in request_timeouts.items():
        if sending_seconds < timeout + SENDING_MARGIN:
            raise ValueError(
                f"RECADO_LEASES__SENDING_SECONDS is {sending_seconds:g} and "
                f"RECADO_PROVIDERS__{name.upper()}__REQUEST_TIMEOUT is {timeout:g}: messages "
                "would be in doubt while their answers may still come; set the first to "
                f"{timeout + SENDING_MARGIN:g} or more, or lower the second"
            )


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
