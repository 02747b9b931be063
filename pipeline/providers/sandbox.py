"""The sandbox provider: Twilio's dialect for SMS and WhatsApp Cloud's for WhatsApp, one server."""

from yarl import URL

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import (
    Action,
    Ambiguous,
    CannotTell,
    Finding,
    NotStarted,
    OutboundMessage,
    Rejected,
    SendResult,
    Sought,
)
from pipeline.providers.http import Answer, Client, SessionFactory, TooLate, Unreachable
from pipeline.providers.twilio import dialect as twilio_dialect
from pipeline.providers.whatsapp import dialect as whatsapp_dialect


class SandboxProvider:
    """Sends to a sandbox over real HTTP; see ``workers/sandbox``.

    Args:
        base_url: of the sandbox, e.g. ``http://127.0.0.1:8900``.
        account_sid, auth_token: for the SMS side.
        access_token: for the WhatsApp side.
        status_callback_url: told to the sandbox with each SMS.
        open_session: makes the two sessions; called here, so this must run inside the loop.
    """

    def __init__(
        self,
        *,
        base_url: str,
        account_sid: str,
        auth_token: str,
        access_token: str,
        status_callback_url: str,
        open_session: SessionFactory,
    ) -> None:
        self._base_url = base_url
        self._sms_url = twilio_dialect.messages_url(base_url, account_sid)
        self._sms_form = twilio_dialect.form_builder(status_callback_url)
        self._whatsapp_urls: dict[str, URL] = {}
        self._sms = Client(open_session(twilio_dialect.headers(account_sid, auth_token)))
        self._whatsapp = Client(open_session(whatsapp_dialect.headers(access_token)))

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        """Hand over one message, once; see `Provider.send`."""
        if message.channel is Channel.SMS:
            form = self._sms_form(message)
            result = await self._sms.post(self._sms_url, form, start_within)
            if isinstance(result, Answer):
                return twilio_dialect.read_answer(message, result)
        else:
            url = self._whatsapp_url(message.sender_address)
            body = whatsapp_dialect.build_body(message)
            result = await self._whatsapp.post(url, body, start_within)
            if isinstance(result, Answer):
                return whatsapp_dialect.read_answer(message, result)
        if isinstance(result, Unreachable):
            return Rejected(Action.RETRY_LATER, "unreachable", result.detail, None)
        if isinstance(result, TooLate):
            return NotStarted()
        return Ambiguous(result.detail)

    async def find(self, sought: Sought) -> Finding:
        """Look a message up whose answer was lost; see `Provider.find`."""
        return CannotTell(f"{sought.channel.value} messages cannot be looked up")

    async def close(self) -> None:
        """Close both sessions and the connections that they share."""
        await self._sms.close()
        await self._whatsapp.close()

    def _whatsapp_url(self, sender_address: str) -> URL:
        url = self._whatsapp_urls.get(sender_address)
        if url is None:
            url = whatsapp_dialect.messages_url(self._base_url, sender_address)
            self._whatsapp_urls[sender_address] = url
        return url
