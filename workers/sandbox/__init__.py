"""The sandbox provider: a local server that answers like Twilio and the WhatsApp Cloud API."""
