"""Twilio's messaging interface: how an SMS is asked for and what the answers mean.

See "Messages resource" at twilio.com/docs/messaging/api/message-resource.
"""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from yarl import URL

from pipeline.providers.base import Accepted, Ambiguous, OutboundMessage, Rejected, SendResult
from pipeline.providers.codes import judge
from pipeline.providers.http import Answer, clean_detail, storable
from pipeline.providers.twilio.codes import TWILIO

LONGEST_VALIDITY = 36_000
"""Seconds; Twilio refuses more."""


def messages_url(base_url: str, account_sid: str) -> URL:
    """Where an account's messages are created."""
    path = f"/2010-04-01/Accounts/{quote(account_sid, safe='')}/Messages.json"
    return URL(base_url.rstrip("/") + path, encoded=True)


def headers(account_sid: str, auth_token: str) -> dict[str, str]:
    """The headers of every request of an account; they hold its secret."""
    credentials = base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
    return {
        "Authorization": f"Basic {credentials}",
        "Content-Type": "application/x-www-form-urlencoded",
    }


def form_builder(status_callback_url: str) -> Callable[[OutboundMessage], bytes]:
    """A function that makes the form for one SMS.

    Args:
        status_callback_url: where Twilio reports what became of a message; our id is added as
            the query's ``m``, the only thing of ours that Twilio sends back.
    """
    joint = "&" if "?" in status_callback_url else "?"
    callback = "&StatusCallback=" + quote_plus(f"{status_callback_url}{joint}m=")
    senders: dict[str, str] = {}

    def build(message: OutboundMessage) -> bytes:
        address = message.sender_address
        sender = senders.get(address)
        if sender is None:
            field = "MessagingServiceSid" if address.startswith("MG") else "From"
            sender = senders[address] = f"&{field}={quote_plus(address)}{callback}"
        # A text that is not quite Unicode loses a character rather than its whole chunk.
        text = quote_plus(message.body, errors="replace")
        form = f"To={quote_plus(message.to)}{sender}{message.message_id}&Body={text}"
        if message.validity_seconds is not None:
            validity = min(max(message.validity_seconds, 1), LONGEST_VALIDITY)
            form = f"{form}&ValidityPeriod={validity}"
        return form.encode("ascii")

    return build


def read_answer(message: OutboundMessage, answer: Answer) -> SendResult:
    """What Twilio said about `message`."""
    try:
        content = json.loads(answer.body.decode())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        content = {}
    if answer.succeeded:
        provider_id = content.get("sid")
        if isinstance(provider_id, str) and provider_id:
            return Accepted(storable(provider_id))
        return Ambiguous("a success without a message id")
    return _read_error(message, answer, content)


def _read_error(
    message: OutboundMessage, answer: Answer, content: dict[str, object]
) -> Rejected | Ambiguous:
    code = content.get("code")
    return judge(
        TWILIO,
        code=code if type(code) is int else None,
        status=answer.status,
        detail=clean_detail(str(content.get("message", f"HTTP {answer.status}"))),
        attempt=message.attempt,
        retry_after=answer.retry_after,
    )
