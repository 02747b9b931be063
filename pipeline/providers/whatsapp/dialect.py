"""The WhatsApp Cloud API: how a message is asked for and what the answers mean.

See "Messages" at developers.facebook.com/docs/whatsapp/cloud-api/reference/messages.
"""

import json
from urllib.parse import quote, unquote, urlsplit

from yarl import URL

from pipeline.policy.media import MediaKind, media_kind
from pipeline.providers.base import Accepted, Ambiguous, OutboundMessage, Rejected, SendResult
from pipeline.providers.codes import CodeTable, judge
from pipeline.providers.http import Answer, clean_detail
from pipeline.providers.untrusted import read_id
from pipeline.providers.whatsapp.codes import MARKETING, WHATSAPP

VERSION = "v25.0"
"""Of the Graph API."""

HELD = "held_for_quality_assessment"
"""The status of a message that waits while its template is judged; it is sent or dropped then."""

PAUSED = "paused"
"""The status of a message that was taken and is not delivered, as its template is paused."""

# For one string, `encode` of a shared encoder is a single call into C.
_quoted = json.JSONEncoder().encode


def messages_url(base_url: str, phone_number_id: str) -> URL:
    """Where messages of a sender are created."""
    path = f"/{VERSION}/{quote(phone_number_id, safe='')}/messages"
    return URL(base_url.rstrip("/") + path, encoded=True)


def marketing_messages_url(base_url: str, phone_number_id: str) -> URL:
    """Where marketing templates of a sender are sent."""
    path = f"/{VERSION}/{quote(phone_number_id, safe='')}/marketing_messages"
    return URL(base_url.rstrip("/") + path, encoded=True)


def headers(access_token: str) -> dict[str, str]:
    """The headers of every request of an account; they hold its secret."""
    return {"Authorization": f"Bearer {access_token}", "Content-Type": "application/json"}


def build_body(message: OutboundMessage, *, marketing: bool = False) -> bytes:
    """The JSON for one message: the template when there is one, else the text.

    Args:
        marketing: it goes to the endpoint for marketing: let an account that has not been
            admitted there send as it always did, and tell Meta nothing of what people do next.

    Raises:
        ValueError: a template without its language, or nobody to send to.
    """
    if message.template is not None:
        content = f'"template","template":{_template(message, message.template)}'
    elif message.media_url is not None:
        content = _media(message, message.media_url)
    else:
        content = f'"text","text":{{"body":{_quoted(message.body)}}}'
    policy = _MARKETING_POLICY if marketing else ""
    return (
        f'{{"messaging_product":"whatsapp","recipient_type":"individual",{_recipient(message)},'
        f'"type":{content}{policy},"biz_opaque_callback_data":"{message.message_id}"}}'
    ).encode("ascii")


_MARKETING_POLICY = ',"product_policy":"CLOUD_API_FALLBACK","message_activity_sharing":false'


def _recipient(message: OutboundMessage) -> str:
    """The number where there is one; else WhatsApp's own id of the person."""
    if message.to:
        return f'"to":{_quoted(message.to.removeprefix("+"))}'
    if message.user_id is None:
        raise ValueError("the message is for nobody: it has neither a number nor an id")
    return f'"recipient":{_quoted(message.user_id)}'


def _media(message: OutboundMessage, url: str) -> str:
    kind = media_kind(url).value
    return f'"{kind}","{kind}":{{{_link(url)},"caption":{_quoted(message.body)}}}'


def _link(url: str) -> str:
    """Where it lies; of a document also the name under which people see it."""
    if media_kind(url) is not MediaKind.DOCUMENT:
        return f'"link":{_quoted(url)}'
    name = unquote(urlsplit(url).path.rpartition("/")[2], errors="replace")
    return f'"link":{_quoted(url)},"filename":{_quoted(name)}'


def _template(message: OutboundMessage, name: str) -> str:
    if message.template_language is None:
        raise ValueError(f"template {name!r} needs a language")
    components = []
    if message.media_url is not None:
        kind = media_kind(message.media_url).value
        header = f'{{"type":"{kind}","{kind}":{{{_link(message.media_url)}}}}}'
        components.append(f'{{"type":"header","parameters":[{header}]}}')
    if message.template_parameters:
        components.append(f'{{"type":"body","parameters":[{_parameters(message)}]}}')
    language = f'{{"code":{_quoted(message.template_language)},"policy":"deterministic"}}'
    joined = f',"components":[{",".join(components)}]' if components else ""
    return f'{{"name":{_quoted(name)},"language":{language}{joined}}}'


def _parameters(message: OutboundMessage) -> str:
    values = message.template_parameters
    if not message.template_parameter_names:
        return ",".join(f'{{"type":"text","text":{_quoted(value)}}}' for value in values)
    named = zip(message.template_parameter_names, values, strict=True)
    return ",".join(
        f'{{"type":"text","parameter_name":{_quoted(name)},"text":{_quoted(value)}}}'
        for name, value in named
    )


def read_answer(message: OutboundMessage, answer: Answer, *, marketing: bool = False) -> SendResult:
    """What WhatsApp said about `message`.

    Args:
        marketing: it was the endpoint for marketing that said it.
    """
    content = answer.json()
    if answer.succeeded:
        return _read_success(content)
    return _read_error(MARKETING if marketing else WHATSAPP, message, answer, content)


def _read_success(content: object) -> Accepted | Ambiguous:
    match content:
        case {"messages": [{"id": given, **rest}, *_], **more} if provider_id := read_id(given):
            status = rest.get("message_status")
            return Accepted(
                provider_id,
                status == HELD,
                _user_id(more.get("contacts")),
                paused=status == PAUSED,
            )
        case _:
            return Ambiguous("a success without a message id")


def _user_id(contacts: object) -> str | None:
    """WhatsApp's id of the person, where the answer tells it and nobody else's."""
    match contacts:
        case [{"user_id": user_id}]:
            return read_id(user_id)
        case _:
            return None


def _read_error(
    table: CodeTable, message: OutboundMessage, answer: Answer, content: object
) -> Rejected | Ambiguous:
    error: object = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        error = {}
    code = error.get("code")
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    words = (details, error.get("message"), f"HTTP {answer.status}")
    return judge(
        table,
        code=code if type(code) is int else None,
        status=answer.status,
        detail=clean_detail(next(word for word in words if isinstance(word, str) and word)),
        attempt=message.attempt,
        retry_after=answer.retry_after,
    )
