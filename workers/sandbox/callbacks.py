"""Status callbacks: what became of a message, told as its provider tells it.

Twilio posts a form for each status to the address that the request named. WhatsApp gathers the
statuses of a moment and posts up to a hundred in one document to the account's webhook.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import unquote_plus

from workers.sandbox.requests import Sending
from workers.sandbox.webhooks import Webhook, WebhookClient

BATCH = 100
"""Statuses in one document of WhatsApp's."""

MOST_WAITING = 200_000
"""Statuses that may wait for their time; more are lost."""

BUSINESS_ACCOUNT = "900000000000001"
"""The WhatsApp business account that every document names."""


@dataclass(slots=True)
class Status:
    """One status of one message.

    Attributes:
        due: machine seconds since 1970 at which it is told.
        state: ``sent``, ``delivered`` or ``failed``.
        delay: seconds from ``sent`` to ``delivered``.
        code: the error code of ``failed``.
    """

    due: float
    state: str
    sending: Sending
    provider_id: str
    delay: float
    code: int | None = None


class StatusCallbacks:
    """Tells what became of messages. It has no task of its own: its owner calls `flush`."""

    def __init__(self, client: WebhookClient) -> None:
        self._client = client
        self._sent: deque[Status] = deque()
        self._delivered: deque[Status] = deque()

    @property
    def waiting(self) -> int:
        """Statuses whose time has not come."""
        return len(self._sent) + len(self._delivered)

    def add(
        self, sending: Sending, provider_id: str, *, due: float, delay: float, failure: int | None
    ) -> None:
        """Have it told that a message was sent and then delivered, or that it failed.

        Args:
            sending: the message.
            provider_id: the id that it was given.
            due: machine seconds since 1970 of the first status.
            delay: seconds until the second; it never comes together with the first.
            failure: the code with which it failed; None: it did not.
        """
        if self.waiting >= MOST_WAITING:
            self._client.lose("too many statuses wait")
            return
        state = "sent" if failure is None else "failed"
        self._sent.append(Status(due, state, sending, provider_id, delay, failure))

    def flush(self, now: float, *, told: float) -> None:
        """Post every status whose time has come.

        Args:
            now: machine seconds since 1970.
            told: the same moment as the provider tells it.
        """
        due = [*_due(self._delivered, now), *_due(self._sent, now)]
        for status in due:
            if status.state == "sent":
                self._delivered.append(
                    Status(
                        now + status.delay,
                        "delivered",
                        status.sending,
                        status.provider_id,
                        status.delay,
                    )
                )
            if status.sending.account:
                self._post_form(status)
        by_sender = sorted(
            (status for status in due if not status.sending.account),
            key=lambda status: status.sending.sender,
        )
        for sender, group in groupby(by_sender, key=lambda status: status.sending.sender):
            statuses = list(group)
            for start in range(0, len(statuses), BATCH):
                self._post_document(sender, statuses[start : start + BATCH], int(told))

    def _post_form(self, status: Status) -> None:
        url = unquote_plus(status.sending.callback)
        if not url:
            return  # as Twilio: whoever names no address is told nothing
        account = self._client.account
        self._client.put(Webhook.twilio(url, status_form(status), account.auth_token))

    def _post_document(self, sender: str, statuses: Sequence[Status], at: int) -> None:
        account = self._client.account
        entries = [status_entry(status, at) for status in statuses]
        content = document("messages", sender, {"statuses": entries})
        self._client.put(Webhook.meta(account.url("whatsapp"), content, account.app_secret))


def _due(statuses: deque[Status], now: float) -> Iterator[Status]:
    while statuses and statuses[0].due <= now:
        yield statuses.popleft()


def status_form(status: Status) -> dict[str, str]:
    """One status as Twilio's form has it."""
    sending = status.sending
    prefix = "" if sending.channel == "sms" else f"{sending.channel}:"
    form = {
        "AccountSid": sending.account,
        "ApiVersion": "2010-04-01",
        "MessageSid": status.provider_id,
        "SmsSid": status.provider_id,
        "MessageStatus": status.state,
        "SmsStatus": status.state,
        "To": prefix + sending.to,
        "From": prefix + sending.sender,
    }
    if sending.sender.startswith("MG"):
        form["MessagingServiceSid"] = sending.sender
        del form["From"]
    if status.code is not None:
        form["ErrorCode"] = str(status.code)
    return form


def status_entry(status: Status, at: int) -> dict[str, Any]:
    """One status as WhatsApp's document has it; `at` in seconds since 1970."""
    entry: dict[str, Any] = {
        "id": status.provider_id,
        "status": status.state,
        "timestamp": str(at),
    }
    to = status.sending.to
    if to.startswith("+"):
        entry["recipient_id"] = to.removeprefix("+")
    else:
        entry["recipient_user_id"] = to
    if status.sending.message_id:
        entry["biz_opaque_callback_data"] = status.sending.message_id
    if status.code is not None:
        words = f"Sandbox error {status.code}"
        entry["errors"] = [
            {
                "code": status.code,
                "title": words,
                "message": words,
                "error_data": {"details": words},
            }
        ]
    return entry


def document(field: str, sender: str, value: dict[str, Any]) -> dict[str, Any]:
    """A document with one change.

    Args:
        field: what has changed: ``messages`` or ``user_preferences``.
        sender: our number, or the provider's id of it.
        value: what the change holds beside the sender.
    """
    metadata = {"display_phone_number": sender.removeprefix("+"), "phone_number_id": sender}
    content = {"messaging_product": "whatsapp", "metadata": metadata, **value}
    change = {"field": field, "value": content}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": BUSINESS_ACCOUNT, "changes": [change]}],
    }
