"""Sending through Twilio: SMS and WhatsApp, by number or messaging service."""

from pipeline.providers.base import (
    CannotTell,
    Finding,
    NotStarted,
    OutboundMessage,
    SendResult,
    Sought,
)
from pipeline.providers.http import Answer, Client, SessionFactory, without_answer
from pipeline.providers.twilio import dialect, lookup


class TwilioProvider:
    """Sends messages of one Twilio account.

    Args:
        base_url: of the interface, without a path.
        account_sid: whose messages they are.
        user, secret: who asks: the account itself with its token, or an API key with its secret.
        status_callback_url: told to Twilio with each message.
        open_session: makes the session; called here, so this must run inside the loop.
    """

    def __init__(
        self,
        *,
        base_url: str,
        account_sid: str,
        user: str,
        secret: str,
        status_callback_url: str,
        open_session: SessionFactory,
    ) -> None:
        self._url = dialect.messages_url(base_url, account_sid)
        self._form = dialect.form_builder(status_callback_url)
        self._client = Client(open_session(dialect.headers(user, secret)))

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        """Hand over one message, once; see `Provider.send`."""
        if message.validity_seconds is not None and message.validity_seconds < 1:
            # No whole second is left, and Twilio knows no shorter validity.
            return NotStarted()
        result = await self._client.post(self._url, self._form(message), start_within)
        if isinstance(result, Answer):
            return dialect.read_answer(message, result)
        return without_answer(result)

    async def find(self, sought: Sought) -> Finding:
        """Look a message up whose answer was lost; see `Provider.find`."""
        answer = await self._client.get(lookup.query(self._url, sought))
        if isinstance(answer, Answer):
            return lookup.read_page(sought, answer)
        return CannotTell(answer.detail)

    async def close(self) -> None:
        """Close the session and its connections."""
        await self._client.close()
