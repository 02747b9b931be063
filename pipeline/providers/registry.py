"""Which provider stands behind which ``kind`` of account."""

from dataclasses import dataclass, field

from pipeline.providers.base import Provider
from pipeline.providers.http import SessionFactory, session_factory
from pipeline.providers.sandbox import SandboxProvider


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderAccount:
    """What a provider needs to know of one account; secrets stay out of its text.

    Attributes:
        base_url: without a path.
        status_callback_url: where the provider reports what became of a message.
        request_timeout: seconds for one request.
        connections: open at once; no more requests than this are on the wire.
    """

    base_url: str
    account_sid: str = field(default="AC00000000000000000000000000000000")
    auth_token: str = field(default="sandbox", repr=False)
    access_token: str = field(default="sandbox", repr=False)
    status_callback_url: str = "http://127.0.0.1/webhooks/twilio/sandbox"
    request_timeout: float = 20.0
    connections: int = 64


def create_provider(
    kind: str, account: ProviderAccount, *, open_session: SessionFactory | None = None
) -> Provider:
    """The provider of an account. Call it inside the event loop that will use it.

    Args:
        kind: ``sandbox``.
        account: its settings.
        open_session: makes the HTTP sessions; the default is a pool of the account's size.

    Raises:
        ValueError: no provider of this kind.
        RuntimeError: there is no running event loop.
    """
    if kind != "sandbox":
        raise ValueError(f"no provider of the kind {kind!r}; there is: sandbox")
    if open_session is None:
        open_session = session_factory(
            connections=account.connections, timeout=account.request_timeout
        )
    return SandboxProvider(
        base_url=account.base_url,
        account_sid=account.account_sid,
        auth_token=account.auth_token,
        access_token=account.access_token,
        status_callback_url=account.status_callback_url,
        open_session=open_session,
    )
