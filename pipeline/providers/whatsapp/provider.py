"""Sending through the WhatsApp Cloud API."""

from collections.abc import Callable

from yarl import URL

from pipeline.policy.vocabulary import Category, Channel
from pipeline.providers.base import (
    Action,
    CannotTell,
    Finding,
    OutboundMessage,
    Rejected,
    SendResult,
    Sought,
)
from pipeline.providers.health import UNUSABLE
from pipeline.providers.http import Answer, Client, SessionFactory, without_answer
from pipeline.providers.whatsapp import dialect


class WhatsAppProvider:
    """Sends WhatsApp messages of one business account.

    Args:
        base_url: of the Graph API, without a path.
        access_token: of a system user who may send.
        marketing_endpoint: whether marketing templates go to ``/marketing_messages``; else they
            go where every other message goes.
        open_session: makes the session; called here, so this must run inside the loop.
    """

    def __init__(
        self,
        *,
        base_url: str,
        access_token: str,
        marketing_endpoint: bool,
        open_session: SessionFactory,
    ) -> None:
        self._base_url = base_url
        self._marketing_endpoint = marketing_endpoint
        self._client = Client(open_session(dialect.headers(access_token)))
        self._urls: dict[str, URL] = {}
        self._marketing_urls: dict[str, URL] = {}

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        """Hand over one message, once; see `Provider.send`."""
        if message.channel is not Channel.WHATSAPP:
            detail = "the WhatsApp Cloud API carries WhatsApp alone"
            return Rejected(Action.HALT_SENDER, UNUSABLE, detail, None)
        sender = message.sender_address
        # Only templates: marketing in a conversation's own words goes as any reply does.
        marketing = (
            self._marketing_endpoint
            and message.category is Category.MARKETING
            and message.template is not None
        )
        if marketing:
            url = _of(self._marketing_urls, sender, self._marketing_url)
        else:
            url = _of(self._urls, sender, self._url)
        body = dialect.build_body(message, marketing=marketing)
        result = await self._client.post(url, body, start_within)
        if isinstance(result, Answer):
            return dialect.read_answer(message, result, marketing=marketing)
        return without_answer(result)

    async def find(self, sought: Sought) -> Finding:
        """Look a message up whose answer was lost; see `Provider.find`. There is no look-up."""
        del sought
        return CannotTell("WhatsApp has no look-up of messages; its callbacks tell")

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._client.close()

    def _url(self, sender: str) -> URL:
        return dialect.messages_url(self._base_url, sender)

    def _marketing_url(self, sender: str) -> URL:
        return dialect.marketing_messages_url(self._base_url, sender)


def _of(urls: dict[str, URL], sender: str, make: Callable[[str], URL]) -> URL:
    """A sender's address at the provider: made once, asked for with every message."""
    url = urls.get(sender)
    if url is None:
        url = urls[sender] = make(sender)
    return url
