"""Whether a webhook comes from whom it says: signatures over the bytes that were received.

Every comparison takes constant time. Whatever a stranger puts into a header, or an operator left
empty, the answer is no, never an exception.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from urllib.parse import parse_qs, urlsplit

TOLERANCE = 300.0
"""Seconds that the time of a Standard Webhook may be away from ours."""

_LONGEST_CHALLENGE = 256
_URL = re.compile(r"(https?)://([^/?#]*)(.*)", re.DOTALL | re.IGNORECASE)
_PORT = re.compile(r":[0-9]*$", re.ASCII)
_STANDARD_PORTS = {"http": "80", "https": "443"}
_UNIX_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)


class SignatureFault(StrEnum):
    """Why a Standard Webhook is refused; it labels a metric."""

    UNCONFIGURED = "unconfigured"
    """We have no usable secret."""
    INCOMPLETE = "incomplete"
    """A header is missing, or its value cannot be one."""
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"
    MISMATCH = "mismatch"


def whatsapp_signature_ok(secret: str | None, raw: bytes, header: str | None) -> bool:
    """Whether ``X-Hub-Signature-256`` is the app secret's HMAC-SHA256 of the body.

    Args:
        raw: the body as received; parsed and written again it would be another.
    """
    if not secret or not header:
        return False
    expected = hmac.new(_bytes(secret), raw, hashlib.sha256).hexdigest()
    return _same(f"sha256={expected}", header)


def whatsapp_challenge(verify_token: str | None, query: Mapping[str, str]) -> str | None:
    """What to answer, as plain text, when WhatsApp asks whether the address is ours.

    Args:
        query: the parameters ``hub.mode``, ``hub.verify_token`` and ``hub.challenge``.

    Returns:
        The challenge; None: whoever asks does not know the token.
    """
    token = query.get("hub.verify_token")
    if not verify_token or not token or not _same(verify_token, token):
        return None
    challenge = query.get("hub.challenge", "")
    usable = 0 < len(challenge) <= _LONGEST_CHALLENGE and challenge.isascii()
    if query.get("hub.mode") != "subscribe" or not usable or not challenge.isprintable():
        return None
    return challenge


def twilio_signature_ok(
    secret: str | None,
    url: str,
    body: Mapping[str, Sequence[str]] | bytes,
    *,
    signature: str | None,
    settings: str | None = None,
) -> bool:
    """Whether ``X-Twilio-Signature`` signs this request.

    A form is signed with its fields: their names in order, each with its values in order, without
    repetitions. Anything else is signed through the query's ``bodySHA256``. Twilio is not
    consistent about the port in the address: it counts with and without.

    Args:
        secret: the account's token, or the secret of the shared key that `settings` names.
        url: as Twilio was told to call it, with the query as received; no header may have a say.
        body: a form's fields, empty ones included, or the bytes of a JSON body.
        settings: the header ``X-Twilio-Webhooks-Signature-Settings``, which a shared key brings:
            ``key=<its id>,algorithm=HMAC_SHA256``. Without it the algorithm is HMAC-SHA1.
    """
    digest = _twilio_digest(settings)
    if not secret or not signature or digest is None:
        return False
    if isinstance(body, bytes):
        if not _body_hash_ok(url, body):
            return False
        fields = ""
    else:
        fields = "".join(name + value for name in sorted(body) for value in sorted(set(body[name])))
    key = _bytes(secret)
    matches = [
        _same(_base64(hmac.new(key, _bytes(candidate + fields), digest).digest()), signature)
        for candidate in _with_and_without_port(url)
    ]
    return any(matches)


def standard_webhook_ok(
    secret: str | None,
    *,
    message_id: str | None,
    timestamp: str | None,
    raw: bytes,
    header: str | None,
    now: datetime,
) -> bool:
    """Whether a Standard Webhook is genuine and of now; see `standard_webhook_fault`."""
    fault = standard_webhook_fault(
        secret, message_id=message_id, timestamp=timestamp, raw=raw, header=header, now=now
    )
    return fault is None


def standard_webhook_fault(
    secret: str | None,
    *,
    message_id: str | None,
    timestamp: str | None,
    raw: bytes,
    header: str | None,
    now: datetime,
) -> SignatureFault | None:
    """Why a Standard Webhook is refused; None: it is genuine and of now.

    The scheme is that of standardwebhooks.com, symmetric (``v1``).

    Args:
        secret: see `standard_webhook_key`.
        message_id: the header ``webhook-id``.
        timestamp: the header ``webhook-timestamp``: seconds since 1970.
        raw: the body as received.
        header: ``webhook-signature``: signatures with spaces between; one that matches is enough,
            so that a source may change its secret.
        now: the machine's instant: the sender's clock is no business clock. Aware.

    Raises:
        ValueError: `now` is naive.
    """
    if now.tzinfo is None:
        raise ValueError("now must be aware")
    key = standard_webhook_key(secret)
    if key is None:
        return SignatureFault.UNCONFIGURED
    if not message_id or not header or not timestamp or not _UNIX_TIME.fullmatch(timestamp):
        return SignatureFault.INCOMPLETE
    age = now.timestamp() - int(timestamp)
    if abs(age) > TOLERANCE:
        return SignatureFault.TOO_OLD if age > 0 else SignatureFault.TOO_NEW
    content = b".".join((_bytes(message_id), timestamp.encode(), raw))
    expected = "v1," + _base64(hmac.new(key, content, hashlib.sha256).digest())
    matches = [_same(expected, given) for given in header.split(" ")]
    return None if any(matches) else SignatureFault.MISMATCH


def standard_webhook_key(secret: str | None) -> bytes | None:
    """The key that a secret like ``whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`` stands for.

    Returns:
        None: it is empty, or what follows the prefix is not base64.
    """
    if not secret:
        return None
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _twilio_digest(settings: str | None) -> str | None:
    for part in (settings or "").split(","):
        name, _, value = part.partition("=")
        if name.strip() == "algorithm" and value.strip():
            return {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}.get(value.strip().upper())
    return "sha1"


def _body_hash_ok(url: str, raw: bytes) -> bool:
    try:
        given = parse_qs(urlsplit(url).query).get("bodySHA256")
    except ValueError:
        return False
    # Without one, the signature says nothing about the body.
    return given is not None and _same(hashlib.sha256(raw).hexdigest(), given[0])


def _with_and_without_port(url: str) -> Iterator[str]:
    yield url
    parts = _URL.fullmatch(url)
    if parts is None:
        return
    scheme, authority, rest = parts.groups()
    host = _PORT.sub("", authority)
    if host == authority:
        yield f"{scheme}://{host}:{_STANDARD_PORTS[scheme.lower()]}{rest}"
    else:
        yield f"{scheme}://{host}{rest}"


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _same(expected: str, given: str) -> bool:
    # Of text, `compare_digest` takes only ASCII.
    return hmac.compare_digest(_bytes(expected), _bytes(given))


def _bytes(text: str) -> bytes:
    # Half surrogates come from environment variables that are not quite UTF-8.
    return text.encode("utf-8", "surrogatepass")
