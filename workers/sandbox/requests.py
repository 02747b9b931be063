"""Reading what the two dialects ask: who sends what to whom."""

import json
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_plus

from workers.sandbox.http import Request

_WHATSAPP = "whatsapp%3A"
_WHATSAPP_TYPES = frozenset({"text", "template", "image", "video", "document"})


@dataclass(slots=True)
class Sending:
    """One message that a client wants sent.

    Attributes:
        to: E.164, or the provider's own id of a person without a number.
        raw_to: as the client wrote it.
        message_id: the client's own, "" when there is none.
        account: Twilio's account; "" for the WhatsApp Cloud API.
        callback: Twilio's StatusCallback as it stands in the form, encoded; "" without one.
        text: Twilio's Body, encoded in the same way; a look-up tells it.
        marketing: it came to WhatsApp's endpoint for marketing.
    """

    channel: str
    sender: str
    to: str
    raw_to: str
    message_id: str
    account: str
    callback: str = ""
    text: str = ""
    marketing: bool = False

    @property
    def dialect(self) -> str:
        """Who is asked: ``twilio`` or ``whatsapp``."""
        return "twilio" if self.account else "whatsapp"

    @property
    def id_prefix(self) -> str:
        """What the provider's ids of such messages begin with."""
        return "SM" if self.account else "wamid."


def read_twilio(request: Request, account: str) -> Sending | None:
    """A message from Twilio's form; None when a field that it must have is missing."""
    fields = dict(
        part.partition("=")[::2] for part in request.body.decode("ascii", "replace").split("&")
    )
    sender = fields.get("From") or fields.get("MessagingServiceSid")
    to = fields.get("To")
    body = fields.get("Body", "")
    if not (sender and to and (body or "ContentSid" in fields)):
        return None
    # Our id is the callback address's `m`: the only thing of the client's that comes back.
    callback = fields.get("StatusCallback", "")
    message_id = unquote_plus(callback.rpartition("m%3D")[2])
    channel = "sms"
    if to.startswith(_WHATSAPP):
        channel, to = "whatsapp", to.removeprefix(_WHATSAPP)
        sender = sender.removeprefix(_WHATSAPP)
    number = _e164(to)
    return Sending(
        channel, _sender(sender), number, number, message_id, account, callback, text=body
    )


def read_whatsapp(request: Request, sender: str, *, marketing: bool) -> Sending | None:
    """A message from WhatsApp's JSON; None when a field that it must have is missing."""
    try:
        content = json.loads(request.body.decode())
    except ValueError:
        return None
    match content:
        case {"messaging_product": "whatsapp", "type": str(kind)} if kind in _WHATSAPP_TYPES:
            to = content.get("to", content.get("recipient"))
            # The endpoint for marketing takes templates only.
            if kind not in content or not isinstance(to, str) or (marketing and kind != "template"):
                return None
        case _:
            return None
    number = to if to.startswith("+") or not to.isdigit() else f"+{to}"
    message_id = str(content.get("biz_opaque_callback_data", ""))
    return Sending("whatsapp", sender, number, to, message_id, "", marketing=marketing)


# There are few senders, and decoding one takes longer than anything else in a form.
_sender = lru_cache(maxsize=4096)(unquote_plus)


def _e164(field: str) -> str:
    digits = field.removeprefix("%2B")
    return f"+{digits}" if digits.isdigit() and digits is not field else unquote_plus(field)
