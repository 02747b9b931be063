"""The sandbox provider: Twilio's adapter for SMS and WhatsApp Cloud's for WhatsApp, one server."""

from pipeline.policy.vocabulary import Channel
from pipeline.providers.base import Finding, OutboundMessage, Provider, SendResult, Sought
from pipeline.providers.twilio.provider import TwilioProvider
from pipeline.providers.whatsapp.provider import WhatsAppProvider


class SandboxProvider:
    """Sends to a sandbox (``workers/sandbox``) over real HTTP, as to those it stands for.

    Args:
        sms, whatsapp: the adapters, both with the sandbox's address.
    """

    def __init__(self, *, sms: TwilioProvider, whatsapp: WhatsAppProvider) -> None:
        self._sms = sms
        self._whatsapp = whatsapp

    async def send(
        self, message: OutboundMessage, *, start_within: float | None = None
    ) -> SendResult:
        """Hand over one message, once; see `Provider.send`."""
        if message.channel is Channel.SMS:
            return await self._sms.send(message, start_within=start_within)
        return await self._whatsapp.send(message, start_within=start_within)

    async def find(self, sought: Sought) -> Finding:
        """Look a message up whose answer was lost; see `Provider.find`."""
        carrier: Provider = self._sms if sought.channel is Channel.SMS else self._whatsapp
        return await carrier.find(sought)

    async def close(self) -> None:
        """Close both sessions and the connections that they share."""
        await self._sms.close()
        await self._whatsapp.close()
