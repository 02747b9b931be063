"""What `recado web` serves: the providers' webhooks, health, and figures."""
