"""The WhatsApp Cloud API: how a message is asked for and what the answers mean.

See "Messages" at developers.facebook.com/docs/whatsapp/cloud-api/reference/messages.
"""

import json
from urllib.parse import quote

from yarl import URL

from pipeline.providers.base import Accepted, Ambiguous, OutboundMessage, Rejected, SendResult
from pipeline.providers.codes import judge
from pipeline.providers.http import Answer, clean_detail, storable
from pipeline.providers.whatsapp.codes import WHATSAPP

VERSION = "v25.0"
"""Of the Graph API."""

HELD = "held_for_quality_assessment"
"""The status of a message that waits while its template is judged."""

# For one string, `encode` of a shared encoder is a single call into C.
_quoted = json.JSONEncoder().encode


def messages_url(base_url: str, phone_number_id: str) -> URL:
    """Where messages of a sender are created."""
    path = f"/{VERSION}/{quote(phone_number_id, safe='')}/messages"
    return URL(base_url.rstrip("/") + path, encoded=True)


def headers(access_token: str) -> dict[str, str]:
    """The headers of every request of an account; they hold its secret."""
    return {"Authorization": f"Bearer {access_token}", "Content-Type": "application/json"}


def build_body(message: OutboundMessage) -> bytes:
    """The JSON for one message: the template when there is one, else the text.

    Raises:
        ValueError: a template without its language.
    """
    if message.template is None:
        content = f'"text","text":{{"body":{_quoted(message.body)}}}'
    else:
        content = f'"template","template":{_template(message, message.template)}'
    return (
        '{"messaging_product":"whatsapp","recipient_type":"individual","to":'
        f'{_quoted(message.to.removeprefix("+"))},"type":{content},'
        f'"biz_opaque_callback_data":"{message.message_id}"}}'
    ).encode("ascii")


def _template(message: OutboundMessage, name: str) -> str:
    if message.template_language is None:
        raise ValueError(f"template {name!r} needs a language")
    components = ""
    if message.template_parameters:
        parameters = ",".join(
            f'{{"type":"text","text":{_quoted(value)}}}' for value in message.template_parameters
        )
        components = f',"components":[{{"type":"body","parameters":[{parameters}]}}]'
    language = f'{{"code":{_quoted(message.template_language)},"policy":"deterministic"}}'
    return f'{{"name":{_quoted(name)},"language":{language}{components}}}'


def read_answer(message: OutboundMessage, answer: Answer) -> SendResult:
    """What WhatsApp said about `message`."""
    try:
        content = json.loads(answer.body.decode())
    except ValueError:
        content = None
    if answer.succeeded:
        return _read_success(content)
    return _read_error(message, answer, content)


def _read_success(content: object) -> Accepted | Ambiguous:
    match content:
        case {"messages": [{"id": str(provider_id), **rest}, *_]} if provider_id:
            return Accepted(storable(provider_id), rest.get("message_status") == HELD)
        case _:
            return Ambiguous("a success without a message id")


def _read_error(message: OutboundMessage, answer: Answer, content: object) -> Rejected | Ambiguous:
    error: object = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        error = {}
    code = error.get("code")
    data = error.get("error_data")
    words = data.get("details") if isinstance(data, dict) else None
    return judge(
        WHATSAPP,
        code=code if type(code) is int else None,
        status=answer.status,
        detail=clean_detail(str(words or error.get("message") or f"HTTP {answer.status}")),
        attempt=message.attempt,
        retry_after=answer.retry_after,
    )
