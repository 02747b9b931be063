"""Which provider stands behind which ``kind`` of account."""

from dataclasses import dataclass, field

from pipeline.providers.base import Provider
from pipeline.providers.http import SessionFactory, session_factory
from pipeline.providers.sandbox import SandboxProvider
from pipeline.providers.smpp.account import SmppAccount
from pipeline.providers.smpp.provider import SmppProvider
from pipeline.providers.twilio.provider import TwilioProvider
from pipeline.providers.whatsapp.provider import WhatsAppProvider

BASE_URLS = {"twilio": "https://api.twilio.com", "whatsapp_cloud": "https://graph.facebook.com"}
"""Where the providers themselves are; an account may name another address."""

LOOK_UPS = frozenset({"twilio", "sandbox"})
"""Kinds whose `find` can tell anything: the others are never asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderAccount:
    """What a provider needs to know of one account; secrets stay out of its text.

    Attributes:
        base_url: without a path; empty: the provider's own.
        api_key, api_secret: a key of Twilio's that asks in the account's stead; empty: the
            account asks with its token.
        marketing_endpoint: whether WhatsApp's marketing templates go to its endpoint for them.
        status_callback_url: where the provider reports what became of a message.
        smpp: what an account of kind ``smpp`` needs instead of all these.
        request_timeout: seconds for one request.
        connections: open at once; no more requests than this are on the wire.
    """

    base_url: str = ""
    account_sid: str = field(default="AC00000000000000000000000000000000")
    auth_token: str = field(default="sandbox", repr=False)
    api_key: str = ""
    api_secret: str = field(default="", repr=False)
    access_token: str = field(default="sandbox", repr=False)
    marketing_endpoint: bool = True
    status_callback_url: str = "http://127.0.0.1/webhooks/twilio/sandbox"
    smpp: SmppAccount | None = None
    request_timeout: float = 20.0
    connections: int = 64


def create_provider(
    kind: str, account: ProviderAccount, *, open_session: SessionFactory | None = None
) -> Provider:
    """The provider of an account. Call it inside the event loop that will use it.

    Args:
        kind: ``twilio``, ``whatsapp_cloud``, ``smpp`` or ``sandbox``.
        account: its settings.
        open_session: makes the HTTP sessions; the default is a pool of the account's size.

    Raises:
        ValueError: no provider of this kind.
        RuntimeError: there is no running event loop.
    """
    if open_session is None:
        open_session = session_factory(
            connections=account.connections, timeout=account.request_timeout
        )
    base_url = account.base_url or BASE_URLS.get(kind, "")
    match kind:
        case "twilio":
            return _twilio(account, base_url, open_session)
        case "whatsapp_cloud":
            return _whatsapp(account, base_url, open_session)
        case "smpp" if account.smpp is not None:
            return SmppProvider(account.smpp)
        case "sandbox":
            return SandboxProvider(
                sms=_twilio(account, base_url, open_session),
                whatsapp=_whatsapp(account, base_url, open_session),
            )
        case _:
            raise ValueError(
                f"no provider of the kind {kind!r}; "
                "there are: sandbox, smpp, twilio, whatsapp_cloud"
            )


def _twilio(
    account: ProviderAccount, base_url: str, open_session: SessionFactory
) -> TwilioProvider:
    return TwilioProvider(
        base_url=base_url,
        account_sid=account.account_sid,
        user=account.api_key or account.account_sid,
        secret=account.api_secret if account.api_key else account.auth_token,
        status_callback_url=account.status_callback_url,
        open_session=open_session,
    )


def _whatsapp(
    account: ProviderAccount, base_url: str, open_session: SessionFactory
) -> WhatsAppProvider:
    return WhatsAppProvider(
        base_url=base_url,
        access_token=account.access_token,
        marketing_endpoint=account.marketing_endpoint,
        open_session=open_session,
    )
