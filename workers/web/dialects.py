"""Whether a webhook is genuine, and what it tells: for each kind, from the bytes received."""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from config.settings import ProviderSettings
from pipeline.providers.events import MalformedEventError, ProviderEvent
from pipeline.providers.inbound_events import read_inbound
from pipeline.providers.signatures import (
    standard_webhook_fault,
    twilio_signature_ok,
    whatsapp_signature_ok,
)
from pipeline.providers.twilio.events import account_of, is_json, parse_twilio_body, read_twilio
from pipeline.providers.whatsapp.events import read_whatsapp

SIGNED_BY = {
    "whatsapp": ("x-hub-signature-256",),
    "twilio": ("x-twilio-signature",),
    "inbound": ("webhook-id", "webhook-timestamp", "webhook-signature"),
}
"""The headers without which a request is not signed at all."""


class NotGenuineError(Exception):
    """The signature is not the account's; the text is a reason that labels a metric."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A provider's account, for one kind of webhook.

    Attributes:
        secret: what signs its webhooks.
    """

    name: str
    settings: ProviderSettings
    secret: str


def whatsapp_events(account: Account, request: Request, raw: bytes) -> list[ProviderEvent]:
    """What a webhook of the WhatsApp Cloud API tells.

    Raises:
        NotGenuineError: it is not signed with the app's secret.
        MalformedEventError: it cannot be read.
    """
    header = request.headers.get("x-hub-signature-256")
    if not whatsapp_signature_ok(account.secret, raw, header):
        raise NotGenuineError("mismatch")
    return read_whatsapp(raw)


def twilio_events(
    account: Account, request: Request, raw: bytes, *, public_url: str
) -> list[ProviderEvent]:
    """What a webhook of Twilio's tells.

    Args:
        public_url: where Twilio was told to call us; the rest of the address is as received.

    Raises:
        NotGenuineError: it is not signed for this account, or is about another one.
        MalformedEventError: it cannot be read.
    """
    content_type = request.headers.get("content-type")
    json_body = is_json(content_type)
    # Of a form the fields are signed, so there is no telling whose an unreadable one is.
    fields = None if json_body else _signed_form(raw, content_type)
    path = request.scope["raw_path"].decode("ascii", "replace")
    query = request.scope["query_string"].decode("utf-8", "replace")
    url = f"{public_url}{path}?{query}" if query else f"{public_url}{path}"
    signature = request.headers.get("x-twilio-signature")
    options = request.headers.get("x-twilio-webhooks-signature-settings")
    genuine = any(
        twilio_signature_ok(
            secret, url, raw if fields is None else fields, signature=signature, settings=options
        )
        for secret in _twilio_secrets(account, options)
    )
    if not genuine:
        raise NotGenuineError("mismatch")
    if fields is None:
        fields = parse_twilio_body(raw, content_type)
    if account.settings.kind == "twilio" and account_of(fields) != account.settings.account_sid:
        raise NotGenuineError("other_account")
    return read_twilio(fields, dict(request.query_params))


def inbound_events(
    account: Account, request: Request, raw: bytes, *, now: datetime
) -> list[ProviderEvent]:
    """What a webhook of any other source tells.

    Args:
        now: the machine's instant.

    Raises:
        NotGenuineError: it is not signed with the account's secret, or not now.
        MalformedEventError: it cannot be read.
    """
    fault = standard_webhook_fault(
        account.secret,
        message_id=request.headers.get("webhook-id"),
        timestamp=request.headers.get("webhook-timestamp"),
        raw=raw,
        header=request.headers.get("webhook-signature"),
        now=now,
    )
    if fault is not None:
        raise NotGenuineError(fault.value)
    return read_inbound(raw)


def _signed_form(raw: bytes, content_type: str | None) -> dict[str, list[str]]:
    try:
        return parse_twilio_body(raw, content_type)
    except MalformedEventError:
        raise NotGenuineError("unreadable") from None


def _twilio_secrets(account: Account, options: str | None) -> list[str]:
    """The account's token, and the secret of its shared key for a request that names one."""
    shared = account.settings.webhook_secret
    if options is None or shared is None:
        return [account.secret]
    return [shared.get_secret_value(), account.secret]
