"""The two providers' answers, in their own shapes."""

import json
import math

from workers.sandbox.http import response
from workers.sandbox.options import Fault, Outcome
from workers.sandbox.requests import Sending

_TWILIO_STATUS = {20003: 401, 20404: 404, 20429: 429, 20500: 500, 20503: 503}
_WHATSAPP_STATUS = {
    **dict.fromkeys(range(200, 300), 403),
    0: 401,
    1: 500,
    2: 503,
    3: 500,
    4: 429,
    10: 403,
    190: 401,
    368: 403,
    80007: 429,
    130429: 429,
    131000: 500,
    131016: 503,
    131057: 503,
    133004: 503,
}

# For one string, `encode` of a shared encoder is quicker than json.dumps.
_quoted = json.JSONEncoder().encode

RATE_LIMITED = {"twilio": 20429, "whatsapp": 130429}
"""The code of a refusal for going too fast, by who is asked."""

_MESSAGE_STATUS: dict[Outcome, str] = {
    Fault.HELD: "held_for_quality_assessment",
    Fault.PAUSED: "paused",
}

HTML = response(500, b"<html><body>Something went wrong</body></html>", content_type="text/html")


def user_id_of(to: str) -> str:
    """WhatsApp's own id of a person: that which was written to, or one made of the number."""
    return to if not to.startswith("+") else f"ZZ.{to[1:]}"


def taken(
    sending: Sending, provider_id: str, outcome: Outcome | None, *, user_ids: bool
) -> tuple[int, bytes]:
    """The status and the answer for a message that was taken.

    Args:
        outcome: WhatsApp says whether it holds a message or does not deliver it.
        user_ids: whether WhatsApp tells its id of the person.
    """
    # Written by hand for speed; only the client's own words need quoting.
    to = _quoted(sending.raw_to)
    if not sending.account:
        state = "accepted" if outcome is None else _MESSAGE_STATUS.get(outcome, "accepted")
        person = f'"wa_id":{to}' if sending.to.startswith("+") else f'"user_id":{to}'
        if user_ids and sending.to.startswith("+"):
            person = f'{person},"user_id":{_quoted(user_id_of(sending.to))}'
        text = (
            f'{{"messaging_product":"whatsapp","contacts":[{{"input":{to},{person}}}],'
            f'"messages":[{{"id":"{provider_id}","message_status":"{state}"}}]}}'
        )
        return 200, response(200, text.encode())
    sender, service = _quoted(sending.sender), "null"
    if sending.sender.startswith("MG"):
        sender, service = service, sender
    text = (
        f'{{"sid":"{provider_id}","account_sid":"{sending.account}","api_version":"2010-04-01",'
        f'"body":"(not repeated)","direction":"outbound-api","error_code":null,'
        f'"error_message":null,"from":{sender},"messaging_service_sid":{service},'
        '"num_media":"0","num_segments":"1","price":null,"price_unit":null,"date_sent":null,'
        f'"status":"{"queued" if service == "null" else "accepted"}",'
        f'"to":{to},"uri":'
        f'"/2010-04-01/Accounts/{sending.account}/Messages/{provider_id}.json"}}'
    )
    return 201, response(201, text.encode())


def error(dialect: str, code: int, *, wait: float = 0.0) -> tuple[int, bytes]:
    """The status and the answer for an error; `wait` seconds become its Retry-After."""
    content: dict[str, object]
    if dialect == "whatsapp":
        status = _WHATSAPP_STATUS.get(code, 400)
        data = {"messaging_product": "whatsapp", "details": f"Sandbox error {code}"}
        content = {
            "error": {
                "message": f"(#{code}) Sandbox error",
                "type": "OAuthException",
                "code": code,
                "error_data": data,
                "fbtrace_id": "SANDBOX",
            }
        }
    else:
        status = _TWILIO_STATUS.get(code, 400)
        content = {
            "code": code,
            "message": f"Sandbox error {code}",
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        }
    more = b""
    if status == 429:  # noqa: PLR2004 - HTTP's own number
        more = b"Retry-After: %d\r\n" % max(1, math.ceil(wait))
    return status, response(status, json.dumps(content).encode(), more=more)
