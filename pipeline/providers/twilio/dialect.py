"""Twilio's messaging interface: how a message is asked for and what the answers mean.

See "Messages resource" at twilio.com/docs/messaging/api/message-resource.
"""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from yarl import URL

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import Accepted, Ambiguous, OutboundMessage, Rejected, SendResult
from pipeline.providers.codes import judge
from pipeline.providers.http import Answer, clean_detail
from pipeline.providers.twilio.codes import TWILIO
from pipeline.providers.untrusted import read_id

LONGEST_VALIDITY = 36_000
"""Seconds; Twilio refuses more."""

CONTENT = "HX"
"""What the ids of Twilio's content templates begin with."""


def messages_url(base_url: str, account_sid: str) -> URL:
    """Where an account's messages are created."""
    path = f"/2010-04-01/Accounts/{quote(account_sid, safe='')}/Messages.json"
    return URL(base_url.rstrip("/") + path, encoded=True)


def headers(user: str, secret: str) -> dict[str, str]:
    """The headers of every request of an account; they hold its secret.

    Args:
        user, secret: the account's id and its token, or an API key and its secret.
    """
    credentials = base64.b64encode(f"{user}:{secret}".encode()).decode()
    return {
        "Authorization": f"Basic {credentials}",
        "Content-Type": "application/x-www-form-urlencoded",
    }


def form_builder(status_callback_url: str) -> Callable[[OutboundMessage], bytes]:
    """A function that makes the form for one message.

    Args:
        status_callback_url: where Twilio reports what became of a message; our id is added as
            the query's ``m``, the only thing of ours that Twilio sends back.
    """
    joint = "&" if "?" in status_callback_url else "?"
    callback = "&StatusCallback=" + quote_plus(f"{status_callback_url}{joint}m=")
    senders: dict[tuple[str, Channel], tuple[str, str]] = {}

    def build(message: OutboundMessage) -> bytes:
        key = (message.sender_address, message.channel)
        parts = senders.get(key)
        if parts is None:
            parts = senders[key] = _constant_parts(*key, callback)
        prefix, sender = parts
        to = quote_plus(message.to or message.user_id or "")
        form = f"To={prefix}{to}{sender}{message.message_id}{_content(message)}"
        if message.validity_seconds is not None:
            validity = min(max(message.validity_seconds, 1), LONGEST_VALIDITY)
            form = f"{form}&ValidityPeriod={validity}"
        return form.encode("ascii")

    return build


def _constant_parts(address: str, channel: Channel, callback: str) -> tuple[str, str]:
    """What all messages of a sender share: before the recipient's number, and after it."""
    on_whatsapp = channel is Channel.WHATSAPP
    prefix = "whatsapp%3A" if on_whatsapp else ""
    # Typographic quotes and the like become plain ones, where that makes an SMS shorter.
    smart = "" if on_whatsapp else "&SmartEncoded=true"
    if address.startswith("MG"):
        return prefix, f"&MessagingServiceSid={quote_plus(address)}{smart}{callback}"
    return prefix, f"&From={prefix}{quote_plus(address)}{smart}{callback}"


def _content(message: OutboundMessage) -> str:
    """What is said: by a content template where there is one, else in words.

    A content template brings its media itself.
    """
    if message.template is not None and message.template.startswith(CONTENT):
        content = f"&ContentSid={quote_plus(message.template)}"
        values = message.template_parameters
        if not values:
            return content
        names = message.template_parameter_names or map(str, range(1, len(values) + 1))
        variables = json.dumps(dict(zip(names, values, strict=True)))
        return f"{content}&ContentVariables={quote_plus(variables)}"
    # A text that is not quite Unicode loses a character rather than its whole chunk.
    text = f"&Body={quote_plus(message.body, errors='replace')}"
    if message.media_url is None:
        return text
    return f"{text}&MediaUrl={quote_plus(message.media_url)}"


def read_answer(message: OutboundMessage, answer: Answer) -> SendResult:
    """What Twilio said about `message`."""
    content = answer.json()
    if not isinstance(content, dict):
        content = {}
    if answer.succeeded:
        provider_id = read_id(content.get("sid"))
        if provider_id is None:
            return Ambiguous("a success without a message id")
        return Accepted(provider_id, segments=_segments(content.get("num_segments")))
    return _read_error(message, answer, content)


def _segments(value: object) -> int | None:
    # "0" of a messaging service's message: it is split once it has a number to leave from.
    known = isinstance(value, str) and value.isascii() and value.isdigit()
    return int(str(value)[:4]) or None if known else None


def _read_error(
    message: OutboundMessage, answer: Answer, content: dict[str, object]
) -> Rejected | Ambiguous:
    code = content.get("code")
    words = content.get("message")
    return judge(
        TWILIO,
        code=code if type(code) is int else None,
        status=answer.status,
        detail=clean_detail(words if isinstance(words, str) else f"HTTP {answer.status}"),
        attempt=message.attempt,
        retry_after=answer.retry_after,
    )
